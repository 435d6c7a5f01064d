"""The time axis of a picture: the positions of moments, and the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain, count, pairwise
from zoneinfo import ZoneInfo

from lib.words.dates import zone

_MOST_TICKS = 9
# The widest usual character, the gap between labels, and the narrowest pictures with and without fine labels.
_CHARACTER_PX, _APART_PX = 7.7, 8
_WIDE_PX, _NARROW_PX = 576, 300
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
        at: Its position, in percent of the width.
        label: Its text.
        is_fine: Whether a narrow picture leaves it out.
    """

    at: float
    label: str
    is_fine: bool = False

    @property
    def anchor(self) -> str:
        """Which end of the label is at its moment, so that no label is cut off at a border."""
        return "start" if self.at < 16 else "end" if self.at > 84 else "middle"

    def covers(self, width: float) -> tuple[float, float]:
        """Return where its label starts and ends in a picture of that width, in pixels."""
        length = len(self.label) * _CHARACTER_PX
        begins = self.at * width / 100 - length * {"start": 0, "middle": 0.5, "end": 1}[self.anchor]
        return begins, begins + length


def _are_apart(ticks: Sequence[Tick], width: float) -> bool:
    covered = [tick.covers(width) for tick in ticks]
    return all(end + _APART_PX <= start for (_, end), (start, _) in pairwise(covered))


@dataclass(frozen=True)
class Axis:
    """A period across the width of a picture. Moments outside it are at its borders."""

    since: datetime
    until: datetime
    timezone: str

    @property
    def seconds(self) -> float:
        return (self.until - self.since).total_seconds()

    def at(self, moment: datetime) -> float:
        """Return a moment's position in percent of the width, 0 to 100."""
        return min(100.0, max(0.0, 100 * (moment - self.since).total_seconds() / self.seconds))

    def holds(self, start: datetime, end: datetime) -> bool:
        """Return whether any of this time is in the period."""
        return start <= self.until and max(start, end) >= self.since

    def clock(self, moment: datetime) -> str:
        """Return a time to the millisecond, with the date if the period has several: ``10:03:28.579``."""
        return f"{self._day(moment)}{moment.astimezone(self._zone):%H:%M:%S.%f}"[:-3]

    def ticks(self) -> list[Tick]:
        """Return round times in the zone, at most nine and fewer in a narrow picture, so that no labels overlap."""
        length = (self.until - self.since) // _MICROSECOND
        # Beyond four weeks the step doubles until there are few enough.
        steps = chain(_STEPS, (_STEPS[-1] << doubled for doubled in count(1)))
        found = (self._every(step) for step in steps if length <= step * _MOST_TICKS)
        ticks = next(each for each in found if _are_apart(each, _WIDE_PX))
        every = next(n for n in range(1, len(ticks) + 2) if _are_apart(ticks[::n], _NARROW_PX))
        return [replace(tick, is_fine=number % every > 0) for number, tick in enumerate(ticks)]

    def _every(self, step: int) -> list[Tick]:
        """A tick every this many microseconds, counted from midnight."""
        midnight = self.since.astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        passed, until = ((moment - midnight) // _MICROSECOND for moment in (self.since, self.until))
        numbers = range(-(-passed // step), until // step + 1)
        moments = (self.since + (number * step - passed) * _MICROSECOND for number in numbers)
        return [Tick(self.at(moment), self._label(moment, step)) for moment in moments]

    def _label(self, moment: datetime, step: int) -> str:
        local = moment.astimezone(self._zone)
        if step >= _DAY:
            return f"{local.day} {local:%b}"
        if step >= _MINUTE:
            return f"{local:%H:%M}"
        return f"{local:%H:%M:%S}" if step >= _SECOND else f"{local:%H:%M:%S.%f}"[:-3]

    def dated(self, moment: datetime) -> str:
        """Return a time to the second with its date: ``29 Nov 10:03:28``."""
        local = moment.astimezone(self._zone)
        return f"{local.day} {local:%b %H:%M:%S}"

    @property
    def day(self) -> str:
        """The first date and the zone: ``2026-11-29, times in EST``."""
        return f"{self.since.astimezone(self._zone):%Y-%m-%d, times in %Z}"

    def _day(self, moment: datetime) -> str:
        days = {each.astimezone(self._zone).date() for each in (self.since, self.until)}
        local = moment.astimezone(self._zone)
        return "" if days == {local.date()} else f"{local.day} {local:%b} "

    @property
    def _zone(self) -> ZoneInfo:
        return zone(self.timezone)
