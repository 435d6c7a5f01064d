"""Which entries of the schedule another engine is to run."""

from __future__ import annotations

from lib.errors import UserError
from lib.schedule.settings import Entry, Schedule


def entries_of(schedule: Schedule, environment: str) -> list[Entry]:
    """The entries of an environment that have times at all.

    Raises:
        UserError: There are none.
    """
    there = [entry for entry in schedule.entries.values() if entry.environment == environment]
    planned = [entry for entry in there if entry.window is not None]
    if planned:
        return planned
    if there:
        raise UserError(f"no entry of {environment} has times yet: their days_since_deploy need deployed_at")
    known = ", ".join(sorted({entry.environment for entry in schedule.entries.values()}))
    raise UserError(
        f"the schedule has no entry of {environment}, only of {known or 'none'}: set its environment, then try again"
    )
