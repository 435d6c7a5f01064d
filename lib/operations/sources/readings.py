"""What is read off the values of one source on one date, and how far that is from its other dates."""

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
        what: In a few words, the same on each date.
        value: The figure.
        rows: From how many rows.
        deviation: How a single row differs, as a standard deviation: what chance makes of few rows.
        limits: How far it may be from the usual.
        in_deviations: Whether they are in usual deviations; else in its own unit.
        form: How it is written, for `format`.
    """

    what: str
    value: float
    rows: int
    deviation: float
    limits: Limits
    in_deviations: bool = False
    form: str = ".4g"

    def shown(self, value: float) -> str:
        return format(value, self.form)

    def figure(self, value: float) -> Value:
        """As evidence keeps it, to four digits."""
        return percent(round(100 * value, 2)) if self.form.endswith("%") else float(f"{value:.4g}")


@dataclass(frozen=True)
class Variety:
    """How many different values a column of one source has on one date."""

    column: str
    distinct: int
    rows: int


@dataclass(frozen=True)
class Usual:
    """What a figure usually is.

    Attributes:
        value: The median of the dates.
        scatters: How far the date is from it, in times of the usual scatter.
        verdict: What follows.
    """

    value: float
    scatters: float
    verdict: Verdict


def readings(night: Night, source: SourceProfile) -> Iterator[Reading]:
    """All that is compared of a source's rows; nothing of a column without a number."""
    values = night.rules.values
    for rule in night.differences:
        if found := figures(source.measured, rule.measure):
            yield Reading(rule.name, found.mean, found.count, found.spread, rule.limits, form="+.2f")
    yield from _shares(night, source)
    for column, found in _numbers(night, source):
        yield Reading(f"mean of {column}", found.mean, found.count, found.spread, values.mean, in_deviations=True)
        if found.distinct > 1:  # else its spread says once more what its variety says
            spread = found.spread
            yield Reading(f"spread of {column}", spread, found.count, spread, values.spread, in_deviations=True)


def varieties(night: Night, source: SourceProfile) -> Iterator[Variety]:
    """How many different values each column has."""
    for column, found in _numbers(night, source):
        yield Variety(column, found.distinct, found.count)


def compare(reading: Reading, past: Sequence[Reading]) -> Usual:
    """The reading against the same one of other dates, at least one.

    The scatter has two parts: how dates differ beyond chance, which is never taken for less than `steady`,
    and what chance makes of the reading's own rows. A date of few rows may be farther off than one of many.
    """
    usual, deviation = median(other.value for other in past), median(other.deviation for other in past)
    limits, unit = reading.limits, deviation if reading.in_deviations else 1.0
    if not unit:  # a column that never varied: its only value may be any
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
