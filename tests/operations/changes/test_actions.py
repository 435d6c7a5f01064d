"""Each action is planned without touching anything, applied only as approved, verified, recorded, and atomic."""

from __future__ import annotations

import json
import os
import pwd
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lib.consolidation.upkeep.audit import ActionStatus
from lib.consolidation.upkeep.repair import BACKUP_PREFIX
from lib.errors import RunbookError, UserError
from lib.locking import LeaseStillLive
from lib.operations.changes.action import apply_plan
from lib.operations.changes.audit import audit_trail, changes, releases
from lib.operations.changes.lock_release import LockRelease
from lib.operations.changes.plan import LIFE, PlanOutdated
from lib.operations.changes.repair import Repair, UndoRepair
from lib.operations.changes.staging_cleanup import StagingCleanup, checked_cleanup, unmerged
from lib.operations.scope import scope_of
from lib.platform import Platform
from lib.verdict.verdict import Verdict
from tests.consolidation.world import HookedWarehouse
from tests.operations.changes.actions import (
    BATCH,
    CASES,
    DAY,
    KEPT,
    MAIN,
    Case,
    approved,
    beat,
    consolidate,
    everything,
    hold,
    main_rows,
    planned,
    row,
    run,
    stage,
    the_race,
)

NO_PLAN = "3f9a1c2b4d5e-20260117T2315Z-a109c7"


@pytest.fixture(params=CASES.values(), ids=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def test_a_plan_touches_nothing_and_holds_while_nothing_changes(platform: Platform, case: Case) -> None:
    action = case.set_up(platform)
    before = everything(platform)
    plan, target = planned(platform, action), action.plan().target
    assert everything(platform) == before
    assert changes(platform) == []
    found = approved(platform, action, plan=plan)
    (check,), (changed,) = found.checks, found.changed
    assert (check.verdict, "verified and recorded" in check.summary) == (Verdict.PASS, True)
    assert (changed.target, changed.reason, changed.is_certain) == (target, "a test", True)
    assert bool(changed.undo) != bool(changed.note)
    assert everything(platform) != before


def test_an_incomplete_approval_or_another_name_is_refused(platform: Platform, case: Case) -> None:
    action = case.set_up(platform)
    before = everything(platform)
    target = action.plan().target
    for wrong in (
        {"target": ""},
        {"target": f"{target}0"},
        {"target": target.upper() + "x"},
        {"reason": " "},
        {"reason": "why it is safe"},
        {"plan": ""},
        {"plan": "yes"},
        {"plan": NO_PLAN[:-1]},
    ):
        with pytest.raises(UserError, match="nothing was changed") as refusal:
            approved(platform, action, **wrong)
        assert "\n" not in str(refusal.value)
    assert everything(platform) == before
    assert changes(platform) == []


def test_a_plan_is_refused_once_its_state_has_changed(platform: Platform, case: Case) -> None:
    action = case.set_up(platform)
    plan, target = planned(platform, action), action.plan().target
    case.move(platform)
    before = everything(platform)
    with pytest.raises(RunbookError, match=r"changed|not expired"):
        approved(platform, action, target=target, plan=plan)
    assert everything(platform) == before
    assert changes(platform) == []


def test_a_plan_expires_and_is_for_one_target_and_environment_only(platform: Platform, case: Case) -> None:
    action = case.set_up(platform)
    now = datetime.now(UTC)
    plan = planned(platform, action, now=now)
    before = everything(platform)
    with pytest.raises(PlanOutdated, match="has expired"):
        approved(platform, action, plan=plan, now=now + LIFE)
    until = now + timedelta(days=1)
    longer = plan.replace(f"-{now + LIFE:%Y%m%dT%H%M}Z-", f"-{until:%Y%m%dT%H%M}Z-")
    for other in (NO_PLAN.replace("20260117", f"{until:%Y%m%d}"), longer):
        with pytest.raises(PlanOutdated, match="nothing was changed"):
            approved(platform, action, plan=other)
    assert everything(platform) == before


def test_the_record_says_who_when_why_from_what_to_what_and_how_to_undo_it(
    platform: Platform, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "somebody else")
    action = case.set_up(platform)
    asked = datetime.now(UTC) - timedelta(seconds=1)
    state = action.plan().state
    approved(platform, action, reason="it's <b>the race</b>; DROP TABLE x")
    (record,) = [*changes(platform), *releases(platform)]
    assert (record.reason, record.status) == ("it's <b>the race</b>; DROP TABLE x", ActionStatus.DONE)
    assert record.actor == pwd.getpwuid(os.getuid()).pw_name
    assert record.target
    assert asked < record.filed_at < datetime.now(UTC) + timedelta(seconds=1)
    assert json.loads(record.before) == state
    assert json.loads(record.after)
    assert "runbook" in record.undo or record.undo.startswith("not needed")
    shown = audit_trail(scope_of(platform))
    assert shown.checks == ()
    assert "<b>the race" not in shown.exhibits[0]._repr_html_()


def test_the_undo_on_record_restores_the_table_row_for_row(platform: Platform) -> None:
    the_race(platform)
    before = main_rows(platform)
    approved(platform, Repair(platform, DAY))
    assert len(main_rows(platform)) == len(before) - 3
    (record,) = changes(platform)
    backup = record.undo.split()[-1]
    approved(platform, UndoRepair(platform, DAY, backup))
    assert main_rows(platform) == before
    with pytest.raises(RunbookError, match="undone already"):
        approved(platform, UndoRepair(platform, DAY, backup))
    assert main_rows(platform) == before


def test_a_backup_that_has_expired_is_dropped_by_the_next_repair_and_its_undo_says_so(platform: Platform) -> None:
    the_race(platform)
    planned, _ = Repair(platform, DAY).plan().undo.split(";")
    assert "the backup is kept until 20" in planned
    approved(platform, Repair(platform, DAY))
    (first,) = changes(platform)
    kept = json.loads(first.after)
    assert kept["backup kept until"] in planned  # to the minute
    backup = platform.table.table.sibling(kept["backup"])
    run(platform, f"COMMENT ON TABLE {backup} IS 'expires at 2026-01-01T00:00:00+00:00'")
    UndoRepair(platform, DAY, backup.table).plan()  # it is still there
    run(platform, f"INSERT INTO {MAIN} SELECT * FROM {MAIN} LIMIT 1")
    approved(platform, Repair(platform, DAY))
    until = kept["backup kept until"]
    with pytest.raises(
        UserError, match=f"{backup.table} was kept until {until} and no longer exists, .*; nothing was put back"
    ):
        UndoRepair(platform, DAY, backup.table).plan()
    with pytest.raises(UserError, match="there is no backup _repair_backup_x; nothing was put back"):
        UndoRepair(platform, DAY, "_repair_backup_x").plan()


def test_the_transaction_refuses_rows_that_change_after_the_plan(platform: Platform) -> None:
    the_race(platform)
    action = Repair(platform, DAY)
    plan = action.plan()
    # As many rows and keys as before: only their content differs.
    run(platform, f"UPDATE {MAIN} SET predicted_points = 7 WHERE player_lookup = 'player1'")
    before = everything(platform)
    with pytest.raises(RunbookError, match="rows were changed"):
        apply_plan(platform, action, plan, reason="a test")
    after = everything(platform)
    assert after[str(platform.table.table)] == before[str(platform.table.table)]
    assert not any("backup" in name for name in after)
    (record,) = changes(platform)
    assert (record.status, "rows were changed" in record.note) == (ActionStatus.FAILED, True)


def test_a_lock_with_a_new_heartbeat_is_not_stolen_by_an_old_plan(platform: Platform) -> None:
    hold(platform, 300)
    with pytest.raises(LeaseStillLive):
        planned(platform, LockRelease(platform, DAY))
    action = LockRelease(platform, DAY, steal=True)
    plan = planned(platform, action)
    beat(platform)
    with pytest.raises(PlanOutdated, match="version"):
        approved(platform, action, plan=plan)
    assert len(platform.locks.locks()) == 1
    approved(platform, action)
    assert platform.locks.locks() == []


def test_a_release_works_while_the_warehouse_is_down(platform: Platform, home: Path) -> None:
    action = CASES["release"].set_up(platform)
    plan = planned(platform, action)
    (home / "warehouse.duckdb").unlink(missing_ok=True)
    (home / "warehouse.duckdb").mkdir()
    (check,) = approved(platform, action, plan=plan).checks
    assert (check.verdict, "fence was not moved" in check.summary) == (Verdict.UNKNOWN, True)
    assert platform.locks.locks() == []
    (record,) = releases(platform)
    assert record.reason == "a test"
    assert audit_trail(scope_of(platform)).checks[0].verdict is Verdict.UNKNOWN


def test_nothing_is_changed_that_cannot_be_recorded(platform: Platform) -> None:
    action = CASES["repair"].set_up(platform)
    run(platform, f"CREATE VIEW {platform.table.actions} AS SELECT 1 AS action_id")
    before = main_rows(platform)
    (check,) = approved(platform, action).checks
    assert check.verdict is Verdict.UNKNOWN
    assert "nothing was changed, because the audit entry could not be filed" in check.summary
    assert main_rows(platform) == before


def test_a_lease_lost_after_the_commit_leaves_the_record_done(platform: Platform, home: Path) -> None:
    action = CASES["repair"].set_up(platform)
    hooked = HookedWarehouse(home / "warehouse.duckdb")
    hooked.after_commit = lambda: platform.locks.force_release(DAY, "thought dead", steal=True)
    platform.adapters.__dict__["warehouse"] = hooked
    (check,) = approved(platform, action).checks
    assert (check.verdict, check.summary.endswith("audit record: done")) == (Verdict.UNKNOWN, True)


def test_a_change_that_cannot_be_verified_is_not_reported_as_refused(platform: Platform, home: Path) -> None:
    action = CASES["repair"].set_up(platform)
    hooked = HookedWarehouse(home / "warehouse.duckdb")

    def lose_the_backup() -> None:
        hooked.drop([table.name for table in hooked.staging_tables(platform.table.table.dataset, BACKUP_PREFIX)])

    hooked.after_commit = lose_the_backup
    platform.adapters.__dict__["warehouse"] = hooked
    (check,) = approved(platform, action).checks
    assert (check.verdict, check.summary.endswith("audit record: done")) == (Verdict.UNKNOWN, True)


def test_a_cleanup_drops_only_tables_that_are_proven_to_be_merged(platform: Platform) -> None:
    """Proven by values or by the ledger; a table with a missing key or different values is kept."""
    stage(platform, [row(1, confidence_score=None), row(2, confidence_score=None)])
    stage(platform, [row(3)])
    consolidate(platform, cleanup=False)
    # A newer batch has updated a row that the ledger knows to be merged.
    stage(platform, [row(3, predicted_points=99.0)], KEPT)
    consolidate(platform, KEPT, cleanup=False)
    stage(platform, [row(1)])  # staged again, equal to what is there
    stage(platform, [row(2, predicted_points=1.0)])  # other values, and no run has merged it
    stage(platform, [row(3, current_points_line=25.0)])  # a line half a point apart is another key
    stage(platform, [row(1), row(50)])  # half of it
    action = StagingCleanup(platform, BATCH)
    plan = action.plan()
    assert [plan.state[name] for name in ("merged tables", "merged rows", "tables not merged")] == [3, 4, 3]
    main = main_rows(platform)
    approved(platform, action)
    assert main_rows(platform) == main
    left = sorted(one.table.rows for one in action.plan().found)
    assert left == [1, 1, 2]
    assert len(StagingCleanup(platform, KEPT).plan().found) == 1
    (check,) = unmerged(scope_of(platform), checked_cleanup(platform, BATCH)).checks
    assert (check.verdict, check.summary) == (Verdict.WARN, "3 tables with 4 rows are not proven to be merged")
    assert action.plan().nothing_to_do
    with pytest.raises(UserError, match="no staging table"):
        apply_plan(platform, action, action.plan(), reason="a test")
