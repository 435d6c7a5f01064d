"""The change of a table's spec: its date, key and active columns."""

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
    """Replaces the spec in the fence table with the environment's spec.

    From then on, consolidations with other settings are refused: at the same time, change the
    settings of every service and environment that consolidates the table.
    """

    platform: Platform
    keeps_own_record: bool = False

    def plan(self) -> Plan:
        """Raises `SpecMismatch` if the table does not have the columns of the new spec."""
        spec = self.platform.table
        recorded = recorded_specs(self.platform.warehouse, spec)
        nothing = ""
        if not recorded:
            nothing = f"nothing has been consolidated into {spec.table} yet; the first consolidation records its spec"
        elif recorded == [spec.identity]:
            nothing = f"{spec.table} is already consolidated with [{spec.identity}]"
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
            undo=f"restore the table's settings, then: {self.platform.commands.looking(*_WORDS)}",
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
        return f"recorded now: {' and '.join(found)}; something still consolidates the table with other settings"
