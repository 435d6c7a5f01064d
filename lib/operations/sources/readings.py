"""Figures of the values of one source on one date, and how far they are from its other dates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median

from lib.consolidation.upkeep.day_profiles import SourceProfile
from lib.consolidation.upkeep.value_figures import Figures, figures, word_counts
from lib.operations.quality.night import Night
from lib.operations.quality.rules import Limits
from lib.verdict.verdict import Verdict
from lib.words.quantities import Value, percent

BIAS = "bias"
_NORMAL = 1.4826  # the MAD of normal values times this is their standard deviation


@dataclass(frozen=True)
class Reading:
    """One figure of one source on one date.

    Attributes:
        what: Its name, the same on each date.
        value: The figure.
        rows: Number of rows that it is computed from.
        deviation: The standard deviation of a single row, which shows how much is chance in few rows.
        limits: How far it may be from the usual.
        in_deviations: Whether the limits are in usual deviations; otherwise in the figure's own unit.
        form: Its format, for `format`.
    """

    what: str
    value: float
    rows: int
    deviation: float
    limits: Limits
    in_deviations: bool = False
    form: str = ".4g"

    def shown(self, value: float) -> str:
        """Return a value as text, in this reading's format."""
        return format(value, self.form)

    def figure(self, value: float) -> Value:
        """Return a value as evidence stores it, to four digits."""
        return percent(round(100 * value, 2)) if self.form.endswith("%") else float(f"{value:.4g}")


@dataclass(frozen=True)
class Variety:
    """How many different values a column of one source has on one date."""

    column: str
    distinct: int
    rows: int


@dataclass(frozen=True)
class Usual:
    """The usual value of a figure.

    Attributes:
        value: The median of the dates.
        scatters: The date's distance from it, as a multiple of the usual scatter.
        verdict: The verdict.
    """

    value: float
    scatters: float
    verdict: Verdict


def readings(night: Night, source: SourceProfile) -> Iterator[Reading]:
    """Yield every figure that is compared for a source; none for a column without a number."""
    values = night.rules.values
    for rule in night.differences:
        if found := figures(source.measured, rule.measure):
            yield Reading(rule.name, found.mean, found.count, found.spread, rule.limits, form="+.2f")
    yield from _shares(night, source)
    for column, found in _numbers(night, source):
        yield Reading(f"mean of {column}", found.mean, found.count, found.spread, values.mean, in_deviations=True)
        if found.distinct > 1:  # otherwise its spread repeats what its variety shows
            spread = found.spread
            yield Reading(f"spread of {column}", spread, found.count, spread, values.spread, in_deviations=True)


def varieties(night: Night, source: SourceProfile) -> Iterator[Variety]:
    """Yield the number of different values of each column."""
    for column, found in _numbers(night, source):
        yield Variety(column, found.distinct, found.count)


def compare(reading: Reading, past: Sequence[Reading]) -> Usual:
    """Compare a reading with the same one on other dates, at least one.

    The scatter has two parts: how much dates differ beyond chance, at least `steady`, and the chance in the reading's
    own rows. A date with few rows may be further off than one with many.
    """
    usual, deviation = median(other.value for other in past), median(other.deviation for other in past)
    limits, unit = reading.limits, deviation if reading.in_deviations else 1.0
    if not unit:  # the column never varied, so there is no scale to measure a change by
        return Usual(usual, 0.0, Verdict.PASS)
    change = reading.value - usual
    scatter = sqrt(max(_beyond_chance(usual, past), (limits.steady * unit) ** 2) + deviation**2 / reading.rows)
    verdict = Verdict.PASS
    if abs(change) > limits.scatters * scatter:
        far, too_far = (abs(change) >= limit * unit for limit in (limits.warn, limits.fail))
        verdict = Verdict.FAIL if too_far else Verdict.WARN if far else Verdict.PASS
    return Usual(usual, abs(change) / scatter, verdict)


def _beyond_chance(usual: float, past: Sequence[Reading]) -> float:
    """The variance of the dates, from their median absolute deviation, less that of their rows."""
    mad = median(abs(other.value - usual) for other in past)
    return float((_NORMAL * mad) ** 2 - median(other.deviation**2 / other.rows for other in past))


def _shares(night: Night, source: SourceProfile) -> Iterator[Reading]:
    values, words = night.rules.values, night.category_words
    counts = word_counts(source.measured, values.category, words)
    others = source.active_rows - sum(counts[word] for word in words if word in values.apart)
    for word in words:
        if rows := source.active_rows if word in values.apart else others:
            share = counts[word] / rows
            deviation = sqrt(share * (1 - share))
            yield Reading(f"share of {word}", share, rows, deviation, values.share, form=".0%")


def _numbers(night: Night, source: SourceProfile) -> Iterator[tuple[str, Figures]]:
    for column in night.number_columns:
        if found := figures(source.measured, column):
            yield column, found
