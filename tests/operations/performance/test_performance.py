"""The review reports a slowdown, none, or an inconclusive result, and is right about generated data."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lib.embedded.logs import append_entries
from lib.errors import UserError
from lib.operations.performance.durations import checked_review, duration_trend, durations, slowdown
from lib.operations.performance.statistics import Change, compare, trend
from lib.operations.scope import Scope, scope_of
from lib.platform import Platform
from lib.ports.logs import LogEntry
from lib.verdict.verdict import Verdict

SERVICE = "prediction-coordinator"
START = datetime(2026, 1, 3, 17, tzinfo=UTC)
NOW = START + timedelta(days=28)


def sample(median_seconds: float, count: int, seed: int) -> list[float]:
    generator = random.Random(seed)
    return [median_seconds * generator.lognormvariate(0, 0.4) for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_a_known_shift_is_found_and_its_size_is_in_the_interval(seed: int) -> None:
    found = compare(sample(10, 60, seed), sample(20, 60, seed + 100), tolerated_percent=50)
    assert found is not None
    assert found.change is Change.SLOWER
    assert found.low < 2 < found.high
    assert found.p_value < 0.001


@pytest.mark.parametrize("seed", range(5))
def test_without_a_shift_there_is_no_slowdown(seed: int) -> None:
    found = compare(sample(10, 60, seed), sample(10, 60, seed + 100), tolerated_percent=50)
    assert found is not None
    assert found.change is Change.NOT_SLOWER
    assert found.low < 1.05


def test_few_and_scattered_durations_are_inconclusive() -> None:
    found = compare([5, 30, 8, 25, 6, 28, 7, 22], [6, 45, 9, 30, 7, 40, 12, 33], tolerated_percent=20)
    assert found is not None
    assert found.change is Change.CANNOT_TELL


def test_too_little_data_gives_neither_a_comparison_nor_a_trend() -> None:
    assert compare(sample(10, 7, 1), sample(10, 100, 2), tolerated_percent=50) is None
    assert compare([0.0] * 20, sample(10, 20, 2), tolerated_percent=50) is None
    assert trend([(START, 1.0)] * 100) is None


def test_equal_durations_are_compared() -> None:
    found = compare([10.0] * 20, [10.0] * 20, tolerated_percent=0)
    assert found is not None
    assert (found.ratio, found.change) == (1.0, Change.NOT_SLOWER)


def test_a_trend_is_found_with_its_interval() -> None:
    noise = sample(1, 40, 3)
    points = [(START + timedelta(days=day), 10 + day + noise[day]) for day in range(40)]
    found = trend(points)
    assert found is not None
    assert found.low < 7 < found.high


def old_lines(seconds: Sequence[float]) -> list[LogEntry]:
    return [
        LogEntry(
            START + timedelta(hours=8 * number),
            f"✅ MERGE complete: 587 rows affected in {took * 1000:.1f}ms (batch=old_{number})",
            SERVICE,
        )
        for number, took in enumerate(seconds)
    ]


def new_lines(seconds: Sequence[float]) -> list[LogEntry]:
    lines = []
    for number, took in enumerate(seconds):
        began = START + timedelta(days=14, hours=8 * number)
        day = began.date()
        for after, text in (
            (0.0, f"🔒 Acquiring consolidation lock for game_date={day}, batch=new_{number}"),
            (2.0, f"✅ Acquired consolidation lock: consolidation_{day} (batch=new_{number}, timeout=300s)"),
            (2.1, f"🔄 Executing MERGE for batch=new_{number} with 15 staging tables"),
            (2.1 + took, f"✅ MERGE complete: 587 rows affected in {took * 1000:.1f}ms (batch=new_{number})"),
            (2.2 + took, f"🔓 Released consolidation lock: consolidation_{day} (batch=new_{number})"),
        ):
            lines.append(LogEntry(began + timedelta(seconds=after), text, SERVICE))
    return lines


def scope(platform: Platform) -> Scope:
    return scope_of(platform, hours=29 * 24, now=NOW)


@pytest.mark.parametrize(
    ("median_after", "limit", "change"),
    [(11, Verdict.PASS, Verdict.PASS), (30, Verdict.WARN, Verdict.FAIL), (200, Verdict.FAIL, Verdict.FAIL)],
)
def test_the_review_of_four_weeks_of_logs(
    platform: Platform, home: Path, median_after: float, limit: Verdict, change: Verdict
) -> None:
    append_entries(home, SERVICE, old_lines(sample(10, 40, 1)) + new_lines(sample(median_after, 40, 2)))
    review = checked_review(scope(platform), "", 50)
    assert (len(review.before), len(review.after)) == (40, 40)
    assert review.fixed_at == START + timedelta(days=14)
    (found,) = durations(review).checks
    assert found.verdict is limit
    section = slowdown(review)
    assert section.checks[0].verdict is change
    (over_time,) = section.exhibits
    assert "<svg" in over_time.svg
    assert duration_trend(review).checks[0].verdict is Verdict.PASS


def test_a_merge_without_the_lock_after_the_given_date_is_old_code_and_left_out(platform: Platform, home: Path) -> None:
    append_entries(home, SERVICE, old_lines(sample(10, 40, 1)))
    review = checked_review(scope(platform), "2026-01-10", 50)
    assert (len(review.before), len(review.after), review.left_out) == (20, 0, 20)
    assert "only 20 MERGEs without the lock" in durations(review).checks[0].summary


def test_a_merge_that_never_ended_is_not_counted_as_fast(platform: Platform, home: Path) -> None:
    append_entries(home, SERVICE, new_lines([8, 9, 7]))
    assert durations(checked_review(scope(platform), "", 50)).checks[0].verdict is Verdict.PASS
    append_entries(home, SERVICE, [line for line in new_lines([8] * 5) if "=new_4" in line.message][:3])
    (check,) = durations(checked_review(scope(platform), "", 50)).checks
    assert (check.verdict, "1 more never ended" in check.summary) == (Verdict.WARN, True), check.summary


def test_no_logs_and_too_few_are_unknown(platform: Platform, home: Path) -> None:
    review = checked_review(scope(platform), "", 50)
    assert [part(review).checks[0].verdict for part in (durations, slowdown, duration_trend)] == [Verdict.UNKNOWN] * 3
    append_entries(home, SERVICE, new_lines([8, 9, 7]))
    few = checked_review(scope(platform), "", 50)
    assert durations(few).checks[0].verdict is Verdict.PASS
    assert slowdown(few).checks[0].verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(("fix_date", "percent"), [("2027-01-01", 50), ("", -1), ("", float("nan")), ("soon", 1)])
def test_parameters_that_make_no_sense_are_refused(platform: Platform, fix_date: str, percent: float) -> None:
    with pytest.raises(UserError):
        checked_review(scope(platform), fix_date, percent)
