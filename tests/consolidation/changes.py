"""Changes that people make to rows and staging, for tests that check the statements."""

from __future__ import annotations

from dataclasses import replace

from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.audit import ACTION_COLUMNS, ActionRecord, AuditTrail
from lib.consolidation.upkeep.cleanup import drop_merged, prove_merged
from lib.consolidation.upkeep.repair import apply_repair, plan_repair
from lib.consolidation.upkeep.undo import plan_undo, undo_repair
from lib.consolidation.warehouse import Execute, Warehouse
from lib.locking.lock import ConsolidationLock
from tests.consolidation.world import DAY

HOSTILE = "'; DROP TABLE x; -- `\"😀"


def change_everything(warehouse: Warehouse, locks: ConsolidationLock, spec: TableSpec, batch_id: str) -> None:
    """Run a repair, its undo and a cleanup, each with an audit entry."""
    trail = AuditTrail(warehouse, spec)
    trail.records()
    repair = record_of("repair")
    with trail.filing(repair) as filing:
        repaired = apply_repair(
            warehouse, locks, spec, plan_repair(warehouse, spec, DAY), record=repair.done({"backup": HOSTILE})
        )
        filing.is_filed = True
    undo = record_of("undo")
    with trail.filing(undo) as filing:
        plan = plan_undo(warehouse, spec, DAY, repaired.backup_table.table)
        undo_repair(warehouse, locks, spec, plan, record=undo.done({}))
        filing.is_filed = True
    with trail.filing(record_of("cleanup")):
        drop_merged(warehouse, spec, batch_id, prove_merged(warehouse, spec, batch_id))
    assert [record.status for record in trail.records()] == ["done"] * 3
    assert trail.records(action_id=undo.action_id)[0].reason == HOSTILE


def file_in_an_older_trail(warehouse: Warehouse, spec: TableSpec) -> None:
    """An audit table from before approvals existed can be read and written."""
    newer = ("approver", "approval")
    older = [column for column in ACTION_COLUMNS if column.name not in newer]
    warehouse.create_table(spec.actions, older)
    names = ", ".join(column.name for column in older)
    values = ", ".join("CURRENT_TIMESTAMP()" if column.type == "TIMESTAMP" else "'{}'" for column in older)
    warehouse.transact([Execute("old", f"INSERT INTO {spec.actions.sql} ({names}) SELECT {values}")], {})
    trail = AuditTrail(warehouse, spec)
    assert [(record.who, record.approval) for record in trail.records()] == [("{}", "")]
    with trail.filing(replace(record_of("repair"), approver="alice", approval="signed")) as filing:
        filing.undo = "none"
    assert [(record.who, record.approval) for record in trail.records()] == [
        (f"{HOSTILE}, approved by alice", "signed"),
        ("{}", ""),
    ]


def record_of(action: str) -> ActionRecord:
    return ActionRecord(
        action=action,
        target=HOSTILE,
        environment="test",
        actor=HOSTILE,
        reason=HOSTILE,
        digest="",
        before="{}",
        undo=HOSTILE,
    )
