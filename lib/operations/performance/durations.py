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
    affects="the comparison of durations, which has no data",
    can_wait="yes: no row depends on it",
)
UNDER_LIMIT = Question(
    "under_limit",
    "Under the limit",
    affects="batches that wait for the lock behind a slow one",
    can_wait="as long as they still get the lock",
)
SLOWDOWN = Question(
    "slowdown",
    "MERGE duration",
    affects="each consolidation, and the batches that wait for it",
    can_wait="yes: it costs time but loses no rows",
)
TREND = Question(
    "duration_trend",
    "Duration trend",
    affects="each consolidation, more with each week",
    can_wait="yes, until durations reach the limit",
)
_LEFT_OUT, _NEVER_ENDED = "left out, MERGE without the lock", "left out, never ended"
_A_WEEK = "s a week"
_WEEKS_AHEAD = 4
_NOTICED_SECONDS = 1.0


@dataclass(frozen=True)
class Review:
    """The consolidations of a period, before and after the lock was deployed.

    Attributes:
        scope: The run, with its period.
        fix_date: The first day with the lock; None: the day of the first lock line in the period.
        tolerated_percent: A slowdown up to this much does not count, in percent.
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
        """How long a consolidation may take."""
        return threshold(self.history.platform.environment, "normal_duration")

    @cached_property
    def fixed_at(self) -> datetime:
        """When the lock was deployed: the boundary between before and after."""
        if self.fix_date is not None:
            return start_of(self.fix_date, self.history.platform.environment.timezone)
        locked = [run.started_at for run in self.history.consolidations if run.has_lock_lines]
        return min(locked, default=self.history.until)

    @cached_property
    def before(self) -> list[Consolidation]:
        return [run for run in self._finished if run.started_at < self.fixed_at]

    @cached_property
    def after(self) -> list[Consolidation]:
        """Those that held the lock: a MERGE without it came from an old revision."""
        since = [run for run in self._finished if run.started_at >= self.fixed_at]
        return [run for run in since if not run.merged_without_lock]

    @property
    def left_out(self) -> int:
        """MERGEs without the lock after it was deployed."""
        return len(self._finished) - len(self.before) - len(self.after)

    @property
    def never_ended(self) -> list[Consolidation]:
        """MERGEs since the lock was deployed that stopped logging, so they have no duration."""
        since = [run for run in self.history.merges if run.started_at >= self.fixed_at]
        return [run for run in since if self.history.progress(run) is Progress.UNFINISHED]

    @property
    def hanging(self) -> list[Consolidation]:
        """Those of them that may still be running: nothing took over their lock or consolidated their batch."""
        return [run for run in self.never_ended if not self.history.is_replaced(run)]

    @property
    def _finished(self) -> list[Consolidation]:
        return [run for run in self.history.merges if run.merge_seconds is not None]


def checked_review(scope: Scope, fix_date: str, tolerated_percent: float) -> Review:
    """Check the parameters and return the review that they ask for, see `Review`.

    Args:
        fix_date: As `resolve_game_date` takes it, or empty.

    Raises:
        UserError: A parameter is out of range, or `fix_date` is in the future.
    """
    if not 0 <= tolerated_percent < 10_000:
        raise UserError(f"tolerated_slowdown_percent must be 0 or more and less than 10,000, got {tolerated_percent:g}")
    timezone = scope.platform.environment.timezone
    day = resolve_game_date(fix_date, timezone, now=scope.now) if fix_date.strip() else None
    if day is not None and start_of(day, timezone) > scope.now:
        raise UserError(f"fix_date {day} is in the future; there is nothing after it to review")
    return Review(scope, day, tolerated_percent)


@section(DURATIONS)
def durations(review: Review) -> Section:
    """Show p50, p95 and the longest, before and after the lock; after it, for each part of a consolidation."""
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
        (part, *_figures([value for value in values if value is not None], review.limit_seconds))
        for part, values in parts
    ]
    columns = ("Part", "Count", "p50 (s)", "p95 (s)", "Longest (s)", f"{review.limit_seconds:g} s or longer")
    note = f"The lock was deployed at {local_time(review.fixed_at, review.history.platform.environment.timezone)}."
    by_work = sorted(review.after, key=lambda run: run.work_seconds or 0.0, reverse=True)
    slowest = review.history.table("Slowest five since the lock", by_work[:5][::-1])
    return Section((_limit_check(review),), (Table("Durations", columns, rows, note), slowest))


def _nothing_to_review(review: Review) -> Check:
    silent = len(review.never_ended)
    if not review.left_out and not silent:
        return no_consolidation_seen(review.history, DURATIONS)
    summary = f"only {counted(review.left_out, 'MERGE')} without the lock and {silent} unfinished since it was deployed"
    verify = review.scope.platform.commands.run("deploy_verify")
    question = DURATIONS.on({_LEFT_OUT: review.left_out, _NEVER_ENDED: silent})
    return question.unknown(summary, f"Check that the fix is deployed and its lock lines are collected: {verify}")


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
        step = f"A rollback criterion is met at {timeout_seconds:g} s. Check what the slowest batches have in common."
        return question.fails(f"the longest consolidation took {spoken_seconds(longest)}", step)
    if slow or hanging:
        more = f", {hanging} more never ended" if hanging else ""
        summary = f"{slow} of {len(spent)} took {limit_seconds:g} s or longer{more}"
        return question.warns(summary, "Check the slowest: their staging tables, rows and lock waits.")
    number = counted(len(spent), "consolidation")
    return question.passes(f"{number}, longest {spoken_seconds(longest)} without its lock wait")


@section(SLOWDOWN)
def slowdown(review: Review) -> Section:
    """Report whether MERGEs slowed down, with a confidence interval."""
    before, after = _merge_times(review.before), _merge_times(review.after)
    found = compare(before, after, tolerated_percent=review.tolerated_percent)
    return Section((_slowdown_check(review, found),), _figures_of(review, found))


def _slowdown_check(review: Review, found: Comparison | None) -> Check:
    before, after = review.before, review.after
    evidence: dict[str, Value] = {"MERGEs before": len(before), "MERGEs after": len(after)}
    if found is None:
        summary = f"too few MERGEs: {len(before)} before and {len(after)} after, {FEWEST_OF_EACH} of each needed"
        return SLOWDOWN.on(evidence).unknown(summary, "Increase days to look further back, or wait for more data.")
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
        Change.CANNOT_TELL: (Verdict.UNKNOWN, "Increase days to look further back, or wait for more data."),
    }[found.change]
    if found.low > found.tolerated_ratio:
        verdict = Verdict.FAIL
    summary = f"{found.change}, {found.in_words}{_waits(review.after, evidence)}"
    return SLOWDOWN.on(evidence).answer(verdict, summary, step, since=review.fixed_at)


def _waits(runs: Sequence[Consolidation], evidence: dict[str, Value]) -> str:
    """Mention lock waits long enough to be noticed: from outside they look like slow MERGEs."""
    waits = [run.lock_wait_seconds or 0.0 for run in runs]
    longest = max(waits, default=0.0)
    evidence["longest wait for the lock, after"] = seconds(longest)
    if longest < _NOTICED_SECONDS:
        return ""
    noticed = sum(wait >= _NOTICED_SECONDS for wait in waits)
    return f"; not counting lock waits: {noticed} of {len(waits)} waited, up to {spoken_seconds(longest)}"


@section(TREND)
def duration_trend(review: Review) -> Section:
    """Report whether durations have been growing since the lock was deployed."""
    return Section((_trend_check(review),))


def _trend_check(review: Review) -> Check:
    points = [(run.started_at, run.merge_seconds) for run in review.after if run.merge_seconds is not None]
    found = trend(points)
    evidence: dict[str, Value] = {"MERGEs": len(points)}
    if found is None:
        return TREND.on(evidence).unknown("too few consolidations or days", "Run this again after a few more days.")
    evidence |= {
        "slope": Quantity(found.seconds_per_week, _A_WEEK),
        "at least, with 95% confidence": Quantity(found.low, _A_WEEK),
        "at most, with 95% confidence": Quantity(found.high, _A_WEEK),
    }
    question = TREND.on(evidence)
    if found.low <= 0:
        return question.passes(f"no upward trend, {found.in_words}")
    median = sorted(took for _, took in points)[len(points) // 2]
    weeks = max(0.0, (review.limit_seconds - median) / found.seconds_per_week)
    reached = f"{review.limit_seconds:g} s in {counted(round(weeks), 'week')}"
    summary = f"upward, {found.in_words}; the median reaches {reached}"
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
