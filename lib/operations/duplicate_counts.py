"""The duplicates of dates, counted and explained once per run and shared by its steps."""

from __future__ import annotations

from datetime import date

from lib.consolidation.upkeep.duplicates import DuplicateCount, Explanation, count_duplicates, explain_duplicates
from lib.platform import Platform
from lib.words.brief import brief
from lib.words.dates import days_of


class DuplicateCounts:
    """The counts of this run. The step that answers for duplicates counts `again`; others reuse its counts."""

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
        # After a repair, the explanation of earlier duplicates does not apply to the present ones.
        for day in [day for day in counted if day in self._explained and counted[day] != self._known[day]]:
            del self._explained[day]
        self._known |= counted
        return found

    def between(self, since: date, until: date) -> list[DuplicateCount]:
        """Return the same counts, but query only if this run has not counted all these dates yet."""
        days = days_of(since, until)
        if any(day not in self._known for day in days):
            return self.again(since, until)
        return [count for day in days if (count := self._known[day])]

    @property
    def stored_rows(self) -> dict[date, int]:
        """The stored rows of each date that has been counted so far and has rows."""
        return {day: count.stored_rows for day, count in self._known.items() if count and count.stored_rows}

    def on(self, game_date: date) -> DuplicateCount:
        """Return the count of one date; all figures are 0 if it has no rows."""
        return next(iter(self.between(game_date, game_date)), DuplicateCount(game_date))

    def explained(self, game_date: date) -> Explanation:
        """Return every duplicate key of one date with its rows. Raises `WarehouseUnavailable`."""
        if game_date not in self._explained:
            platform, counted = self._platform, self.on(game_date)
            self._explained[game_date] = explain_duplicates(platform.warehouse, platform.table, game_date, counted)
        return self._explained[game_date]

    def explanation_of(self, game_date: date) -> Explanation | None:
        """Return the explanation if a step has already asked for it, else None."""
        return self._explained.get(game_date)
