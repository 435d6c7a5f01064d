"""Whether the services' logs of a period should contain a consolidation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from lib.operations.due.dates import DueDates
from lib.verdict.section import or_fault
from lib.words.dates import zone
from lib.words.nouns import counted

_MOST_NAMED = 5
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Expected:
    """What to expect of a period.

    Attributes:
        quiet: Why there was nothing to consolidate; empty if there may have been something.
        is_by_intent: Whether the calendar says so, so that no service needs to log anything.
        missing: Dates of the period whose rows are late, with how many are due; empty if none are known.
    """

    quiet: str = ""
    is_by_intent: bool = False
    missing: str = ""


def expected_in(dates: DueDates, timezone: str, since: datetime, until: datetime) -> Expected:
    """Return what to expect, from the environment's `due` and the rows in the table; nothing without `due`.

    Rows of the date that the period begins in may be older than the period; those of later dates should be in the logs.

    Args:
        dates: What is due, and the rows.
        timezone: The zone of the dates.
        since: Begin of the period (UTC).
        until: End of the period (UTC).
    """
    if dates.settings is None:
        return Expected()
    first, last = (moment.astimezone(zone(timezone)).date() for moment in (since, max(since, until - _MOMENT)))
    due = dates.between(first, last)
    on = [day for day, found in due.items() if found.is_due]
    rows, fault = or_fault(lambda: dates.rows(min(on), max(on)) if on else {})
    there = rows or {}
    missing = [day for day in on if not fault and day not in there and until >= dates.deadline(day)]
    written = [day for day in on if day in there and day > first]
    off = [day for day, found in due.items() if found.is_due is False]
    if fault or missing or written or not off or any(found.is_due is None for found in due.values()):
        return Expected(missing=_named(missing, dates))
    return Expected(f"{off[-1]}: {due[off[-1]]}", is_by_intent=due[off[-1]].resumes is not None)


def _named(days: list[date], dates: DueDates) -> str:
    more = f" and {counted(len(days) - _MOST_NAMED, 'more date')}" if len(days) > _MOST_NAMED else ""
    return ", ".join(f"{day} ({dates.on(day)})" for day in days[:_MOST_NAMED]) + more
