"""Each source of a date compared with its own recent good dates, figure by figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from statistics import median

from lib.consolidation.upkeep.day_profiles import SourceProfile
from lib.operations.quality.night import Night
from lib.operations.sources.good_dates import left_out
from lib.operations.sources.readings import Reading, compare, readings, varieties
from lib.verdict.verdict import Verdict
from lib.words.quantities import Value
from lib.words.text import text_of

_LONGEST_NAME = 60


@dataclass(frozen=True)
class Row:
    """One figure of one source of the date, and its usual value.

    Attributes:
        source: The source's name, bounded.
        what: The figure's name.
        value: The figure as text.
        usual: Its usual value as text.
        figures: Both as numbers.
        scatters: The distance between them, as a multiple of the usual scatter; 0 if scatter does not matter.
        verdict: The verdict.
    """

    source: str
    what: str
    value: str
    usual: str
    figures: tuple[Value, Value]
    scatters: float
    verdict: Verdict

    @property
    def evidence(self) -> dict[str, Value]:
        label = f"{self.what}, {self.source}"
        return dict(zip((label, f"{label}, usual"), self.figures, strict=True))


@dataclass(frozen=True)
class Comparison:
    """The sources of a date, each compared with its good dates."""

    night: Night

    @property
    def sources(self) -> list[SourceProfile]:
        """The sources of the date that have active rows."""
        return seen(self.night, self.night.game_date)

    @cached_property
    def left_out(self) -> dict[date, str]:
        return left_out(self.night)

    @cached_property
    def good_dates(self) -> list[date]:
        return [profile.game_date for profile in self.night.past if profile.game_date not in self.left_out]

    @cached_property
    def past(self) -> dict[str | None, list[SourceProfile]]:
        """The good dates of each source."""
        found: dict[str | None, list[SourceProfile]] = {}
        for day in self.good_dates:
            for source in seen(self.night, day):
                found.setdefault(source.source, []).append(source)
        return found

    @cached_property
    def new(self) -> list[str]:
        """Sources with too few good dates to compare with."""
        return [name_of(self.night, source) for source in self.sources if not self._has_past(source)]

    @cached_property
    def rows(self) -> list[Row]:
        """All comparisons: worst verdict first, then in the order of their figures."""
        known = [source for source in self.sources if self._has_past(source)]
        rows = [row for source in known for row in (*self._readings(source), *self._varieties(source))]
        order = {what: place for place, what in enumerate(dict.fromkeys(row.what for row in rows))}
        return sorted(rows, key=lambda row: (-row.verdict.badness, order[row.what]))

    def _has_past(self, source: SourceProfile) -> bool:
        return len(self.past.get(source.source, [])) >= self.night.rules.values.fewest_dates

    def _readings(self, source: SourceProfile) -> Iterator[Row]:
        fewest = self.night.rules.values.fewest_dates
        past: dict[str, list[Reading]] = {}
        for other in self.past[source.source]:
            for reading in readings(self.night, other):
                past.setdefault(reading.what, []).append(reading)
        for reading in readings(self.night, source):
            others = past.get(reading.what, [])
            if len(others) >= fewest:
                usual = compare(reading, others)
                yield Row(
                    source=name_of(self.night, source),
                    what=reading.what,
                    value=reading.shown(reading.value),
                    usual=reading.shown(usual.value),
                    figures=(reading.figure(reading.value), reading.figure(usual.value)),
                    scatters=usual.scatters,
                    verdict=usual.verdict,
                )

    def _varieties(self, source: SourceProfile) -> Iterator[Row]:
        """A single value in many rows is a FAIL if every good date with as many rows had several."""
        rules = self.night.rules.values
        past: dict[str, list[int]] = {}
        for other in self.past[source.source]:
            for variety in varieties(self.night, other):
                if variety.rows >= rules.fewest_rows:
                    past.setdefault(variety.column, []).append(variety.distinct)
        for variety in varieties(self.night, source):
            others = past.get(variety.column, [])
            varied = len(others) >= rules.fewest_dates and min(others) > 1
            is_constant = varied and variety.distinct == 1 and variety.rows >= rules.fewest_rows
            usual = median(others) if others else None
            yield Row(
                source=name_of(self.night, source),
                what=f"different values of {variety.column}",
                value=f"{variety.distinct:,}",
                usual="unknown" if usual is None else f"{usual:,.0f}",
                figures=(variety.distinct, usual),
                scatters=0.0,
                verdict=Verdict.FAIL if is_constant else Verdict.PASS,
            )


def name_of(night: Night, source: SourceProfile) -> str:
    """Return a source's name for people; it comes from the rows, so it is bounded."""
    if not night.groups.source:
        return "all rows"
    return f"rows without a {night.words.source}" if source.source is None else text_of(source.source)[:_LONGEST_NAME]


def seen(night: Night, day: date) -> list[SourceProfile]:
    """Return the sources with active rows on a date that has rows."""
    return [source for source in night.profiles[day].sources if source.active_rows]
