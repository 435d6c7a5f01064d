"""Consolidation durations before and after the lock was deployed (guide, week 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from lib.errors import UserError
from lib.operations import by_hand
from lib.operations.criteria.criteria import threshold
from lib.operations.logs.freshness import no_consolidation_seen
from lib.operations.logs.history import LogHistory
from lib.operations.logs.timeline import Consolidation, Progress
from lib.operations.performance.statistics import FEWEST_OF_EACH, Change, compare, trend
from lib.verdict.check import Check
from lib.verdict.figure import distributions, durations_over_time
from lib.verdict.section import Section, section
from lib.verdict.table import Table
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time, resolve_game_date, start_of
from lib.words.durations import spoken_seconds
from lib.words.quantities import Value

_USUAL_BEFORE = "5 to 30 s"
_WEEKS_AHEAD = 4


@dataclass(frozen=True)
class Review:
    """The consolidations of a period, parted at the deployment of the lock.

    Attributes:
        history: Their log lines.
        fix_date: The first day with the lock; None: the first lock line of the period tells.
        tolerated_percent: How much slower is not yet slower.
    """

    history: LogHistory
    fix_date: date | None
    tolerated_percent: float

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


def checked_review(history: LogHistory, fix_date: str, tolerated_percent: float) -> Review:
    """The review that the parameters ask for.

    Args:
        history: The period.
        fix_date: See `Review`; a text as `resolve_game_date` takes it, empty for None.
        tolerated_percent: See `Review`.

    Raises:
        UserError: They make no sense.
    """
    if not 0 <= tolerated_percent < 10_000:
        raise UserError(f"tolerated_slowdown_percent is {tolerated_percent:g}; write a number from 0 up")
    timezone = history.platform.environment.timezone
    day = resolve_game_date(fix_date, timezone, now=history.until) if fix_date.strip() else None
    if day is not None and start_of(day, timezone) > history.until:
        raise UserError(f"fix_date {day} is in the future; there is nothing after it to review")
    return Review(history, day, tolerated_percent)


@section("Durations")
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
    rows = [(what, *_figures([value for value in values if value is not None])) for what, values in parts]
    columns = ("What", "Count", "p50, s", "p95, s", "Longest, s", f"{_limit_seconds():g} s or longer")
    note = (
        f"The lock was deployed {local_time(review.fixed_at, review.history.platform.environment.timezone)}; "
        f"before it a MERGE took {_USUAL_BEFORE}. The table is not partitioned: every MERGE scans all of it."
    )
    return Section((_limit_check(review),), (Table("Durations", columns, rows, note), *_slowest(review)))


def _nothing_to_review(review: Review) -> Check:
    silent = len(review.never_ended)
    if not review.left_out and not silent:
        return no_consolidation_seen(review.history, "Durations")
    summary = f"{review.left_out} MERGEs without the lock since it was deployed, {silent} never ended, and no others"
    verify = by_hand.runbook("deploy_verify", review.history.platform.environment)
    step = f"Is the fix deployed, and are its lock lines collected? {verify}"
    return Check("Durations", Verdict.UNKNOWN, summary, {}, step)


def _with_wait(run: Consolidation) -> float | None:
    return None if run.work_seconds is None else run.work_seconds + (run.lock_wait_seconds or 0.0)


def _figures(values: Sequence[float]) -> tuple[object, ...]:
    if not values:
        return (0, None, None, None, None)
    import numpy

    p50, p95 = numpy.quantile(values, [0.5, 0.95])
    over = sum(value >= _limit_seconds() for value in values)
    return (len(values), float(p50), float(p95), float(max(values)), over)


def _slowest(review: Review) -> tuple[Table, ...]:
    slowest = sorted(review.after, key=lambda run: run.work_seconds or 0.0, reverse=True)[:5]
    return (review.history.table("The slowest five after", slowest[::-1]),)


def _limit_check(review: Review) -> Check:
    limit_seconds = _limit_seconds()
    name = f"Under {limit_seconds:g} s"
    spent = [run.work_seconds for run in review.after if run.work_seconds is not None]
    longest = max(spent)
    slow, hanging = sum(seconds >= limit_seconds for seconds in spent), len(review.hanging)
    evidence = {
        "consolidations": len(spent),
        "left out, MERGE without the lock": review.left_out,
        "left out, never ended": len(review.never_ended),
        "longest": spoken_seconds(longest),
        f"{limit_seconds:g} s or longer": slow,
        "longest wait for the lock": spoken_seconds(
            max((run.lock_wait_seconds or 0.0 for run in review.after), default=None)
        ),
    }
    environment = review.history.platform.environment
    commands = [by_hand.read_logs(environment, environment.services.coordinator)]
    if longest >= (timeout_seconds := threshold("consolidation_times_out")):
        step = f"From {timeout_seconds:g} s on the guide rolls back; see what the slowest batches have in common."
        return Check(name, Verdict.FAIL, f"the longest took {spoken_seconds(longest)}", evidence, step, commands)
    if slow or hanging:
        summary = f"{slow} of {len(spent)} took {limit_seconds:g} s or longer, {hanging} more never ended"
        step = "See the slowest ones: their number of staging tables and rows, and their lock waits."
        return Check(name, Verdict.WARN, summary, evidence, step, commands)
    summary = f"all {len(spent)}, the longest {spoken_seconds(longest)} without its lock wait"
    return Check(name, Verdict.PASS, summary, evidence, commands=commands)


@section("Slower than before")
def slowdown(review: Review) -> Section:
    """Whether MERGEs got slower, with the uncertainty of the answer."""
    name = "Slower than before"
    before, after = _merge_times(review.before), _merge_times(review.after)
    found = compare(before, after, tolerated_percent=review.tolerated_percent)
    evidence: dict[str, Value] = {"MERGEs before": len(before), "MERGEs after": len(after)}
    exhibits = _figures_of(review)
    if found is None:
        summary = f"can't tell: {len(before)} before and {len(after)} after, at least {FEWEST_OF_EACH} of each needed"
        step = "Look further back (days), or wait for more consolidations."
        return Section((Check(name, Verdict.UNKNOWN, summary, evidence, step),), exhibits)
    evidence |= {
        "median after to before": found.in_words,
        "tolerated": f"{review.tolerated_percent:g}% slower",
        "one-sided Mann-Whitney test": f"p = {found.p_value:.3f}",
    }
    summary = f"{found.change}: {found.in_words}"
    verdict, step = {
        Change.NOT_SLOWER: (Verdict.PASS, ""),
        Change.SLOWER: (Verdict.WARN, "See which part grew in the table of durations, and the slowest five."),
        Change.CANNOT_TELL: (Verdict.UNKNOWN, "Too few consolidations for the spread: look further back, or wait."),
    }[found.change]
    if found.low > found.tolerated_ratio:
        verdict = Verdict.FAIL
    return Section((Check(name, verdict, summary, evidence, step),), exhibits)


@section("Trend")
def duration_trend(review: Review) -> Section:
    """Whether durations grow since the lock was deployed."""
    name = "Trend since the lock"
    points = [(run.started_at, run.merge_seconds) for run in review.after if run.merge_seconds is not None]
    found = trend(points)
    if found is None:
        step = "Run this again when there are a few days of consolidations."
        return Section((Check(name, Verdict.UNKNOWN, "too few consolidations or days", {"MERGEs": len(points)}, step),))
    evidence = {"MERGEs": len(points), "slope": found.in_words}
    median = sorted(seconds for _, seconds in points)[len(points) // 2]
    if found.low <= 0:
        return Section((Check(name, Verdict.PASS, f"no growth shown: {found.in_words}", evidence),))
    weeks = (_limit_seconds() - median) / found.seconds_per_week
    verdict = Verdict.WARN if weeks < _WEEKS_AHEAD else Verdict.PASS
    summary = f"it grows: {found.in_words}; the median meets {_limit_seconds():g} s in {max(0.0, weeks):.0f} weeks"
    step = "Partition the table by game date, or split large batches, before then." if verdict is Verdict.WARN else ""
    return Section((Check(name, verdict, summary, evidence, step),))


def _limit_seconds() -> float:
    return threshold("normal_duration")


def _merge_times(runs: Sequence[Consolidation]) -> list[float]:
    return [run.merge_seconds for run in runs if run.merge_seconds is not None]


def _figures_of(review: Review) -> tuple[object, ...]:
    before = [(run.started_at, run.merge_seconds or 0.0) for run in review.before]
    after = [(run.started_at, run.merge_seconds or 0.0) for run in review.after]
    if not before and not after:
        return ()
    samples = {"before": [seconds for _, seconds in before], "after": [seconds for _, seconds in after]}
    return (
        durations_over_time(before, after, fixed_at=review.fixed_at, limit_seconds=_limit_seconds()),
        distributions({name: values for name, values in samples.items() if values}, limit_seconds=_limit_seconds()),
    )
