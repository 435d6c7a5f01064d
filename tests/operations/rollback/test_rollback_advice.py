"""Whether a rollback is advised, by the criteria, and with the option that helps."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from lib.embedded.logs import append_entries, log_path
from lib.locking.switch import VARIABLE
from lib.operations.changes.lock_switch import lock_switch
from lib.operations.rollback import checked_rollback, roll_back, rollback_advice
from lib.operations.scope import scope_of
from lib.platform import Platform
from lib.ports.logs import LogEntry
from lib.verdict.check import Check
from lib.verdict.section import Table
from lib.verdict.verdict import Verdict

DAY = date(2026, 1, 17)
WORKER, COORDINATOR = "prediction-worker", "prediction-coordinator"
FAILED = ("🔒 Acquiring consolidation lock for game_date=2026-01-17, batch=b9", "Lock acquisition failed for batch=b9")


def advice(platform: Platform) -> tuple[Check, list[Table]]:
    scope = scope_of(platform, game_date=str(DAY))
    found = rollback_advice(scope, checked_rollback(platform).approval)
    return found.checks[0], list(found.exhibits)


def met(tables: Iterable[Table]) -> dict[str, str]:
    return {str(row[0]): str(row[1]) for table in tables for row in table.rows}


def consolidate(platform: Platform, batch_id: str = "b1") -> None:
    key = {"game_id": "g", "player_lookup": "p", "system_id": "s", "current_points_line": 1.5}
    row = {"prediction_id": batch_id, **key}
    platform.staging_writer().write([row], batch_id=batch_id, worker_id="w", game_date=DAY)
    platform.consolidator().consolidate_batch(batch_id=batch_id, game_date=DAY)


def log(home: Path, service: str, *messages: str) -> None:
    at = datetime.now(UTC) - timedelta(minutes=5)
    append_entries(home, service, [LogEntry(at, message, service, instance="i-1") for message in messages])


def write_twice(platform: Platform) -> None:
    with platform.warehouse.connection() as connection:  # type: ignore[attr-defined]
        table = "nba_predictions.player_prop_predictions"
        connection.execute(f"INSERT INTO {table} FROM {table}")


def test_a_healthy_night_advises_none(platform: Platform) -> None:
    consolidate(platform)
    check, tables = advice(platform)
    assert (check.verdict, check.summary) == (Verdict.PASS, "not advised, none of 4 criteria is met")
    assert set(met(tables).values()) == {"not met", "met"}


def test_the_headline_of_a_healthy_run_still_says_whether_to_roll_back(platform: Platform) -> None:
    consolidate(platform)
    scope, approval = scope_of(platform, game_date=str(DAY)), checked_rollback(platform).approval
    rollback_advice(scope, approval)
    lock_switch(scope, approval)
    assert scope.verdict().headline == "Rollback: not advised, none of 4 criteria is met"


def test_without_data_the_advice_is_unknown_and_not_to_roll_back(platform: Platform) -> None:
    check, tables = advice(platform)
    assert check.verdict is Verdict.UNKNOWN
    assert "do not roll back because of these alone" in check.next_step
    assert set(met(tables).values()) == {"UNKNOWN"}


def test_lock_failures_lead_to_option_a(platform: Platform, home: Path) -> None:
    consolidate(platform)
    log(home, COORDINATOR, *FAILED)
    check, tables = advice(platform)
    assert check.verdict is Verdict.FAIL
    assert check.summary == "ADVISED, 1 of 4 criteria is met: Lock acquisition fails consistently (>10% of batches)"
    assert "runbook run rollback -p lock=off" in check.next_step
    assert met(tables)["Lock acquisition fails consistently (>10% of batches)"] == "met"


def test_duplicates_lead_to_their_diagnosis_first(platform: Platform) -> None:
    consolidate(platform)
    write_twice(platform)
    check, _ = advice(platform)
    assert check.verdict is Verdict.FAIL
    assert f"runbook run duplicate_diagnosis -p date={DAY}" in check.next_step
    assert "lock=off" not in check.next_step


def test_a_log_that_cannot_be_read_is_unknown(platform: Platform, home: Path) -> None:
    consolidate(platform)
    path = log_path(home, COORDINATOR)
    path.unlink()
    path.mkdir()
    check, tables = advice(platform)
    assert check.verdict is Verdict.UNKNOWN
    assert met(tables)["Duplicates detected after 24 hours"] == "not met"
    assert met(tables)["Firestore errors (quota exceeded, permission denied)"] == "UNKNOWN"


def test_after_a_rollback_only_later_lines_count(platform: Platform, home: Path) -> None:
    log(home, COORDINATOR, *FAILED)
    consolidate(platform)
    assert advice(platform)[0].verdict is Verdict.FAIL
    scope = scope_of(platform)
    planned = roll_back(scope, checked_rollback(platform, lock="off", service=COORDINATOR))
    plan = str(planned.checks[0].evidence["plan"])
    request = checked_rollback(platform, lock="off", service=COORDINATOR, plan=plan, reason="it fails")
    assert rollback_advice(scope, request.approval).checks == ()
    roll_back(scope, request)
    consolidate(platform, "b2")
    check, tables = advice(platform)
    assert check.verdict is Verdict.PASS, check
    assert met(tables)["Lock acquisition fails consistently (>10% of batches)"] == "nothing to judge"
    assert platform.services.variable(COORDINATOR, VARIABLE) == "off"


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "'; DROP TABLE x; --"])
def test_hostile_lines_stay_text(platform: Platform, home: Path, text: str) -> None:
    log(home, COORDINATOR, f"ERROR {text}", f"Lock acquisition failed for batch={text}")
    _, tables = advice(platform)
    assert "<script>" not in "".join(table._repr_html_() for table in tables)
