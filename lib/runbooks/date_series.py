"""The dates that a backfill is over: ``game_date=2026-01-01..2026-01-31``, or ``game_date=2026-01-03,2026-01-07``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from lib.errors import UserError
from lib.runbooks.catalogue import Runbook
from lib.words.dates import checked_game_date

MOST_DATES = 1_000


@dataclass(frozen=True)
class DateSeries:
    """A runbook's parameter, and the dates that it takes one after another.

    Attributes:
        parameter: Its name.
        dates: In the order in which they were asked for; each once.
    """

    parameter: str
    dates: tuple[date, ...]

    @classmethod
    def parse(cls, text: str, runbook: Runbook) -> DateSeries:
        """Read ``PARAMETER=FIRST..LAST``, both included, or ``PARAMETER=DATE,DATE,...``.

        Raises:
            UserError: It is of neither form, the runbook has no date of that name, or the dates
                are reversed, named twice or more than `MOST_DATES`.
        """
        name, equals, value = text.partition("=")
        if not equals or not value:
            raise UserError(f"{text!r:.80} is not of the form PARAMETER=FIRST..LAST or PARAMETER=DATE,DATE")
        dates = tuple(_between(value) if ".." in value else map(checked_game_date, value.split(",")))
        if len(dates) > MOST_DATES:
            raise UserError(f"{len(dates)} dates are too many at once; at most {MOST_DATES}")
        if len(set(dates)) < len(dates):
            raise UserError(f"{value!r:.80} names a date twice")
        series = cls(name, dates)
        series._ensure_dates_of(runbook)
        return series

    def share(self, index: int, count: int) -> DateSeries:
        """What one of `count` tasks has to do, so that together they do each date once.

        Args:
            index: Which task, from 0.
            count: How many there are.

        Raises:
            UserError: There is no such task.
        """
        if not 0 <= index < count:
            raise UserError(f"there is no task {index} of {count}; the first is 0")
        return replace(self, dates=self.dates[index::count])

    def _ensure_dates_of(self, runbook: Runbook) -> None:
        known = {parameter.name: parameter for parameter in runbook.parameters if parameter.type.is_date}
        if self.parameter not in known:
            raise UserError(f"{runbook.name} has no date {self.parameter!r:.80}; it has {', '.join(known) or 'none'}")
        for day in self.dates:
            known[self.parameter].value(day.isoformat())


def _between(text: str) -> Iterator[date]:
    first, last = map(checked_game_date, text.split("..", maxsplit=1))
    if last < first:
        raise UserError(f"{text!r:.80} ends before it begins")
    if (last - first).days >= MOST_DATES:
        raise UserError(f"{text!r:.80} has {(last - first).days + 1:,} dates; at most {MOST_DATES:,} at once")
    return (first + timedelta(days=number) for number in range((last - first).days + 1))
