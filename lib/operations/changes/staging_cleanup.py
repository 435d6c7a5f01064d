"""The cleanup of a batch's staging tables, limited to those that are proven to be merged."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lib.consolidation.identifiers import checked_batch_id
from lib.consolidation.staging import batch_tables
from lib.consolidation.upkeep.audit import ActionRecord
from lib.consolidation.upkeep.cleanup import ProvenTable, drop_merged, prove_merged
from lib.operations.changes.action import Applied, Request
from lib.operations.changes.plan import Approval, Plan
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.verdict.check import Question
from lib.verdict.section import Section, Table, section
from lib.words.dates import date_in, local_time
from lib.words.nouns import agreeing, counted
from lib.words.quantities import Value

CLEANUP = Question(
    "cleanup",
    "Cleanup of staging tables",
    affects="the dataset: merged staging tables stay in it",
    can_wait="yes: they cost storage but no rows",
)
UNMERGED = Question(
    "unmerged_tables",
    "Unmerged staging tables",
    affects="readers: rows of these tables may not be in the main table",
    can_wait="until readers need them; keep the tables: their rows may exist nowhere else",
)


def checked_cleanup(platform: Platform, cleanup: str, *, plan: str = "", reason: str = "") -> Request:
    """Check the parameters, before anything is read, and return the change that they ask for.

    Args:
        platform: Where to make it.
        cleanup: The batch whose merged staging tables may be dropped; empty: none.
        plan, reason: As in `Approval`.

    Raises:
        UserError: It is not the name of a batch, or the approval is incomplete.
    """
    batch_id = cleanup.strip()
    if batch_id:
        checked_batch_id(batch_id)
    approval = Approval("cleanup", batch_id, plan, reason).checked()
    return Request(StagingCleanup(platform, batch_id) if batch_id else None, approval)


@section(CLEANUP)
def clean_up(scope: Scope, request: Request) -> Section:
    """Show which staging tables of the batch are merged or, if approved, drop those and keep the others.

    Raises:
        PlanOutdated: The tables have changed since the plan was made; nothing was dropped.
    """
    return request.carried_out(scope.platform)


@section(UNMERGED)
def unmerged(scope: Scope, request: Request) -> Section:
    """Report the batch's staging tables that no cleanup may drop: WARN while there are any."""
    if request.action is None:
        return Section(())
    platform, batch_id = scope.platform, request.approval.target
    question = UNMERGED.named(f"Unmerged staging tables of {batch_id}")
    kept = [one for one in prove_merged(platform.warehouse, platform.table, batch_id) if not one.proof.is_merged]
    if not kept:
        return Section((question.passes("none: every table is proven to be merged, or is gone"),))
    rows = sum(one.rows for one in kept)
    evidence: dict[str, Value] = {"tables": len(kept), "rows": rows, "keys missing": sum(one.missing for one in kept)}
    evidence |= {one.table.name.table: str(one.proof) for one in kept[:10]}
    dry_run = platform.commands.consolidate_dry_run(batch_id, date_in(batch_id))
    step = f"They are kept: their rows may exist nowhere else. See what merging them would do: {dry_run}"
    summary = (
        f"{counted(len(kept), 'table')} with {counted(rows, 'row')} {agreeing(len(kept), 'is')} not proven to be merged"
    )
    return Section((question.on(evidence).warns(summary, step),))


@dataclass(frozen=True)
class StagingCleanup:
    """Drops the staging tables of one batch whose rows are proven to be in the main table."""

    platform: Platform
    batch_id: str
    keeps_own_record: bool = False

    def plan(self) -> Plan:
        proven = prove_merged(self.platform.warehouse, self.platform.table, self.batch_id)
        merged = [one for one in proven if one.proof.is_merged]
        rows = sum(one.rows for one in merged)
        nothing = f"no staging table of {self.batch_id} is proven to be merged; {counted(len(proven), 'table')} kept"
        return Plan(
            question=CLEANUP,
            runbook="consolidation_timeout",
            action="cleanup of staging tables",
            act=f"Drop {counted(len(merged), 'merged staging table')}",
            target=self.batch_id,
            parameters={"cleanup": self.batch_id},
            summary=f"drop {counted(len(merged), 'merged staging table')} of {self.batch_id} with "
            f"{counted(rows, 'row')}, keep the other "
            f"{len(proven) - len(merged)}",
            state={
                "merged tables": len(merged),
                "merged rows": rows,
                "tables not merged": len(proven) - len(merged),
                "tables": _digest(proven),
            },
            undo=self._undo(),
            exhibits=(_table(self.platform, self.batch_id, proven),) if proven else (),
            nothing_to_do="" if merged else nothing,
            found=proven,
        )

    def apply(self, plan: Plan, record: ActionRecord) -> Applied:
        undo = self._undo()
        dropped = drop_merged(self.platform.warehouse, self.platform.table, self.batch_id, plan.found)
        names = ", ".join(name.table for name in dropped) or "none"
        what = f"{counted(len(dropped), 'staging table')} dropped"
        return Applied(what, {"tables dropped": len(dropped), "names": names}, undo)

    def verify(self, plan: Plan, applied: Applied) -> str:
        merged = {one.table.name for one in plan.found if one.proof.is_merged}
        there = {table.name for table in batch_tables(self.platform.warehouse, self.platform.table, self.batch_id)}
        kept = {one.table.name for one in plan.found} - merged
        if lost := kept - there:
            return (
                f"{counted(len(lost), 'table', 'was')} to be kept, but {agreeing(len(lost), 'is')} gone; a "
                "consolidation may have merged them"
            )
        return (
            f"{counted(len(merged & there), 'table', 'is')} still there: written again since" if merged & there else ""
        )

    def _undo(self) -> str:
        """No row is lost either way."""
        none = "not needed; every row, or a newer one of its key, is in the main table"
        restore = self.platform.commands.restore_dropped(datetime.now(UTC))
        return f"{none}; to restore a table, within seven days: {restore}" if restore else none


def _digest(proven: Sequence[ProvenTable]) -> str:
    """A hash of the tables, their versions, and what is proven about each."""
    seen = [f"{one.table.name} {one.table.version} {one.proof}" for one in proven]
    return hashlib.sha256("\n".join(sorted(seen)).encode()).hexdigest()[:16]


def _table(platform: Platform, batch_id: str, proven: Sequence[ProvenTable]) -> Table:
    zone = platform.environment.timezone
    rows = [
        (
            one.table.name.table,
            one.rows,
            local_time(one.table.changed_at, zone),
            one.proof,
            one.missing,
            one.differing,
            one.newer,
            one.inactive,
        )
        for one in sorted(proven, key=lambda one: (one.proof.is_merged, one.table.name))
    ]
    columns = (
        "Table",
        "Rows",
        "Written",
        "Proven",
        "Keys not in the main table",
        "Different values there",
        "Newer rows there",
        "Inactive rows there",
    )
    return Table(f"Staging tables of {batch_id}", columns, rows, "Only merged tables are dropped.", shown=20)
