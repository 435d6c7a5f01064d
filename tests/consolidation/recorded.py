"""Every statement that the library sends to a warehouse, recorded over a full life cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.consolidation.consolidator import BatchConsolidator
from lib.consolidation.identifiers import TableName
from lib.consolidation.ledger import ledger_runs
from lib.consolidation.staging import staging_backlog
from lib.consolidation.upkeep.duplicates import explain_duplicates
from lib.consolidation.warehouse import Column, Execute, Parameters, Row, Step, TransactionOutcome
from lib.embedded.duckdb_warehouse import DuckdbWarehouse
from tests.consolidation.changes import change_everything
from tests.consolidation.days import look_at_the_days
from tests.consolidation.world import DAY, NOON, World, later, prediction

HOSTILE = "'; DROP TABLE x; -- `\"😀"
Gather = Mapping[TableName, Sequence[TableName]]


@dataclass(frozen=True)
class Statement:
    """A GoogleSQL statement, its parameters, and the tables that it may name."""

    sql: str
    parameters: Parameters
    tables: Mapping[TableName, tuple[Column, ...]]


class RecordingWarehouse(DuckdbWarehouse):
    """Records the GoogleSQL that it receives."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.statements: list[Statement] = []

    def query(self, sql: str, parameters: Parameters | None = None, *, gather: Gather | None = None) -> list[Row]:
        self._record([sql], parameters or {}, gather or {})
        return super().query(sql, parameters, gather=gather)

    def transact(
        self, steps: Sequence[Step], parameters: Parameters, *, gather: Gather | None = None, **options: Any
    ) -> TransactionOutcome:
        sql = [step.sql if isinstance(step, Execute) else f"SELECT {step.sql}" for step in steps]
        self._record(sql, parameters, gather or {})
        return super().transact(steps, parameters, gather=gather, **options)

    def _record(self, statements: Sequence[str], parameters: Parameters, gather: Gather) -> None:
        present = self.staging_tables("nba_predictions", "")
        tables = self.columns_of([table.name for table in present])
        gathered = {relation: tables[members[0]] for relation, members in gather.items()}
        self.statements += [Statement(sql, parameters, {**tables, **gathered}) for sql in statements]


def record_a_whole_life(folder: Path) -> list[Statement]:
    """Mixed revisions, with and without the lock, dry run, forced release, duplicates, repair, undo, cleanup."""
    world = World(folder)
    world.insert([prediction(prediction_id=name, player_lookup=HOSTILE) for name in ("a", "b")])
    warehouse = RecordingWarehouse(world.warehouse.path)
    consolidator = BatchConsolidator(warehouse, world.locks, world.spec)
    for number, use_lock in enumerate([True, False]):
        batch_id = f"batch_{number}"
        world.stage([prediction(player_lookup=HOSTILE, updated_at=later(number)), prediction()], batch_id)
        old_revision = prediction()
        del old_revision["confidence_score"], old_revision["is_active"], old_revision["updated_at"]
        world.stage([old_revision], batch_id)
        for dry_run in (True, False):
            consolidator.consolidate_batch(
                batch_id=batch_id, game_date=DAY, use_lock=use_lock, dry_run=dry_run, cleanup=False
            )
    ledger_runs(warehouse, world.spec, batch_id="batch_0", game_date=DAY, since=NOON)
    staging_backlog(warehouse, world.spec)
    look_at_the_days(warehouse, world.spec)
    explain_duplicates(warehouse, world.spec, DAY)
    change_everything(warehouse, world.locks, world.spec, "batch_0")
    return warehouse.statements
