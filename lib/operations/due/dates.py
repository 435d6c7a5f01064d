"""Whether rows are due for a run's dates, and which dates have rows, each with one query per run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from lib.consolidation.upkeep.due_units import due_units, query_of, rows_by_date
from lib.environment import DueSettings
from lib.errors import CouldNotLook
from lib.operations.due.answer import Due, by_calendar
from lib.operations.duplicate_counts import DuplicateCounts
from lib.platform import Platform
from lib.words.brief import brief
from lib.words.dates import days_of, zone
from lib.words.nouns import plural

# A schedule that lists nothing for this long after a date is out of date, or the season has ended.
_REACH = timedelta(days=14)
_WEEKS_COMPARED = 4
_DAYS_BEFORE = timedelta(days=2)
_END_OF_DATE = 24.0

Counted = Mapping[date, int]


class DueDates:
    """What is due on the dates around a run's own, and the rows that they have.

    Args:
        platform: The platform with the table, and the environment's `due` settings.
        game_date: The run's own date. More distant dates cost another query.
        duplicates: Dates that this run has counted already, which are not read again.
    """

    __repr__ = brief()

    def __init__(self, platform: Platform, game_date: date, duplicates: DuplicateCounts) -> None:
        self._platform, self._duplicates = platform, duplicates
        eve, after = game_date - _DAYS_BEFORE, game_date + timedelta(days=1)
        self._listed = _Once(self._ask, game_date - timedelta(weeks=_WEEKS_COMPARED), after)
        self._rows = _Once(self._count, eve, game_date)

    @property
    def settings(self) -> DueSettings | None:
        return self._platform.environment.due

    def on(self, day: date) -> Due:
        """Return whether rows of a date are due."""
        return self.between(day, day)[day]

    def between(self, first: date, last: date) -> dict[date, Due]:
        """Return each date from `first` to `last`; a date that cannot be read is unknown, with the reason."""
        days = days_of(first, last)
        if self.settings is None:
            nothing = f"params/environments/{self._platform.name}.yaml has no due: section"
            return dict.fromkeys(days, Due(None, nothing))
        return {day: self._answer(self.settings, day, first, last) for day in days}

    def none_due(self, first: date, last: date) -> str:
        """Return why no rows are due on any date from `first` to `last`; empty if some may be."""
        found = self.between(first, last)
        return found[last].why if all(due.is_due is False for due in found.values()) else ""

    def deadline(self, day: date) -> datetime:
        """Return when the rows of a date are late (UTC)."""
        hours = self.settings.by_hour if self.settings else _END_OF_DATE
        local = datetime.combine(day, time()) + timedelta(hours=hours)
        return local.replace(tzinfo=zone(self._platform.environment.timezone)).astimezone(UTC)

    def rows(self, first: date, last: date) -> Counted:
        """Return the dates from `first` to `last` that have rows, and how many. Raises `WarehouseUnavailable`."""
        return {day: count for day, count in self._rows.between(first, last).items() if first <= day <= last}

    @property
    def _units(self) -> str:
        """The noun for units, in the plural."""
        environment = self._platform.environment
        return (self.settings and self.settings.units) or plural(environment.unit or "unit")

    def _answer(self, settings: DueSettings, day: date, first: date, last: date) -> Due:
        due = by_calendar(settings.calendar, day) if settings.calendar else Due(True)
        if settings.has_units and due.is_due is not False:
            due = self._scheduled(settings, day, first, last, due.why)
        return replace(due, unit_name=self._units)

    def _scheduled(self, settings: DueSettings, day: date, first: date, last: date, calendar_says: str) -> Due:
        try:
            listed = self._listed.between(first, last)
        except CouldNotLook as error:
            return Due(None, f"could not read the schedule: {error}")
        if units := listed.get(day):
            return Due(True, units=units)
        if day in listed:
            return Due(False, f"the schedule lists the date, but no {self._units} that are due", units=0)
        if later := sorted(other for other in listed if other > day):
            following = next((f", the next ones are on {other}" for other in later if listed[other]), "")
            return Due(False, f"no {self._units} scheduled{following}", units=0)
        stale = f"the schedule lists nothing from {day} on: it is out of date, or the season has ended"
        return Due(None, f"{stale}; {calendar_says or 'add the seasons to due.calendar'}")

    def _count(self, since: date, until: date) -> Counted:
        """Each date is a partition of its own, so known dates at both ends are not read again."""
        known = self._duplicates.stored_rows
        asked = [day for day in days_of(since, until) if day not in known]
        if not asked:
            return known
        return {**known, **rows_by_date(self._platform.warehouse, self._platform.table, asked[0], asked[-1])}

    def _ask(self, since: date, until: date) -> Counted:
        assert self.settings
        until += _REACH
        if table := self.settings.table:
            query = query_of(table, since, until, self._platform.environment.timezone)
            return due_units(self._platform.warehouse, *query)
        return due_units(self._platform.warehouse, self.settings.query, {"since": since, "until": until})


class _Once:
    """Figures by date from one query, repeated only for dates outside the first range.

    A source that failed once is not asked again by every step.
    """

    def __init__(self, ask: Callable[[date, date], Counted], first: date, last: date) -> None:
        self._ask = ask
        self._first, self._last = first, last
        self._answer: Counted | CouldNotLook | None = None

    def between(self, first: date, last: date) -> Counted:
        """Return the figures of all dates asked for so far, including these. Raises `CouldNotLook`."""
        if self._answer is None or first < self._first or last > self._last:
            self._first, self._last = min(first, self._first), max(last, self._last)
            try:
                self._answer = self._ask(self._first, self._last)
            except CouldNotLook as error:
                self._answer = error
        if isinstance(self._answer, CouldNotLook):
            raise self._answer
        return self._answer
