"""The services' lines are recognised whatever surrounds them; no log line can break the parser."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.operations.logs import lines
from lib.operations.logs.dialects import load_dialects
from lib.operations.logs.events import EXPECTED_ORDER, Event, EventKind
from lib.operations.logs.joining import build_timeline
from lib.ports.logs import LogEntry

NOON = datetime(2026, 1, 17, 17, tzinfo=UTC)
# With damaged emoji, as they were once printed.
PRINTED = """
ðŸ”’ Acquiring consolidation lock for game_date=2026-01-17, batch=20260117_120000
âœ… Acquired consolidation lock: consolidation_2026-01-17 (batch=20260117_120000, timeout=300s)
ðŸ”„ Executing MERGE for batch=20260117_120000 with 15 staging tables
âœ… MERGE complete: 587 rows affected in 8234.5ms (batch=20260117_120000)
ðŸ” Running post-consolidation validation for game_date=2026-01-17...
âœ… Post-consolidation validation PASSED (0 duplicates)
ðŸ”“ Released consolidation lock: consolidation_2026-01-17 (batch=20260117_120000)
""".strip().splitlines()  # noqa: RUF001


LIBRARY = load_dialects(["library"])
ALL = load_dialects(["library", "a1", "a2", "b"])


def parse_event(entry: LogEntry) -> Event | None:
    return LIBRARY.event(entry)


def parse_events(entries: Iterable[LogEntry]) -> list[Event]:
    return lines.parse_events(entries, ALL)


def is_error(entry: LogEntry) -> bool:
    return lines.is_error(entry, ALL)


def is_lock_service_error(entry: LogEntry) -> bool:
    return lines.is_lock_service_error(entry, ALL)


def entry(message: str, seconds: float = 0, severity: str = "DEFAULT", **fields: object) -> LogEntry:
    return LogEntry(
        NOON + timedelta(seconds=seconds), message, "prediction-coordinator", severity=severity, fields=fields
    )


def test_the_seven_lines_are_seven_events() -> None:
    events = parse_events(entry(line, number) for number, line in enumerate(PRINTED))
    assert tuple(event.kind for event in events) == EXPECTED_ORDER
    acquiring, acquired, merging, merged, validating, validated, _ = events
    assert (acquiring.batch_id, acquiring.game_date) == ("20260117_120000", date(2026, 1, 17))
    assert acquired.game_date == validating.game_date == date(2026, 1, 17)
    assert merging.staging_tables == 15
    assert (merged.rows, merged.duration_ms) == (587, 8234.5)
    assert validated.duplicates == 0


@pytest.mark.parametrize("prefix", ["", "🔒 ", "ðŸ”’ ", "INFO:coordinator:", "2026-01-17 12:00:00 [w3] "])  # noqa: RUF001
@pytest.mark.parametrize("kind", EXPECTED_ORDER)
def test_a_line_is_found_behind_any_prefix(prefix: str, kind: EventKind) -> None:
    line = PRINTED[EXPECTED_ORDER.index(kind)].partition(" ")[2]
    event = parse_event(entry(f"{prefix}{line}"))
    assert event is not None
    assert event.kind is kind


def test_a_failed_acquisition_belongs_to_the_batch_that_failed_not_to_the_holder() -> None:
    event = parse_event(
        entry(
            "❌ Lock acquisition failed: Cannot acquire consolidation lock: consolidation_2026-01-17 is held by "
            "batch=first on host:1 until 2026-01-17 17:05:00 UTC (waited 300.2s) (batch=second)"
        )
    )
    assert event is not None
    assert (event.kind, event.batch_id) == (EventKind.ACQUISITION_FAILED, "second")
    assert (event.game_date, event.waited_seconds) == (date(2026, 1, 17), 300.2)


def test_a_lock_key_may_carry_a_dataset() -> None:
    event = parse_event(entry("Released consolidation lock: consolidation_test_data_2026-01-17 (batch=b)"))
    assert event is not None
    assert event.game_date == date(2026, 1, 17)


def test_a_warning_on_stdout_and_stderr_counts_once_and_a_repeated_attempt_twice() -> None:
    failed = "❌ Lock acquisition failed: consolidation_2026-01-17 (batch=b)"
    tried = "🔒 Acquiring consolidation lock for game_date=2026-01-17, batch=b"
    entries = [entry(failed), entry(failed, 0.01), entry(tried, 1), entry(tried, 1.01), entry(failed, 30)]
    kinds = [event.kind for event in parse_events(entries)]
    assert kinds.count(EventKind.ACQUISITION_FAILED) == 2
    assert kinds.count(EventKind.ACQUIRING) == 2


def test_a_failure_that_the_lock_and_its_caller_log_counts_once() -> None:
    by_lock = "❌ Cannot acquire consolidation lock: consolidation_2026-01-17 after 300s (batch=b)"
    by_caller = "❌ Lock acquisition failed for batch=b"
    of_another = "❌ Lock acquisition failed for batch=c"
    entries = [entry(by_lock), entry(by_caller, 0.2), entry(of_another, 0.3), entry(by_caller, 60)]
    assert [run.batch_id for run in build_timeline(parse_events(entries))] == ["b", "c", "b"]


def test_a_missing_client_library_is_not_an_error_of_the_lock_service() -> None:
    assert not is_lock_service_error(
        entry("ERROR boot failed: ModuleNotFoundError: No module named 'google.cloud.firestore'")
    )
    assert is_lock_service_error(entry("ERROR Firestore failed: quota exceeded"))


def test_errors_are_recognised_by_severity_or_in_plain_text_by_their_words() -> None:
    assert is_error(entry("anything", severity="CRITICAL"))
    assert is_error(entry("Traceback (most recent call last):"))
    assert not is_error(entry("0 ERRORs so far", severity="INFO"))


def test_a_refusing_lock_service_is_distinguished_from_a_held_lock() -> None:
    assert is_lock_service_error(entry("Firestore: 429 Quota exceeded", severity="ERROR"))
    assert is_lock_service_error(entry("Heartbeat of consolidation_2026-01-17 failed", severity="WARNING"))
    # As the old code wrote it: plain text, and no severity.
    assert is_lock_service_error(entry("consolidation_locks/x: 403 Missing or insufficient permissions."))
    held = "❌ Lock acquisition failed: Cannot acquire consolidation lock: consolidation_2026-01-17 is held by b"
    assert not is_lock_service_error(entry(held, severity="ERROR"))


_PIECES = st.sampled_from(
    [*ALL.anchors, "batch=", "game_date=", "2026-02-31", "9" * 400, "in 1.5.5ms", "\x00", "\ud800"]
)
_HOSTILE = st.lists(st.one_of(st.text(max_size=40), _PIECES), max_size=12).map("".join)


@given(st.lists(st.tuples(_HOSTILE, st.sampled_from(["DEFAULT", "INFO", "WARNING", "ERROR"])), max_size=20))
def test_hostile_lines_never_raise(lines: list[tuple[str, str]]) -> None:
    entries = [entry(text, number, severity) for number, (text, severity) in enumerate(lines)]
    runs = build_timeline(parse_events(entries))
    for run in runs:
        assert run.started_at <= run.last_at
        assert run.lock_wait_seconds is None or run.lock_wait_seconds >= 0
    [is_lock_service_error(one) for one in entries]
