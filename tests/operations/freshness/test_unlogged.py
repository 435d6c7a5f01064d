"""Rows written without a log line make the checks that read logs blind, which is reported."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lib.embedded.logs import append_entries, log_path
from lib.operations.freshness.unlogged import unlogged_rows
from lib.operations.quality.night import night_of
from lib.operations.scope import scope_of
from lib.platform import Platform
from lib.ports.logs import LogEntry
from lib.verdict.verdict import Verdict
from tests.consolidation.world import predictions

WORKER, COORDINATOR = "prediction-worker", "prediction-coordinator"
NOW = datetime.now(UTC).replace(microsecond=0)
WARNING, INFO = "2026-03-25 21:43:10,000 - retry - WARNING - slow", "2026-03-25 21:43:10,000 - loop - INFO - idle"
MERGED = "MERGE complete: 20 rows affected in 8000.0ms (batch=b1)"


@pytest.mark.parametrize(
    ("written", "lines", "expected", "said"),
    [
        (40, [(35, MERGED)], Verdict.PASS, "by a logged consolidation"),
        (40, [(1900, MERGED), (20, WARNING)], Verdict.UNKNOWN, f"{COORDINATOR} logs only WARNING and above since"),
        (40, [(20, WARNING)], Verdict.UNKNOWN, f"{COORDINATOR} logs only WARNING and above for 30 days or longer"),
        (40, [], Verdict.UNKNOWN, f"but not logged: {WORKER} logs nothing for 30 days"),
        (40, [(200, MERGED), (20, INFO)], Verdict.WARN, "but no consolidation was logged after"),
        (60 * 30, [], Verdict.PASS, "no rows were written since "),
        (-60, [], None, ""),
    ],
)
def test_rows_are_compared_with_the_log_lines(
    platform: Platform, home: Path, written: int, lines: list[tuple[int, str]], expected: Verdict | None, said: str
) -> None:
    scope = scope_of(platform, now=NOW)
    moment = NOW - timedelta(minutes=written)
    rows = predictions(20, game_date=scope.game_date, created_at=moment, updated_at=moment)
    with platform.warehouse.session():
        [write] = platform.staging_writer().write(rows, batch_id="b1", worker_id="w1")
        with platform.warehouse.connection() as connection:  # type: ignore[attr-defined]
            names = ", ".join(rows[0])
            source = f"nba_predictions.{write.table.table}"
            connection.execute(
                f"INSERT INTO nba_predictions.player_prop_predictions ({names}) SELECT {names} FROM {source}"
            )
    log_path(home, WORKER).unlink()
    entries = [LogEntry(NOW - timedelta(minutes=ago), line, COORDINATOR) for ago, line in lines]
    append_entries(home, COORDINATOR, entries)

    checks = unlogged_rows(night_of(scope, days=7)).checks

    assert [check.verdict for check in checks] == ([expected] if expected else [])
    assert all(said in check.summary for check in checks), checks
