"""Consolidation durations before and after the lock was deployed (week 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from lib.errors import UserError
from lib.operations.criteria.criteria import threshold
from lib.operations.logs.history import LogHistory
from lib.operations.logs.monitoring import no_consolidation_seen
from lib.operations.logs.timeline import Consolidation, Progress
from lib.operations.performance.picture import durations_over_time
from lib.operations.performance.statistics import FEWEST_OF_EACH, Change, Comparison, compare, trend
from lib.operations.scope import Scope
from lib.verdict.check import Check, Question
from lib.verdict.findings import Findings
from lib.verdict.section import Section, Table, section
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time, resolve_game_date, start_of, zone
from lib.words.nouns import counted
from lib.words.quantities import Quantity, Value, percent, seconds, spoken_seconds

DURATIONS = Question(
    "durations",
    "Durations",
    affects="the comparison of durations: it has no figures",
    can_wait="yes: no row depends on it",
)
UNDER_LIMIT = Question(
    "under_limit",
    "Under the limit",
    affects="the batches that wait for the lock behind a slow one",
    can_wait="as long as they still get the lock",
)
SLOWDOWN = Question(
    "slowdown",
    "Slower than before",
    affects="each consolidation, and the batches that wait for it",
    can_wait="yes: it costs time, and no row",
)
TREND = Question(
    "duration_trend",
    "Trend since the lock",
    affects="each consolidation, more with each week",
    can_wait="yes, for the weeks that it takes",
)
_LEFT_OUT, _NEVER_ENDED = "left out, MERGE without the lock", "left out, never ended"
_A_WEEK = "s a week"
_WEEKS_AHEAD = 4
_NOTICED_SECONDS = 1.0


@dataclass(frozen=True)
class Review:
    """The consolidations of a period, parted at the deployment of the lock.

    Attributes:
        scope: The run, whose period it is.
        fix_date: The first day with the lock; None: that of the first lock line of the period.
        tolerated_percent: How much slower is not yet slower.
    """

    scope: Scope = field(repr=False)
    fix_date: date | None
    tolerated_percent: float

    @property
    def findings(self) -> Findings:
        return self.scope.findings

    @property
    def history(self) -> LogHistory:
        return self.scope.history

    @property
    def limit_seconds(self) -> float:
        """What a consolidation should take less than."""
        return threshold(self.history.platform.environment, "normal_duration")

    @cached_property
    def fixed_at(self) -> datetime:
        """The moment that parts before from after."""
        if self.fix_date is not None:
            return start_of(self.fix_date, self.history.platform.environment.timezone)
        locked = [run.started_at for run in self.history.consolidations if run.has_lock_lines]
        return min(locked, default=self.history.until)

    @cached_property
    def before(self) -> list[Consolidation]:
        return [run for run in self._finished if run.started_at < self.fixed_at]

    @cached_property
    def after(self) -> list[Consolidation]:
        """Those that held the lock: a MERGE without it is old code that still served."""
        since = [run for run in self._finished if run.started_at >= self.fixed_at]
        return [run for run in since if not run.merged_without_lock]

    @property
    def left_out(self) -> int:
        """MERGEs without the lock after it was deployed."""
        return len(self._finished) - len(self.before) - len(self.after)

    @property
    def never_ended(self) -> list[Consolidation]:
        """MERGEs since the lock was deployed that fell silent: they have no duration."""
        since = [run for run in self.history.merges if run.started_at >= self.fixed_at]
        return [run for run in since if self.history.progress(run) is Progress.UNFINISHED]

    @property
    def hanging(self) -> list[Consolidation]:
        """Those of them that may still be at it: nobody took their lock or consolidated their batch."""
        return [run for run in self.never_ended if not self.history.is_replaced(run)]

    @property
    def _finished(self) -> list[Consolidation]:
        return [run for run in self.history.merges if run.merge_seconds is not None]


def checked_review(scope: Scope, fix_date: str, tolerated_percent: float) -> Review:
    """The review that the parameters ask for, see `Review`; `fix_date` as `resolve_game_date` takes it, or empty.

    Raises:
        UserError: They make no sense.
    """
    if not 0 <= tolerated_percent < 10_000:
        raise UserError(f"tolerated_slowdown_percent is {tolerated_percent:g}; write a number from 0 up")
    timezone = scope.platform.environment.timezone
    day = resolve_game_date(fix_date, timezone, now=scope.now) if fix_date.strip() else None
    if day is not None and start_of(day, timezone) > scope.now:
        raise UserError(f"fix_date {day} is in the future; there is nothing after it to review")
    return Review(scope, day, tolerated_percent)


@section(DURATIONS)
def durations(review: Review) -> Section:
    """p50, p95 and the longest, before and after, and after split into its parts."""
    if not review.after:
        return Section((_nothing_to_review(review),))
    parts = (
        ("MERGE, before", [run.merge_seconds for run in review.before]),
        ("MERGE, after", [run.merge_seconds for run in review.after]),
        ("lock wait, after", [run.lock_wait_seconds for run in review.after]),
        ("validation, after", [run.validation_seconds for run in review.after]),
        ("whole consolidation, after, without the wait", [run.work_seconds for run in review.after]),
        ("whole consolidation, after, with the wait", [_with_wait(run) for run in review.after]),
    )
    rows = [
        (what, *_figures([value for value in values if value is not None], review.limit_seconds))
        for what, values in parts
    ]
    columns = ("What", "Count", "p50, s", "p95, s", "Longest, s", f"{review.limit_seconds:g} s or longer")
    note = f"The lock was deployed {local_time(review.fixed_at, review.history.platform.environment.timezone)}."
    by_work = sorted(review.after, key=lambda run: run.work_seconds or 0.0, reverse=True)
    slowest = review.history.table("The slowest five after", by_work[:5][::-1])
    return Section((_limit_check(review),), (Table("Durations", columns, rows, note), slowest))


def _nothing_to_review(review: Review) -> Check:
    silent = len(review.never_ended)
    if not review.left_out and not silent:
        return no_consolidation_seen(review.history, DURATIONS)
    without = f"{counted(review.left_out, 'MERGE')} without the lock since it was deployed"
    summary = f"{without}, {silent} never ended, and no others"
    verify = review.scope.platform.commands.run("deploy_verify")
    question = DURATIONS.on({_LEFT_OUT: review.left_out, _NEVER_ENDED: silent})
    return question.unknown(summary, f"Is the fix deployed, and are its lock lines collected? {verify}")


def _with_wait(run: Consolidation) -> float | None:
    return None if run.work_seconds is None else run.work_seconds + (run.lock_wait_seconds or 0.0)


def _figures(values: Sequence[float], limit_seconds: float) -> tuple[object, ...]:
    if not values:
        return (0, None, None, None, None)
    import numpy

    p50, p95 = numpy.quantile(values, [0.5, 0.95])
    over = sum(value >= limit_seconds for value in values)
    return (len(values), float(p50), float(p95), float(max(values)), over)


def _limit_check(review: Review) -> Check:
    limit_seconds, platform = review.limit_seconds, review.scope.platform
    spent = [run.work_seconds for run in review.after if run.work_seconds is not None]
    longest = max(spent)
    slow, hanging = sum(each >= limit_seconds for each in spent), len(review.hanging)
    evidence: dict[str, Value] = {
        "consolidations": len(spent),
        _LEFT_OUT: review.left_out,
        _NEVER_ENDED: len(review.never_ended),
        "longest": seconds(longest),
        f"{limit_seconds:g} s or longer": slow,
        "longest wait for the lock": seconds(max(run.lock_wait_seconds or 0.0 for run in review.after)),
    }
    commands = [platform.commands.read_logs(platform.environment.services.coordinator)]
    question = UNDER_LIMIT.named(f"Under {limit_seconds:g} s").on(evidence, commands)
    if longest >= (timeout_seconds := threshold(platform.environment, "consolidation_times_out")):
        met = f"From {timeout_seconds:g} s on a rollback criterion is met"
        step = f"{met}; see what the slowest batches have in common."
        return question.fails(f"the longest took {spoken_seconds(longest)}", step)
    if slow or hanging:
        summary = f"{slow} of {len(spent)} took {limit_seconds:g} s or longer, {hanging} more never ended"
        step = "See the slowest ones: their number of staging tables and rows, and their lock waits."
        return question.warns(summary, step)
    return question.passes(f"all {len(spent)}, the longest {spoken_seconds(longest)} without its lock wait")


@section(SLOWDOWN)
def slowdown(review: Review) -> Section:
    """Whether MERGEs got slower, with the uncertainty of the answer."""
    before, after = _merge_times(review.before), _merge_times(review.after)
    found = compare(before, after, tolerated_percent=review.tolerated_percent)
    return Section((_slowdown_check(review, found),), _figures_of(review, found))


def _slowdown_check(review: Review, found: Comparison | None) -> Check:
    before, after = review.before, review.after
    evidence: dict[str, Value] = {"MERGEs before": len(before), "MERGEs after": len(after)}
    if found is None:
        summary = f"can't tell: {len(before)} before and {len(after)} after, at least {FEWEST_OF_EACH} of each needed"
        return SLOWDOWN.on(evidence).unknown(summary, "Look further back (days), or wait for more consolidations.")
    evidence |= {
        "median after to before": percent(100 * found.ratio),
        "at least, with 95% confidence": percent(100 * found.low),
        "at most, with 95% confidence": percent(100 * found.high),
        "tolerated": percent(review.tolerated_percent),
        "one-sided Mann-Whitney test": percent(100 * found.p_value),
    }
    verdict, step = {
        Change.NOT_SLOWER: (Verdict.PASS, ""),
        Change.SLOWER: (Verdict.WARN, "See which part grew in the table of durations, and the slowest five."),
        Change.CANNOT_TELL: (Verdict.UNKNOWN, "Too few consolidations for the spread: look further back, or wait."),
    }[found.change]
    if found.low > found.tolerated_ratio:
        verdict = Verdict.FAIL
    summary = f"{found.change}: {found.in_words}{_waits(review.after, evidence)}"
    return SLOWDOWN.on(evidence).answer(verdict, summary, step, since=review.fixed_at)


def _waits(runs: Sequence[Consolidation], evidence: dict[str, Value]) -> str:
    """Who waits for the lock does not merge more slowly, but it looks so from outside: named where it is noticed."""
    waits = [run.lock_wait_seconds or 0.0 for run in runs]
    longest = max(waits, default=0.0)
    evidence["longest wait for the lock, after"] = seconds(longest)
    if longest < _NOTICED_SECONDS:
        return ""
    noticed = sum(wait >= _NOTICED_SECONDS for wait in waits)
    return f"; {noticed} of {len(waits)} waited for the lock, up to {spoken_seconds(longest)}, which is not in this"


@section(TREND)
def duration_trend(review: Review) -> Section:
    """Whether durations grow since the lock was deployed."""
    return Section((_trend_check(review),))


def _trend_check(review: Review) -> Check:
    points = [(run.started_at, run.merge_seconds) for run in review.after if run.merge_seconds is not None]
    found = trend(points)
    evidence: dict[str, Value] = {"MERGEs": len(points)}
    if found is None:
        step = "Run this again when there are a few days of consolidations."
        return TREND.on(evidence).unknown("too few consolidations or days", step)
    question = TREND.on(
        {
            **evidence,
            "slope": Quantity(found.seconds_per_week, _A_WEEK),
            "at least, with 95% confidence": Quantity(found.low, _A_WEEK),
            "at most, with 95% confidence": Quantity(found.high, _A_WEEK),
        }
    )
    if found.low <= 0:
        return question.passes(f"no growth shown: {found.in_words}")
    median = sorted(took for _, took in points)[len(points) // 2]
    weeks = max(0.0, (review.limit_seconds - median) / found.seconds_per_week)
    summary = f"it grows: {found.in_words}; the median meets {review.limit_seconds:g} s in {weeks:.0f} weeks"
    if weeks < _WEEKS_AHEAD:
        column = review.history.platform.table.date_column
        return question.warns(summary, f"Partition the table by {column}, or split large batches, before then.")
    return question.passes(summary)


def _merge_times(runs: Sequence[Consolidation]) -> list[float]:
    return [run.merge_seconds for run in runs if run.merge_seconds is not None]


def _figures_of(review: Review, found: Comparison | None) -> tuple[object, ...]:
    there = zone(review.history.platform.environment.timezone)
    before, after = (
        [(run.started_at.astimezone(there).replace(tzinfo=None), run.merge_seconds or 0.0) for run in runs]
        for runs in (review.before, review.after)
    )
    if not before and not after:
        return ()
    fixed_at = review.fixed_at.astimezone(there).replace(tzinfo=None)
    return (durations_over_time(before, after, found, fixed_at=fixed_at, limit_seconds=review.limit_seconds),)
