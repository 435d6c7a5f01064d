"""Comparison and trend of durations, always with a confidence interval.

Durations are few and skewed, so medians are compared: a bootstrap gives the interval of their
ratio, with a Mann-Whitney test as further evidence. The trend is a Theil-Sen slope with its
interval. See https://docs.scipy.org/doc/scipy/reference/stats.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

CONFIDENCE = 0.95
FEWEST_OF_EACH = 8
_RESAMPLES = 4_000
_SEED = 0
_DAY_SECONDS = 86_400


class Change(StrEnum):
    """The result of a comparison."""

    SLOWER = "slowdown"
    NOT_SLOWER = "no slowdown"
    CANNOT_TELL = "inconclusive"


@dataclass(frozen=True)
class Median:
    """The median of a sample in seconds, with its 95% confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """The median after, divided by the median before.

    Attributes:
        ratio: The estimate; 1.2 is 20% slower.
        low: Lower end of its 95% confidence interval.
        high: Upper end.
        p_value: Of the one-sided test that durations increased.
        tolerated_ratio: A ratio up to this one is not a slowdown.
        before: The median before.
        after: The median after.
    """

    ratio: float
    low: float
    high: float
    p_value: float
    tolerated_ratio: float
    before: Median
    after: Median

    @property
    def change(self) -> Change:
        """A slowdown if the whole interval is above 1; no slowdown if none of it exceeds the tolerance."""
        if self.high <= self.tolerated_ratio:
            return Change.NOT_SLOWER
        return Change.SLOWER if self.low > 1 else Change.CANNOT_TELL

    @property
    def in_words(self) -> str:
        """``12% slower (95% CI: 3% faster to 28% slower)``"""
        interval = f"{_percent(self.low)} to {_percent(self.high)}"
        return f"{_percent(self.ratio)} (95% CI: {interval})"


def compare(
    before_seconds: Sequence[float], after_seconds: Sequence[float], *, tolerated_percent: float
) -> Comparison | None:
    """Compare two samples.

    Args:
        before_seconds: Durations before the change.
        after_seconds: Durations after it.
        tolerated_percent: A slowdown up to this much does not count.

    Returns:
        None when a sample is too small.
    """
    before = [seconds for seconds in before_seconds if seconds > 0]
    after = [seconds for seconds in after_seconds if seconds > 0]
    if min(len(before), len(after)) < FEWEST_OF_EACH:
        return None
    import numpy
    from scipy.stats import mannwhitneyu

    generator = numpy.random.default_rng(_SEED)
    of_after, of_before = (
        numpy.median(generator.choice(numpy.asarray(sample), size=(_RESAMPLES, len(sample))), axis=1)
        for sample in (after, before)
    )
    tail = (1 - CONFIDENCE) / 2
    (low, high), *ends = (
        map(float, numpy.quantile(resampled, [tail, 1 - tail]))
        for resampled in (of_after / of_before, of_before, of_after)
    )
    return Comparison(
        ratio=float(numpy.median(after) / numpy.median(before)),
        low=low,
        high=high,
        p_value=float(mannwhitneyu(after, before, alternative="greater").pvalue),
        tolerated_ratio=1 + tolerated_percent / 100,
        before=Median(float(numpy.median(before)), *ends[0]),
        after=Median(float(numpy.median(after)), *ends[1]),
    )


@dataclass(frozen=True)
class Trend:
    """How durations change over time.

    Attributes:
        seconds_per_week: The slope.
        low: Lower end of its 95% confidence interval.
        high: Upper end.
    """

    seconds_per_week: float
    low: float
    high: float

    @property
    def in_words(self) -> str:
        return f"{self.seconds_per_week:+.1f} s a week (95% CI: {self.low:+.1f} to {self.high:+.1f})"


def trend(points: Sequence[tuple[datetime, float]], *, fewest_days: float = 3.0) -> Trend | None:
    """Return the trend of durations over time; None when they are too few or span too few days."""
    if len(points) < FEWEST_OF_EACH:
        return None
    first = min(moment for moment, _ in points)
    days = [(moment - first).total_seconds() / _DAY_SECONDS for moment, _ in points]
    if max(days) < fewest_days:
        return None
    from scipy.stats import theilslopes

    found = theilslopes([seconds for _, seconds in points], days, alpha=CONFIDENCE)
    return Trend(float(found[0]) * 7, float(found[2]) * 7, float(found[3]) * 7)


def _percent(ratio: float) -> str:
    change = round((ratio - 1) * 100)
    return f"{abs(change)}% {'slower' if change >= 0 else 'faster'}"
