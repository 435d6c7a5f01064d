"""How many rows a date usually has: those of its weekday, adjusted for the growth of recent weeks.

Ratios are compared, as logarithms, because tables vary and grow by shares. Every figure is a median: the usual rows
over the dates of the same weekday, growth and scatter over all pairs of dates that are whole weeks apart. So a few bad
dates change nothing, and dates that would FAIL are left out too. Monitors such as Elementary (``seasonality:
day_of_week``) also compare weekdays, but by mean and standard deviation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from itertools import combinations
from math import exp, log, sqrt
from statistics import median

from lib.operations.quality.rules import VolumeRules
from lib.verdict.verdict import Verdict

# The MAD of normal values times this is their standard deviation; a difference of two has twice the variance.
_NORMAL = 1.4826
_OF_A_MEDIAN = 1.57  # the variance of a median, as a multiple of that of a mean
_FEWEST_ALIKE = 3
_FEWEST_PAIRS = 7
_PAIRS_THAT_GROW = 21  # three weeks of every weekday
_RECENT_DAYS = 56
_NEXT_TO_NONE = 1e-9
_DIGITS = 6  # 8 rows come back from their logarithm as 7.999999999999998


@dataclass(frozen=True)
class Judged:
    """A date's rows compared with the usual.

    Attributes:
        usual: The usual number of rows.
        dates: The number of dates that it is based on.
        is_of_weekday: Whether these are dates of the same weekday.
        scatters: The distance from the usual, as a multiple of the scatter; negative if there are fewer rows.
        verdict: The verdict.
    """

    usual: float
    dates: int
    is_of_weekday: bool
    scatters: float
    verdict: Verdict


@dataclass(frozen=True)
class RecentRows:
    """The rows of earlier dates, divided as the rules say.

    Attributes:
        figures: Rows by date, all above 0.
        rules: How they are compared.
    """

    figures: Mapping[date, float]
    rules: VolumeRules

    def judge(self, day: date, figure: float) -> Judged | None:
        """Compare the figure of a date, which may be one of these, with the others; None if there are too few."""
        found = list(self._without_failed.candidates(day, figure))
        return min(found, key=lambda each: (each.verdict.badness, abs(each.scatters)), default=None)

    @cached_property
    def failed(self) -> frozenset[date]:
        """The dates that would FAIL."""
        return frozenset(
            day
            for day, figure in self.figures.items()
            if (found := [*self.candidates(day, figure)]) and all(each.verdict is Verdict.FAIL for each in found)
        )

    @cached_property
    def _without_failed(self) -> RecentRows:
        good = {day: figure for day, figure in self.figures.items() if day not in self.failed}
        return RecentRows(good, self.rules)

    def candidates(self, day: date, figure: float) -> Iterator[Judged]:
        """Judge by the weekday's dates, and by all dates if its weekday has few; both must find it unusual."""
        rows = {
            other: log(rows) + self._growth * (day - other).days / 7
            for other, rows in self.figures.items()
            if other != day and abs((day - other).days) <= _RECENT_DAYS
        }
        if len(rows) < self.rules.fewest_dates:
            return
        values = [*rows.values()]
        alike = [value for other, value in rows.items() if other.weekday() == day.weekday()]
        by_weekday = not self.rules.per
        if by_weekday and alike:
            yield self._judged(figure, alike, self._scatter(rows), is_of_weekday=True)
        if not by_weekday or len(alike) < _FEWEST_ALIKE:
            found = self._judged(figure, values, _spread(values), is_of_weekday=False)
            # All dates of this weekday may have this few rows; it is the first one.
            is_first = by_weekday and not alike and found.verdict is Verdict.FAIL
            yield replace(found, verdict=Verdict.WARN) if is_first else found

    @cached_property
    def _growth(self) -> float:
        """The growth per week, as a logarithm: the median over all pairs of dates that are whole weeks apart."""
        pairs = [*_pairs(self.figures)]
        if self.rules.per or len(pairs) < _PAIRS_THAT_GROW:
            return 0.0
        return median(
            7 * (log(self.figures[later]) - log(self.figures[earlier])) / (later - earlier).days
            for earlier, later in pairs
        )

    def _scatter(self, rows: Mapping[date, float]) -> float:
        """The scatter within weekdays, or of all dates if few are whole weeks apart."""
        differences = [abs(rows[later] - rows[earlier]) for earlier, later in _pairs(rows)]
        if len(differences) < _FEWEST_PAIRS:
            return _spread([*rows.values()])
        return _NORMAL * median(differences) / sqrt(2)

    def _judged(self, figure: float, values: Sequence[float], scatter: float, *, is_of_weekday: bool) -> Judged:
        rules, usual = self.rules, median(values)
        scatter = max(scatter, rules.steady) * sqrt(1 + _OF_A_MEDIAN / len(values))
        scatters = (log(max(figure, _NEXT_TO_NONE)) - usual) / scatter
        rows = round(exp(usual), _DIGITS)
        share, verdict = figure / rows, Verdict.PASS
        if scatters < -rules.scatters and share < rules.warn_below:
            verdict = Verdict.FAIL if share < rules.fail_below else Verdict.WARN
        if scatters > rules.scatters and rules.warn_above and share > rules.warn_above:
            verdict = Verdict.WARN
        return Judged(rows, len(values), is_of_weekday, scatters, verdict)


def _pairs(days: Mapping[date, float]) -> Iterator[tuple[date, date]]:
    """Pairs of dates that are whole weeks apart, the earlier one first."""
    by_weekday: dict[int, list[date]] = {}
    for day in sorted(days):
        by_weekday.setdefault(day.weekday(), []).append(day)
    for alike in by_weekday.values():
        yield from combinations(alike, 2)


def _spread(values: Sequence[float]) -> float:
    """The standard deviation, from the median absolute deviation."""
    middle = median(values)
    return _NORMAL * median(abs(value - middle) for value in values)
