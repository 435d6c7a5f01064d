"""The acts of the demo's story; each returns its figures."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from lib.consolidation.result import ConsolidationResult
from lib.platform import Platform
from lib.words.nouns import counted
from rehearsal.history import fix_deployed_at, write_history
from rehearsal.holders import killed_consolidation, slow_consolidation
from rehearsal.race import RacePlan, plan_race, run_race, stage_race
from rehearsal.slates import slate_of
from rehearsal.stage import batch_name, deploy_fix, stage_batch

_TABLES_OF_A_NIGHT = 60
_FEWEST_TABLES = 15


@dataclass(frozen=True)
class Acts:
    """The acts on one platform, with dates counted from one day.

    Attributes:
        platform: An embedded platform.
        today: The date in the environment's zone.
        seed: The same seed and day give the same rows.
        stack: Ends the process that `live_holder` starts.
    """

    platform: Platform
    today: date
    seed: int
    stack: ExitStack

    @property
    def fix_deployed_at(self) -> datetime:
        return fix_deployed_at(self.platform, self.today)

    @cached_property
    def race_plan(self) -> RacePlan:
        return plan_race(self.today, seed=self.seed)

    @property
    def _dead_batch(self) -> str:
        return batch_name("regen", self.today, reason="injuries")

    def history(self) -> str:
        past = write_history(self.platform, self.today, seed=self.seed)
        deploy_fix(self.platform, self.fix_deployed_at)
        return (
            f"{counted(past.before, 'consolidation')} before {self.fix_deployed_at:%Y-%m-%d}, {past.after} since; "
            f"{counted(past.rows, 'row')}"
        )

    def clean_night(self) -> str:
        yesterday = self.today - timedelta(days=1)
        batch = batch_name("batch", yesterday)
        self._stage(batch, yesterday, tables=_TABLES_OF_A_NIGHT)
        return _as_line(self._consolidate(batch, yesterday))

    def race(self) -> str:
        plan = self.race_plan
        stage_race(self.platform, plan)
        run_race(self.platform, plan)
        return (
            f"{counted(plan.same_id_twice, 'key')} with the same id twice, {plan.same_key_different_ids} "
            "with different ids, "
            f"of {plan.slate.rows}"
        )

    def consolidate_again(self) -> str:
        return "; ".join(_as_line(self._consolidate(batch, self.today)) for batch in self.race_plan.batch_ids)

    def dead_holder(self) -> str:
        self._stage(self._dead_batch, self.today, tables=_FEWEST_TABLES)
        pid = killed_consolidation(self.platform, batch_id=self._dead_batch, game_date=self.today)
        return f"process {pid} is dead, its lock {self.platform.table.lock_key(self.today)} is still there"

    def live_holder(self) -> str:
        tomorrow = self.today + timedelta(days=1)
        batch = batch_name("batch", tomorrow)
        self._stage(batch, tomorrow, tables=_FEWEST_TABLES)
        process = self.stack.enter_context(slow_consolidation(self.platform, batch_id=batch, game_date=tomorrow))
        return f"process {process.pid} holds {self.platform.table.lock_key(tomorrow)}"

    def rescue(self) -> str:
        return _as_line(self._consolidate(self._dead_batch, self.today))

    def _stage(self, batch_id: str, game_date: date, *, tables: int) -> None:
        rows = slate_of(game_date, seed=self.seed).predict(batch_id, generated_at=datetime.now(UTC))
        stage_batch(self.platform, rows, batch_id=batch_id, tables=tables)

    def _consolidate(self, batch_id: str, game_date: date) -> ConsolidationResult:
        return self.platform.consolidator().consolidate_batch(batch_id=batch_id, game_date=game_date)


def _as_line(result: ConsolidationResult) -> str:
    return (
        f"{result.batch_id}: {counted(result.staged, 'row')} from "
        f"{counted(len(result.staging_tables), 'staging table')}, "
        f"{result.inserted} inserted, {result.updated} updated"
    )
