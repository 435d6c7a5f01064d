"""The repair of a date's duplicates, and its undo: planned, approved, applied, verified, recorded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from lib.consolidation.errors import RepairRefused, TableNotFound
from lib.consolidation.upkeep.audit import ActionRecord
from lib.consolidation.upkeep.duplicates import DuplicateCount, duplicates_on
from lib.consolidation.upkeep.repair import BACKUP, BACKUP_UNTIL, RepairPlan, apply_repair, new_backup, plan_repair
from lib.consolidation.upkeep.undo import plan_undo, undo_repair
from lib.errors import UserError
from lib.operations.changes.action import Applied, Request
from lib.operations.changes.plan import Approval, Plan
from lib.operations.duplicates.offending_rows import offending_rows
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.verdict.all_rows import AllRows
from lib.verdict.check import Question
from lib.verdict.live import is_live
from lib.verdict.section import Section, Table, or_fault, section
from lib.words.brief import brief
from lib.words.choices import ensure_one_of
from lib.words.nouns import counted
from lib.words.quantities import Value

REPAIR = Question(
    "repair",
    "Repair",
    affects="readers of the date: its duplicates are not repaired, or not as planned",
    can_wait="as long as readers can; rows are backed up before any are removed",
)

Mode = Literal["no", "preview", "apply", "undo"]

RUNBOOK = "duplicate_diagnosis"


def checked_repair(
    platform: Platform,
    mode: Mode,
    game_date: date,
    *,
    repair_date: str = "",
    backup: str = "",
    plan: str = "",
    reason: str = "",
) -> Request:
    """Check the parameters, before anything is read, and return the change that they ask for.

    Args:
        platform: Where to make it.
        mode: The parameter `repair`.
        game_date: The run's date.
        repair_date: The date whose rows a repair may remove.
        backup: The backup table that an undo restores.
        plan, reason: As in `Approval`.

    Raises:
        UserError: Unknown mode, or a change without its target, plan or reason.
    """
    ensure_one_of(Mode, repair=mode)
    backup = backup.strip()
    if mode == "undo":
        if not backup:
            raise UserError("repair=undo needs backup=TABLE, the backup that the repair named; nothing was changed")
        approval = Approval("backup", backup, plan, reason).checked()
        return Request(UndoRepair(platform, game_date, backup), approval)
    approval = Approval("repair_date", repair_date, plan, reason).checked()
    if mode == "apply":
        approval.ensure_names(game_date.isoformat())
        if not approval.is_given:
            raise UserError(
                f"repair=apply changes rows of {game_date} and needs plan=DIGEST and a reason; repair=preview shows "
                "the plan; nothing was changed"
            )
    elif approval.is_given:
        raise UserError(f"a plan or a reason was given, but repair={mode} changes nothing; write repair=apply")
    return Request(None if mode == "no" else Repair(platform, game_date), approval)


@section(REPAIR)
def repair(scope: Scope, request: Request) -> Section:
    """Show the requested plan or, if it is approved, apply it.

    Raises:
        UserError: There is no such backup; nothing was changed.
        Finding: The plan no longer holds, or the rows were changed; nothing was changed.
    """
    # In a notebook, people may run this step again after the rows have changed, so earlier counts are not reused.
    if isinstance(request.action, Repair) and not request.approval.is_given and not is_live():
        explained, _ = or_fault(lambda: scope.duplicates.explained(scope.game_date))
        shown = replace(
            request.action,
            counted=scope.duplicates.on(scope.game_date),
            rows=offending_rows(explained) if explained else None,
        )
        request = replace(request, action=shown)
    return request.carried_out(scope.platform)


@dataclass(frozen=True)
class Repair:
    """Keeps the newest row of each duplicate key of a date, after a backup of all rows of those keys.

    Attributes:
        counted: The date's duplicates, if a run that only shows the plan has counted them; None: `plan` counts them.
        rows: Their rows, if that run has read them: the file that comes with the plan.
    """

    platform: Platform
    game_date: date
    keeps_own_record: bool = False
    counted: DuplicateCount | None = None
    rows: AllRows | None = None

    __repr__ = brief("_game_date")

    def plan(self) -> Plan:
        day = self.game_date.isoformat()
        kept_until = new_backup(self.platform.table, self.game_date).kept_until
        found = plan_repair(self.platform.warehouse, self.platform.table, self.game_date, self.counted)
        return Plan(
            question=REPAIR,
            runbook=RUNBOOK,
            action="repair",
            act=f"Repair {day}",
            target=day,
            parameters={"date": day, "repair": "apply", "repair_date": day},
            summary=f"remove {counted(found.rows_to_remove, 'row')} of "
            f"{counted(found.duplicate_keys, 'duplicate key')} of {day}, keep the "
            "newest of each",
            state={
                "duplicate keys": found.duplicate_keys,
                "rows of those keys": found.rows_found,
                "rows of the date": found.rows_of_date,
                "rows afterwards": found.rows_of_date - found.rows_to_remove,
                "content of those rows": found.rows_digest,
            },
            undo=f"all rows of those keys are backed up first, and the backup is kept until {kept_until}; the repair "
            "shows the command that puts them back",
            exhibits=() if found.is_empty else (_plan_table(found, self.rows),),
            nothing_to_do=f"{day} has no duplicate keys and needs no repair" if found.is_empty else "",
            found=found,
        )

    def apply(self, plan: Plan, record: ActionRecord) -> Applied:
        platform, found = self.platform, plan.found
        backup = new_backup(platform.table, self.game_date)
        undo = platform.commands.undo_repair(self.game_date, backup.table.table)
        kept = found.rows_found - found.rows_to_remove
        after = {
            "rows removed": found.rows_to_remove,
            "rows kept": kept,
            BACKUP: backup.table.table,
            BACKUP_UNTIL: backup.kept_until,
        }
        done = record.done(after, undo=undo)
        apply_repair(platform.warehouse, platform.locks, platform.table, found, backup=backup, record=done)
        return Applied(f"{counted(found.rows_to_remove, 'row')} removed", after, undo, is_filed=True)

    def verify(self, plan: Plan, applied: Applied) -> str:
        warehouse, spec = self.platform.warehouse, self.platform.table
        if again := duplicates_on(warehouse, spec, self.game_date).duplicate_keys:
            return f"{counted(again, 'duplicate key', 'has')} appeared since: something is writing duplicates"
        try:
            backed_up = plan_undo(warehouse, spec, self.game_date, str(applied.after[BACKUP])).rows_to_put_back
        except RepairRefused as error:
            return f"it can no longer be undone: {error}"
        whole = backed_up == plan.found.rows_found
        return "" if whole else f"the backup has {counted(backed_up, 'row')}, not {plan.found.rows_found}"


@dataclass(frozen=True)
class UndoRepair:
    """Puts the rows of a backup back in place of those that a repair kept. The backup is kept."""

    platform: Platform
    game_date: date
    backup: str
    keeps_own_record: bool = False

    __repr__ = brief("_game_date")

    def plan(self) -> Plan:
        """Raises `UserError` if there is no such backup of the date."""
        try:
            found = plan_undo(self.platform.warehouse, self.platform.table, self.game_date, self.backup)
        except TableNotFound as error:
            # The operator named it, so this is a wrong name and not an unreadable source.
            raise UserError(str(error)) from error
        look: dict[str, Value] = {"date": self.game_date, "repair": "preview"}
        return Plan(
            question=REPAIR,
            runbook=RUNBOOK,
            action="undo of a repair",
            act=f"Undo the repair of {self.game_date}",
            target=self.backup,
            parameters={"date": self.game_date, "repair": "undo", "backup": self.backup},
            summary=f"put {counted(found.rows_to_put_back, 'row')} of {self.game_date} back in place of "
            f"{found.rows_to_replace}",
            state={
                "backup": self.backup,
                "rows to put back": found.rows_to_put_back,
                "rows to replace": found.rows_to_replace,
                "content of the backup": found.rows_digest,
            },
            undo=self.platform.commands.run(RUNBOOK, look),
            found=found,
        )

    def apply(self, plan: Plan, record: ActionRecord) -> Applied:
        platform, found = self.platform, plan.found
        after = {"rows put back": found.rows_to_put_back, "rows replaced": found.rows_to_replace, "kept": self.backup}
        undo_repair(platform.warehouse, platform.locks, platform.table, found, record=record.done(after))
        return Applied(f"{counted(found.rows_to_put_back, 'row')} put back", after, is_filed=True)

    def verify(self, plan: Plan, applied: Applied) -> str:
        wanted = plan.found.rows_to_put_back
        count = duplicates_on(self.platform.warehouse, self.platform.table, self.game_date)
        now = count.duplicate_keys + count.excess_rows
        return f"only {now} of {wanted} rows are back as duplicates" if now < wanted else ""


def _plan_table(plan: RepairPlan, rows_of_keys: AllRows | None) -> Table:
    rows = [
        ("duplicate keys", plan.duplicate_keys),
        ("rows of those keys", plan.rows_found),
        ("rows to remove", plan.rows_to_remove),
        ("rows to keep, the newest of each key", plan.rows_found - plan.rows_to_remove),
        ("rows of the date now", plan.rows_of_date),
        ("rows of the date afterwards", plan.rows_of_date - plan.rows_to_remove),
    ]
    return Table(f"Repair plan for {plan.game_date}", ("What", "Rows"), rows, file=rows_of_keys)
