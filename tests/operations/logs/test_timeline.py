"""Consolidations are reconstructed from lines that are interleaved, incomplete or wrong."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from lib.operations.logs.dialects import load_dialects
from lib.operations.logs.events import EventKind
from lib.operations.logs.joining import build_timeline
from lib.operations.logs.lines import parse_events
from lib.operations.logs.timeline import Consolidation, Progress, overlapping_merges
from lib.ports.logs import LogEntry

NOON = datetime(2026, 1, 17, 17, tzinfo=UTC)
LATER = NOON + timedelta(hours=2)
DAY = date(2026, 1, 17)

Line = tuple[float, str, str]


def acquiring(seconds: float, batch: str, instance: str = "a") -> Line:
    return seconds, instance, f"🔒 Acquiring consolidation lock for game_date={DAY}, batch={batch}"


def acquired(seconds: float, batch: str, instance: str = "a") -> Line:
    return seconds, instance, f"✅ Acquired consolidation lock: consolidation_{DAY} (batch={batch}, timeout=300s)"


def merging(seconds: float, batch: str, instance: str = "a") -> Line:
    return seconds, instance, f"🔄 Executing MERGE for batch={batch} with 15 staging tables"


def merged(seconds: float, batch: str, instance: str = "a", took_ms: float = 8000.0) -> Line:
    return seconds, instance, f"✅ MERGE complete: 587 rows affected in {took_ms:.1f}ms (batch={batch})"


def validated(seconds: float, instance: str = "a") -> list[Line]:
    return [
        (seconds, instance, f"🔍 Running post-consolidation validation for game_date={DAY}..."),
        (seconds + 0.5, instance, "✅ Post-consolidation validation PASSED (0 duplicates)"),
    ]


def released(seconds: float, batch: str, instance: str = "a") -> Line:
    return seconds, instance, f"🔓 Released consolidation lock: consolidation_{DAY} (batch={batch})"


def whole(start: float, batch: str, instance: str = "a", waits: float = 0.1) -> list[Line]:
    begin = start + waits
    return [
        acquiring(start, batch, instance),
        acquired(begin, batch, instance),
        merging(begin + 0.2, batch, instance),
        merged(begin + 8.2, batch, instance),
        *validated(begin + 8.3, instance),
        released(begin + 9, batch, instance),
    ]


def timeline(lines: Sequence[Line]) -> list[Consolidation]:
    entries = [
        LogEntry(NOON + timedelta(seconds=seconds), text, "prediction-coordinator", instance=instance)
        for seconds, instance, text in sorted(lines)
    ]
    return build_timeline(parse_events(entries, load_dialects(["library"])))


def test_a_whole_consolidation_with_its_durations_split() -> None:
    (run,) = timeline(whole(0, "b1", waits=4))
    assert (run.batch_id, run.game_date, run.rows, run.staging_tables, run.duplicates) == ("b1", DAY, 587, 15, 0)
    assert (run.lock_wait_seconds, run.merge_seconds, run.validation_seconds) == (4.0, 8.0, 0.5)
    assert run.work_seconds == 9.0
    assert (run.missing, run.is_in_order, run.merged_without_lock) == ((), True, False)
    assert run.progress(LATER, 300) is Progress.COMPLETED


def test_two_batches_on_two_instances_are_separate_and_did_not_overlap() -> None:
    runs = timeline([*whole(0, "b1", "a"), *whole(1, "b2", "b", waits=9)])
    assert [(run.batch_id, run.instance) for run in runs] == [("b1", "a"), ("b2", "b")]
    assert all(run.missing == () for run in runs)
    assert runs[1].lock_wait_seconds == 9.0
    assert overlapping_merges(runs) == []


def test_the_same_batch_twice_in_one_instance_gives_two_consolidations() -> None:
    again = [
        acquiring(1, "b1"),
        acquired(10, "b1"),
        (10.1, "a", "Batch b1 is already consolidated, nothing was changed"),
    ]
    runs = timeline([*whole(0, "b1"), *again, released(10.2, "b1")])
    assert [run.progress(LATER, 300) for run in runs] == [Progress.COMPLETED, Progress.REPEATED]


def test_the_race_of_the_old_code_is_two_overlapping_merges_without_the_lock() -> None:
    lines = [merging(0, "b1"), merging(0.1, "b1"), merged(8, "b1"), merged(8.4, "b1")]
    runs = timeline(lines)
    assert len(runs) == 2
    assert all(run.merged_without_lock for run in runs)
    assert len(overlapping_merges(runs)) == 1


def test_two_batches_of_one_date_race_even_if_no_line_names_the_date() -> None:
    first, second = "batch_2026-01-17_1", "regen_2026-01-17_2"
    runs = timeline([merging(0, first), merging(0.1, second, "b"), merged(8, first), merged(8.4, second, "b")])
    assert [run.likely_game_date for run in runs] == [DAY, DAY]
    assert len(overlapping_merges(runs)) == 1


def test_a_silent_holder_is_unfinished_and_a_recent_one_is_running() -> None:
    (run,) = timeline([acquiring(0, "b1"), acquired(0.1, "b1"), merging(0.2, "b1")])
    assert run.progress(NOON + timedelta(seconds=60), 300) is Progress.RUNNING
    assert run.progress(LATER, 300) is Progress.UNFINISHED


def test_failures_are_distinguished() -> None:
    failed = timeline(
        [
            acquiring(0, "b1"),
            (300, "a", "❌ Lock acquisition failed: Cannot acquire consolidation lock: held (batch=b1)"),
            acquiring(400, "b2"),
            acquired(400.1, "b2"),
            merging(401, "b2"),
            merged(402, "b2"),
            (
                403,
                "a",
                f"❌ POST-CONSOLIDATION VALIDATION FAILED: 5 duplicate business keys for game_date={DAY} (batch=b2)",
            ),
            released(404, "b2"),
            acquiring(500, "b3"),
            acquired(500.1, "b3"),
            released(501, "b3"),
        ]
    )
    assert [run.progress(LATER, 300) for run in failed] == [Progress.FAILED, Progress.FAILED, Progress.NO_MERGE]
    assert failed[1].duplicates == 5


def test_lines_in_another_order_are_one_consolidation_and_reported() -> None:
    lines = [*whole(0, "b1")[:4], released(9, "b1"), *validated(10)]
    (run,) = timeline(lines)
    assert not run.is_in_order
    assert run.missing == ()


def test_a_merge_after_a_repeated_consolidation_is_not_part_of_it() -> None:
    lines = [acquiring(0, "b1"), acquired(0.1, "b1"), released(0.2, "b1"), merging(5, "b1"), merged(9, "b1")]
    runs = timeline(lines)
    assert [EventKind.MERGED in run.events for run in runs] == [False, True]
    assert runs[1].merged_without_lock
