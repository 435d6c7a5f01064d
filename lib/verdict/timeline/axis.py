"""The time axis of a picture: where its moments are, and which of them get a label."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from lib.words.dates import zone

_MOST_TICKS, _MOST_WHEN_NARROW = 9, 4
_MICROSECOND = timedelta(microseconds=1)
_SECOND, _MINUTE, _HOUR, _DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
_STEPS = (
    *(factor * unit for unit in (1_000, 10_000, 100_000) for factor in (1, 2, 5)),
    *(factor * unit for unit in (_SECOND, _MINUTE) for factor in (1, 2, 5, 10, 15, 30)),
    *(factor * _HOUR for factor in (1, 2, 3, 6, 12)),
    *(factor * _DAY for factor in (1, 2, 7, 14, 28)),
)


@dataclass(frozen=True)
class Tick:
    """A label of the axis.

    Attributes:
        at: Percent of the width.
        is_fine: Left out where the picture is narrow.
    """

    at: float
    label: str
    is_fine: bool


@dataclass(frozen=True)
class Axis:
    """A period laid over the width of a picture. Moments outside of it are at its borders."""

    since: datetime
    until: datetime
    timezone: str

    @property
    def seconds(self) -> float:
        return (self.until - self.since).total_seconds()

    def at(self, moment: datetime) -> float:
        """Percent of the width, 0 to 100."""
        return min(100.0, max(0.0, 100 * (moment - self.since).total_seconds() / self.seconds))

    def holds(self, start: datetime, end: datetime) -> bool:
        """Whether any of that time is in the period."""
        return start <= self.until and max(start, end) >= self.since

    def clock(self, moment: datetime) -> str:
        """To the millisecond, with the date where the period is of several: ``10:03:28.579``."""
        return f"{self._day(moment)}{moment.astimezone(self._zone):%H:%M:%S.%f}"[:-3]

    def ticks(self) -> list[Tick]:
        """Round times in the zone, at most nine; about four of those where the picture is narrow."""
        length = (self.until - self.since) // _MICROSECOND
        # Past four weeks, a multiple of those.
        step = next(
            (each for each in _STEPS if length <= each * _MOST_TICKS), _STEPS[-1] * (1 + length // (_STEPS[-1] * 9))
        )
        midnight = self.since.astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        passed = (self.since - midnight) // _MICROSECOND
        numbers = range(-(-passed // step), (passed + length) // step + 1)
        every = -(-len(numbers) // _MOST_WHEN_NARROW)
        moments = {number: self.since + (number * step - passed) * _MICROSECOND for number in numbers}
        return [
            Tick(self.at(moment), self._label(moment, step), number % every > 0) for number, moment in moments.items()
        ]

    def _label(self, moment: datetime, step: int) -> str:
        local = moment.astimezone(self._zone)
        if step >= _DAY:
            return f"{local.day} {local:%b}"
        if step >= _MINUTE:
            return f"{local:%H:%M}"
        return f"{local:%H:%M:%S}" if step >= _SECOND else f"{local:%H:%M:%S.%f}"[:-3]

    def dated(self, moment: datetime) -> str:
        """With its date, to the second: ``29 Nov 10:03:28``."""
        local = moment.astimezone(self._zone)
        return f"{local.day} {local:%b %H:%M:%S}"

    @property
    def day(self) -> str:
        """The date on which it begins, and the zone: ``2026-11-29, times in EST``."""
        return f"{self.since.astimezone(self._zone):%Y-%m-%d, times in %Z}"

    def _day(self, moment: datetime) -> str:
        days = {each.astimezone(self._zone).date() for each in (self.since, self.until)}
        local = moment.astimezone(self._zone)
        return "" if days == {local.date()} else f"{local.day} {local:%b} "

    @property
    def _zone(self) -> ZoneInfo:
        return zone(self.timezone)
