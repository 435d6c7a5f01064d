"""The answer to "were rows due on that date?", and the answer of a calendar alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from lib.environment import Calendar
from lib.words.brief import brief
from lib.words.text import text_of


@dataclass(frozen=True)
class Due:
    """Whether rows are due for a date.

    Attributes:
        is_due: True, False, or None if unknown.
        why: Why none are due, or why it is unknown; empty if they are due.
        units: Number of units that are due; None if unknown.
        unit_name: The noun for units, in the plural.
        resumes: When rows are due again, if the calendar has none until then.
    """

    is_due: bool | None
    why: str = ""
    units: int | None = None
    unit_name: str = "units"
    resumes: date | None = None

    __repr__ = brief()

    def __str__(self) -> str:
        if self.is_due and self.units is not None:
            return f"{self.units:,} {self.unit_name.removesuffix('s') if self.units == 1 else self.unit_name} due"
        if self.is_due:
            return "rows due"
        return f"none due: {self.why}" if self.is_due is False else f"unknown whether any were due: {self.why}"


def by_calendar(calendar: Calendar, day: date) -> Due:
    """Return what the calendar says of a date. It has no units, and is unknown after its last season."""
    if calendar.seasons and not any(day in season for season in calendar.seasons):
        following = next((season for season in calendar.seasons if day < season.first), None)
        if following is None:
            last = calendar.seasons[-1].last
            return Due(None, f"the calendar ends on {last}; add the next season to due.calendar")
        return Due(False, f"off-season, the season starts again on {following.first}", resumes=following.first)
    if pause := next((pause for pause in calendar.breaks if day in pause), None):
        resumes = pause.last + timedelta(days=1)
        return Due(False, f"{text_of(pause.name) or 'a break'} until {pause.last}", resumes=resumes)
    if calendar.weekdays and f"{day:%a}" not in calendar.weekdays:
        return Due(False, f"never on a {day:%A}")
    return Due(True)
