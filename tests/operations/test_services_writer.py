"""The runbooks on a table that the services' own writer fills: no fence, no ledger, rows deactivated afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lib.embedded.logs import append_entries
from lib.embedded.sqlite_locks import SqliteLockStore
from lib.errors import UserError
from lib.locking.store import Claim
from lib.locking.switch import VARIABLE
from lib.operations.changes.lock_release import checked_release, release_lock
from lib.operations.changes.lock_switch import lock_switch
from lib.operations.changes.staging_cleanup import checked_cleanup, clean_up
from lib.operations.doctor import examine
from lib.operations.fences import Fence
from lib.operations.freshness.writes import rows_against_ledger
from lib.operations.locks.others import locks_of_others
from lib.operations.locks.stuck import lock_states
from lib.operations.quality.night import night_of
from lib.operations.rollback import checked_rollback, roll_back, rollback_advice
from lib.operations.scope import Scope, scope_of
from lib.operations.staging.backlog import backlog
from lib.operations.staging.ledger_answers import batch_history, committed_consolidations
from lib.platform import Platform
from lib.ports.logs import LogEntry
from lib.verdict.verdict import Verdict
from rehearsal.services_writer import merge_as_services, stage_as_services
from rehearsal.slates import slate_of
from tests.operations.deployed import COORDINATOR, NEW, OLD, WORKER, having, with_two_revisions

DAY = date(2026, 1, 17)
BATCH, NEXT = f"batch_{DAY}_1768650000", f"batch_{DAY}_1768653600"
TABLES = 3
LINE = "❌ Lock acquisition failed for batch=b9"


@pytest.fixture
def services(platform: Platform, home: Path) -> Platform:
    """One merged batch whose staging tables are left; two revisions of the coordinator."""
    with_two_revisions().save(home)
    stage(platform, BATCH, 0)
    merge_as_services(platform, BATCH)
    return platform


def stage(platform: Platform, batch_id: str, line: float) -> None:
    """The slate of one player and system; the lines differ from batch to batch by so much."""
    generated_at = datetime.now(UTC)
    rows = [
        {**row, "current_points_line": 20.5 + line}
        for row in slate_of(DAY).predict(batch_id, generated_at=generated_at)
    ]
    one_line = {(row["player_lookup"], row["system_id"]): row for row in rows}
    stage_as_services(platform, list(one_line.values()), batch_id=batch_id, tables=TABLES)


def seen(platform: Platform) -> Scope:
    return scope_of(platform, game_date=str(DAY), now=datetime.now(UTC) + timedelta(hours=3))


def log_failures(home: Path) -> None:
    at = datetime.now(UTC) - timedelta(minutes=5)
    append_entries(home, COORDINATOR, [LogEntry(at, LINE, COORDINATOR, instance="i-1")])
    append_entries(home, WORKER, [LogEntry(at, "ready", WORKER, instance="i-1")])


def pages(*found: Any) -> str:
    """All text that the steps show."""
    checks = [check for section in found for check in section.checks]
    shown = [exhibit._repr_html_() for section in found for exhibit in section.exhibits]
    return " ".join([*(f"{check.summary} {check.next_step} {check.evidence}" for check in checks), *shown])


def test_leftovers_count_as_merged_by_another_writer_and_waiting_tables_still_wait(services: Platform) -> None:
    stage(services, NEXT, 1)
    (check,) = backlog(seen(services), stuck_after_minutes=60).checks
    assert check.verdict is Verdict.FAIL
    assert (check.evidence["tables not merged"], BATCH in check.next_step) == (TABLES, False)
    merge_as_services(services, NEXT)
    (check,) = backlog(seen(services), stuck_after_minutes=60).checks
    assert (check.verdict, check.summary) == (
        Verdict.PASS,
        f"no batch waits; {2 * TABLES} tables were merged by another writer",
    )
    proof = [
        [quantity.value for quantity in check.evidence[f"{name}, merged by another writer"]]  # type: ignore[union-attr]
        for name in (BATCH, NEXT)
    ]
    rows = proof[0][2]
    assert proof == [[TABLES, 0, rows], [TABLES, rows, 0]]
    assert rows > 0


def test_a_leftover_batch_was_merged_and_may_be_dropped(services: Platform) -> None:
    (check,) = batch_history(seen(services), BATCH).checks
    assert check.verdict is Verdict.PASS
    assert check.summary == f"merged by another writer: all its rows are in the table; {TABLES} staging tables are left"
    (planned,) = clean_up(seen(services), checked_cleanup(services, BATCH)).checks
    assert f"drop {TABLES} merged staging tables" in planned.summary
    plan = str(planned.evidence["plan"])
    clean_up(seen(services), checked_cleanup(services, BATCH, plan=plan, reason="merged a day ago"))
    assert backlog(seen(services), stuck_after_minutes=60).checks[0].summary == "no batch waits"


def test_no_text_promises_a_fence_or_offers_to_switch_off_the_only_defence(services: Platform, home: Path) -> None:
    log_failures(home)
    scope = scope_of(services, game_date=str(DAY))
    assert scope.guard.fence is Fence.UNKNOWN
    approval = checked_rollback(services).approval
    found = rollback_advice(scope, approval), lock_switch(scope, approval)
    assert found[0].checks[0].summary.startswith("NOT ADVISED, though 1 of 4 criteria is met")
    said = pages(*found)
    assert "lock=off" not in said
    assert f"{VARIABLE}=off" not in said
    assert "guards" not in said
    assert "not known to have a fence: no consolidation is in the ledger" in said
    (planned,) = roll_back(scope, checked_rollback(services, lock="off")).checks
    assert "without a fence two consolidations at once can write duplicates again" in planned.summary
    row = {"game_id": "g", "player_lookup": "p", "system_id": "s", "current_points_line": 1.5}
    services.staging_writer().write([row], batch_id="ours", worker_id="w", game_date=DAY)
    services.consolidator().consolidate_batch(batch_id="ours", game_date=DAY)
    scope = scope_of(services, game_date=str(DAY))
    assert scope.guard.holds
    assert "lock=off" in pages(rollback_advice(scope, approval), lock_switch(scope, approval))


def test_on_cloud_run_a_consolidation_by_hand_proves_nothing_about_the_service(
    services: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_cloud_run = replace(services, environment=replace(services.environment, platform="google"))
    guards = []
    for batch_id, revision in (("by-hand", ""), ("by-another", OLD), ("by-the-service", NEW)):
        monkeypatch.setenv("K_REVISION", revision)
        row = {"game_id": "g", "player_lookup": batch_id, "system_id": "s", "current_points_line": 1.5}
        services.staging_writer().write([row], batch_id=batch_id, worker_id="w", game_date=DAY)
        services.consolidator().consolidate_batch(batch_id=batch_id, game_date=DAY)
        guards.append(scope_of(on_cloud_run, game_date=str(DAY)).guard.holds)
    assert guards == [False, False, True]


def test_an_empty_ledger_is_reported_once_and_not_judged(services: Platform) -> None:
    scope = scope_of(services, game_date=str(DAY))
    assert scope._repr_html_().count("no consolidation is in the ledger") == 1
    found = rows_against_ledger(night_of(scope, days=1)), committed_consolidations(scope)
    assert [section.checks for section in found] == [(), ()]
    said = {check.id: check.verdict for check in examine(services).checks}
    assert (said["ledger"], said["fences"]) == (Verdict.PASS, Verdict.WARN)  # said by one of the two


def test_locks_of_other_services_are_shown_and_not_released(platform: Platform, home: Path) -> None:
    store = SqliteLockStore(home / "grading.sqlite")
    store.create(Claim(f"grading_{DAY}", "grading", "grading", 300, "unknown host, a grading lock"))
    having(platform, other_lock_stores={"grading_locks": store})
    (check,) = locks_of_others(scope_of(platform)).checks
    assert (check.verdict, check.summary) == (Verdict.PASS, "1 held, none expired")
    assert f"grading_{DAY}" in pages(locks_of_others(scope_of(platform)))
    with pytest.raises(UserError, match="another service's lock, held by 'grading'; only that service may release it"):
        checked_release(platform, f"grading_{DAY}", "")
    assert lock_states(scope_of(platform)).checks[0].summary == "no lock is held"
    assert store.read(f"grading_{DAY}").record is not None


def test_the_plan_of_a_release_does_not_promise_that_the_holder_is_refused(services: Platform) -> None:
    key = services.table.lock_key(DAY)
    services.locks.store.create(Claim(key, "op", "op", 0.001, "unknown host"))
    while not services.locks.store.read(key).is_expired:
        pass
    said = pages(lock_states(seen(services)), release_lock(seen(services), checked_release(services, key, "")))
    assert "nothing is known to refuse later writes by its holder" in said
    assert "not in the ledger" not in said
