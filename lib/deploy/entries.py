"""Which entries of the schedule another engine can run, and which cron expressions all engines read alike."""

from __future__ import annotations

import re

from lib.errors import UserError
from lib.schedule.settings import Entry, Schedule

_NAMES = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT"
_VALUE = rf"(?:\d+|{_NAMES})"
# A step needs its range: as weekdays, `1/2` reaches Sunday by its other number, 7, only for some.
_PART = rf"(?:\*(?:/\d+)?|{_VALUE}(?:-{_VALUE}(?:/\d+)?)?)"
_FIELD = rf"{_PART}(?:,{_PART})*"
_COMMON = re.compile(rf"{_FIELD}(?: +{_FIELD}){{4}}", re.ASCII | re.IGNORECASE)


def entries_of(schedule: Schedule, environment: str) -> list[Entry]:
    """The entries of an environment that have times at all.

    Raises:
        UserError: There are none.
    """
    planned = [entry for entry in schedule.of(environment).entries.values() if entry.window is not None]
    if planned:
        return planned
    raise UserError(f"no entry of {environment} has times yet: their days_since_deploy need deployed_at")


def common_cron(expression: str) -> str:
    """The expression, if it has the five fields of cron and none of the extensions (``L``, ``#``, seconds).

    Raises:
        UserError: Another engine would refuse it, or take it for something else.
    """
    if not _COMMON.fullmatch(expression):
        raise UserError(
            f"cron {expression!r:.80} has more than minute, hour, day, month and weekday in plain form, "
            "which not every engine understands"
        )
    _, _, day, _, weekday = expression.split()
    # To Debian's cron a field that begins with a star has to fit as well as the other; elsewhere one is enough.
    if "*" not in (day, weekday) and (day.startswith("*") or weekday.startswith("*")):
        raise UserError(
            f"cron {expression!r:.80} has a step from * beside another day: for some engines both have to fit, "
            "for others one; write the days out, such as 1-31/2"
        )
    return expression
