"""Each system of a date beside its own recent good dates, figure by figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from statistics import median

from lib.consolidation.upkeep.day_profiles import SystemProfile
from lib.operations.quality.night import Night
from lib.operations.systems.good_dates import left_out
from lib.operations.systems.readings import Reading, compare, readings, varieties
from lib.verdict.verdict import Verdict
from lib.words.quantities import Value
from lib.words.text import text_of

_LONGEST_NAME = 60


@dataclass(frozen=True)
class Row:
    """One figure of one system of the date beside what is usual.

    Attributes:
        system: Its name, bounded.
        what: Which figure.
        value: As people read it, like `usual`.
        figures: Both as figures.
        scatters: How far apart they are, in times of the usual scatter; 0: that does not judge it.
        verdict: What follows.
    """

    system: str
    what: str
    value: str
    usual: str
    figures: tuple[Value, Value]
    scatters: float
    verdict: Verdict

    @property
    def evidence(self) -> dict[str, Value]:
        label = f"{self.what}, {self.system}"
        return dict(zip((label, f"{label}, usual"), self.figures, strict=True))


@dataclass(frozen=True)
class Comparison:
    """The systems of a date, each beside its good dates."""

    night: Night

    @property
    def systems(self) -> list[SystemProfile]:
        """Those of the date that have active rows."""
        return seen(self.night, self.night.game_date)

    @cached_property
    def left_out(self) -> dict[date, str]:
        return left_out(self.night)

    @cached_property
    def good_dates(self) -> list[date]:
        return [profile.game_date for profile in self.night.past if profile.game_date not in self.left_out]

    @cached_property
    def past(self) -> dict[str | None, list[SystemProfile]]:
        """By system its good dates."""
        found: dict[str | None, list[SystemProfile]] = {}
        for day in self.good_dates:
            for system in seen(self.night, day):
                found.setdefault(system.system, []).append(system)
        return found

    @cached_property
    def new(self) -> list[str]:
        """Systems that have too few good dates to be compared."""
        return [name_of(system) for system in self.systems if not self._has_past(system)]

    @cached_property
    def rows(self) -> list[Row]:
        """All that is compared, the worst first: by verdict, and among equals in the order of their figures."""
        known = [system for system in self.systems if self._has_past(system)]
        rows = [row for system in known for row in (*self._readings(system), *self._varieties(system))]
        order = {what: place for place, what in enumerate(dict.fromkeys(row.what for row in rows))}
        return sorted(rows, key=lambda row: (-row.verdict.badness, order[row.what]))

    def _has_past(self, system: SystemProfile) -> bool:
        return len(self.past.get(system.system, [])) >= self.night.rules.values.fewest_dates

    def _readings(self, system: SystemProfile) -> Iterator[Row]:
        fewest = self.night.rules.values.fewest_dates
        past: dict[str, list[Reading]] = {}
        for other in self.past[system.system]:
            for reading in readings(self.night, other):
                past.setdefault(reading.what, []).append(reading)
        for reading in readings(self.night, system):
            others = past.get(reading.what, [])
            if len(others) >= fewest:
                usual = compare(reading, others)
                yield Row(
                    system=name_of(system),
                    what=reading.what,
                    value=reading.shown(reading.value),
                    usual=reading.shown(usual.value),
                    figures=(reading.figure(reading.value), reading.figure(usual.value)),
                    scatters=usual.scatters,
                    verdict=usual.verdict,
                )

    def _varieties(self, system: SystemProfile) -> Iterator[Row]:
        """One value in many rows is a FAIL where no good date with as many had it."""
        rules = self.night.rules.values
        past: dict[str, list[int]] = {}
        for other in self.past[system.system]:
            for variety in varieties(self.night, other):
                if variety.rows >= rules.fewest_rows:
                    past.setdefault(variety.column, []).append(variety.distinct)
        for variety in varieties(self.night, system):
            others = past.get(variety.column, [])
            varied = len(others) >= rules.fewest_dates and min(others) > 1
            is_constant = varied and variety.distinct == 1 and variety.rows >= rules.fewest_rows
            usual = median(others) if others else None
            yield Row(
                system=name_of(system),
                what=f"different values of {variety.column}",
                value=f"{variety.distinct:,}",
                usual="not known" if usual is None else f"{usual:,.0f}",
                figures=(variety.distinct, usual),
                scatters=0.0,
                verdict=Verdict.FAIL if is_constant else Verdict.PASS,
            )


def name_of(system: SystemProfile) -> str:
    """A system as people read it: bounded, since its name comes from the rows."""
    return "rows without a system" if system.system is None else text_of(system.system)[:_LONGEST_NAME]


def seen(night: Night, day: date) -> list[SystemProfile]:
    """The systems with active rows on a date that has rows."""
    return [system for system in night.profiles[day].systems if system.active_rows]
