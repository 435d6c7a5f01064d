"""The change of what a table is consolidated by: its date, key and active columns."""

from __future__ import annotations

from dataclasses import dataclass

from lib.consolidation.fence import change_spec, recorded_specs
from lib.consolidation.upkeep.audit import ActionRecord
from lib.operations.changes.action import Applied
from lib.operations.changes.plan import Plan
from lib.platform import Platform
from lib.verdict.check import Question

_WORDS = ("fence", "spec")


@dataclass(frozen=True)
class SpecChange:
    """Records the environment's spec in the fence table, in place of the one that is there.

    Consolidations with other settings are refused from then on: change the settings of every
    service and environment that consolidates the table at the same time.
    """

    platform: Platform
    keeps_own_record: bool = False

    def plan(self) -> Plan:
        """Raises `SpecMismatch` when the table does not have the columns of the new spec."""
        spec = self.platform.table
        recorded = recorded_specs(self.platform.warehouse, spec)
        nothing = ""
        if not recorded:
            nothing = f"nothing was consolidated into {spec.table} yet; its first consolidation records its spec"
        elif recorded == [spec.identity]:
            nothing = f"{spec.table} is consolidated with [{spec.identity}] already"
        return Plan(
            question=Question(
                "spec_change",
                "Change of a table's spec",
                affects="consolidations with other settings than the recorded ones: they are refused",
                can_wait="until the next batch",
            ),
            runbook="",
            action="change of a table's spec",
            act="Record the new spec",
            target=str(spec.table),
            parameters={},
            summary=f"record [{spec.identity}] for {spec.table}; consolidations with other settings are then refused",
            state={"recorded": " and ".join(f"[{found}]" for found in recorded), "new": f"[{spec.identity}]"},
            undo=f"set the table's settings back, then: {self.platform.commands.looking(*_WORDS)}",
            nothing_to_do=nothing,
            found=recorded,
            words=_WORDS,
        )

    def apply(self, plan: Plan, record: ActionRecord) -> Applied:
        after = {"recorded": f"[{self.platform.table.identity}]"}
        change_spec(self.platform.warehouse, self.platform.table, plan.found, record.done(after))
        return Applied("spec recorded", after, is_filed=True)

    def verify(self, plan: Plan, applied: Applied) -> str:
        found = recorded_specs(self.platform.warehouse, self.platform.table)
        if found == [self.platform.table.identity]:
            return ""
        return f"{' and '.join(found)} are recorded: something still consolidates the table with other settings"
