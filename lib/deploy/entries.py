"""Schedule entries that other engines can run, and cron expressions that all engines interpret alike."""

from __future__ import annotations

import re

from lib.errors import UserError
from lib.schedule.settings import Entry, Schedule

_NAMES = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT"
_VALUE = rf"(?:\d+|{_NAMES})"
# A step needs a range: with `1/2` as weekdays, only some engines include Sunday by its other number, 7.
_PART = rf"(?:\*(?:/\d+)?|{_VALUE}(?:-{_VALUE}(?:/\d+)?)?)"
_FIELD = rf"{_PART}(?:,{_PART})*"
_COMMON = re.compile(rf"{_FIELD}(?: +{_FIELD}){{4}}", re.ASCII | re.IGNORECASE)


def entries_of(schedule: Schedule, environment: str) -> list[Entry]:
    """Return the entries of an environment that have times.

    Raises:
        UserError: There are none.
    """
    planned = [entry for entry in schedule.of(environment).entries.values() if entry.window is not None]
    if planned:
        return planned
    raise UserError(f"no entry of {environment} has times yet: days_since_deploy needs deployed_at in the schedule")


def common_cron(expression: str) -> str:
    """Return the expression if it has cron's five fields and no extensions (``L``, ``#``, seconds).

    Raises:
        UserError: Another engine would refuse the expression or interpret it differently.
    """
    if not _COMMON.fullmatch(expression):
        raise UserError(
            f"cron {expression!r:.80}: not every engine understands it; use only minute, hour, day, month and "
            "weekday, without extensions"
        )
    _, _, day, _, weekday = expression.split()
    # In Debian's cron, if one field starts with a star, both day fields must match; elsewhere one is enough.
    if "*" not in (day, weekday) and (day.startswith("*") or weekday.startswith("*")):
        raise UserError(
            f"cron {expression!r:.80} has a step from * next to another day field: in some engines both must match, "
            "in others one; write the days as a range, such as 1-31/2"
        )
    return expression
