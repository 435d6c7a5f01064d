"""The duplicates of dates, counted and explained once a run: several steps ask for the same."""

from __future__ import annotations

from datetime import date

from lib.consolidation.upkeep.duplicates import DuplicateCount, Explanation, count_duplicates, explain_duplicates
from lib.platform import Platform
from lib.words.brief import brief
from lib.words.dates import days_of


class DuplicateCounts:
    """What this run has counted. A step whose question it is counts `again`; the others take what is known."""

    __repr__ = brief("_known")

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._known: dict[date, DuplicateCount | None] = {}
        self._explained: dict[date, Explanation] = {}

    def again(self, since: date, until: date) -> list[DuplicateCount]:
        """Count the dates from `since` to `until` that have rows, oldest first. Raises `WarehouseUnavailable`."""
        platform = self._platform
        found = count_duplicates(platform.warehouse, platform.table, since, until, with_rounded=True)
        by_date = {count.game_date: count for count in found}
        counted = {day: by_date.get(day) for day in days_of(since, until)}
        # A repair in between: what explained the duplicates of before explains none of those that are there now.
        for day in [day for day in counted if day in self._explained and counted[day] != self._known[day]]:
            del self._explained[day]
        self._known |= counted
        return found

    def between(self, since: date, until: date) -> list[DuplicateCount]:
        """The same, counted only if this run has not counted all of them yet."""
        days = days_of(since, until)
        if any(day not in self._known for day in days):
            return self.again(since, until)
        return [count for day in days if (count := self._known[day])]

    @property
    def stored_rows(self) -> dict[date, int]:
        """All rows of each date that has been counted so far and has some."""
        return {day: count.stored_rows for day, count in self._known.items() if count and count.stored_rows}

    def on(self, game_date: date) -> DuplicateCount:
        """Of one date; all figures are 0 when it has no rows."""
        return next(iter(self.between(game_date, game_date)), DuplicateCount(game_date))

    def explained(self, game_date: date) -> Explanation:
        """Every duplicate key of one date with its rows. Raises `WarehouseUnavailable`."""
        if game_date not in self._explained:
            platform, counted = self._platform, self.on(game_date)
            self._explained[game_date] = explain_duplicates(platform.warehouse, platform.table, game_date, counted)
        return self._explained[game_date]

    def explanation_of(self, game_date: date) -> Explanation | None:
        """The same where a step has asked for it already; else None."""
        return self._explained.get(game_date)
