"""The environment of the consolidation tests: one folder with a warehouse and a lock file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow

from lib import compat
from lib.consolidation import BatchConsolidator, BatchStagingWriter, ConsolidationResult, TableSpec
from lib.consolidation.fence import WarehouseFence
from lib.consolidation.identifiers import TableName
from lib.consolidation.placed_rows import by_columns
from lib.consolidation.rows import convert
from lib.consolidation.staging import batch_tables
from lib.consolidation.warehouse import Column, Execute, Parameters, Row, Step, TransactionOutcome
from lib.embedded.adapters import MAIN_TABLE
from lib.embedded.duckdb_warehouse import DuckdbWarehouse
from lib.embedded.sqlite_locks import SqliteLockStore
from lib.errors import RunbookError
from lib.locking.lease import LeaseTiming
from lib.locking.lock import ConsolidationLock
from lib.locking.store import LockStore
from tests.consolidation.unfenced import unmoved

DAY = date(2026, 1, 17)
# The table that these tests consolidate into, where a player may have several lines.
PREDICTIONS = replace(compat.TABLE, supersedes=(), stamped=())
LINES_MOVE = replace(PREDICTIONS, supersedes=compat.TABLE.supersedes)
NOON = datetime(2026, 1, 17, 12, tzinfo=UTC)


def prediction(**changes: Any) -> Row:
    """Return a row of the main table; tests set only the columns that matter."""
    row: Row = {
        "prediction_id": "p1",
        "game_id": "20260117_LAL_BOS",
        "player_lookup": "lebronjames",
        "system_id": "ensemble",
        "current_points_line": 24.5,
        "predicted_points": 26.0,
        "confidence_score": 0.7,
        "recommendation": "OVER",
        "game_date": DAY,
        "is_active": True,
        "created_at": NOON,
        "updated_at": NOON,
    }
    return {**row, **changes}


def predictions(count: int, **changes: Any) -> list[Row]:
    """Rows with different keys."""
    return [prediction(prediction_id=f"p{n}", player_lookup=f"player{n}", **changes) for n in range(count)]


def later(milliseconds: float) -> datetime:
    return NOON + timedelta(milliseconds=milliseconds)


class HookedWarehouse(DuckdbWarehouse):
    """A warehouse in which a test can interfere at the worst moment of a consolidation."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.before_merge: Callable[[], object] = lambda: None
        self.before_commit: Callable[[], object] = lambda: None
        self.after_commit: Callable[[], object] = lambda: None
        self.after_rollback: Callable[[], object] = lambda: None
        self.is_fenced = True
        self.after_merge: tuple[Step, ...] = ()

    def transact(self, steps: Sequence[Step], parameters: Parameters, **options: Any) -> TransactionOutcome:
        if not {"merge", "remove"} & {getattr(step, "name", "") for step in steps}:
            return super().transact(steps, parameters, **options)
        self.before_merge()
        # A generator continues after its last step has run, while the transaction is still open.
        try:
            taken = self._then_hook(steps if self.is_fenced else unmoved(steps))
            outcome = super().transact(taken, parameters, **options)  # type: ignore[arg-type]
        except RunbookError:
            self.after_rollback()
            raise
        self.after_commit()
        return outcome

    def _then_hook(self, steps: Sequence[Step]) -> Iterator[Step]:
        for step in steps:
            yield step
            if isinstance(step, Execute) and step.name == "merge":
                yield from self.after_merge
        self.before_commit()


@dataclass(frozen=True)
class World:
    """A warehouse with its lock, its staging and its consolidator."""

    folder: Path
    spec: TableSpec = PREDICTIONS
    lease_seconds: float = 300.0
    columns: tuple[Column, ...] = MAIN_TABLE

    @cached_property
    def warehouse(self) -> HookedWarehouse:
        warehouse = HookedWarehouse(self.folder / "warehouse.duckdb")
        warehouse.create_table(self.spec.table, self.columns)
        return warehouse

    @property
    def lock_folder(self) -> Path:
        return self.folder

    @cached_property
    def lock_store(self) -> LockStore:
        return SqliteLockStore(
            self.lock_folder / "locks.sqlite", request_timeout_seconds=min(5.0, self.lease_seconds / 4)
        )

    @cached_property
    def locks(self) -> ConsolidationLock:
        return ConsolidationLock(
            "test",
            store=self.lock_store,
            timing=LeaseTiming(self.lease_seconds),
            max_wait_seconds=60,
            key_for=self.spec.lock_key,
            fence=WarehouseFence(lambda: self.warehouse, self.spec),
        )

    @cached_property
    def staging_writer(self) -> BatchStagingWriter:
        return BatchStagingWriter(self.warehouse, self.spec)

    def again(self) -> World:
        """Return the world of another process: the same folder, but no shared objects."""
        return replace(self)

    def stage(
        self, rows: Iterable[Mapping[str, Any]], batch_id: str = "batch_1", *, tables: int = 1
    ) -> list[TableName]:
        with self.warehouse.session():
            writes = self.staging_writer.write_batch(list(rows), batch_id=batch_id, workers=tables)
        return [write.table for write in writes]

    def consolidate(self, batch_id: str = "batch_1", **options: Any) -> ConsolidationResult:
        consolidator = BatchConsolidator(self.warehouse, self.locks, self.spec)
        return consolidator.consolidate_batch(batch_id=batch_id, **{"game_date": DAY, **options})

    def staged(self, batch_id: str = "batch_1") -> list[TableName]:
        return [table.name for table in batch_tables(self.warehouse, self.spec, batch_id)]

    def insert(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows into the main table, including duplicates."""
        if not rows:
            return
        columns = self.warehouse.columns(self.spec.table)
        loaded = converted(rows, columns)
        with self.warehouse.connection() as connection:
            connection.register("loaded", loaded)
            connection.execute(f"INSERT INTO {quoted(self.spec.table)} BY NAME FROM loaded")

    def table(self, name: TableName | None = None) -> list[Row]:
        """Return all rows, in a fixed order."""
        rows = self.warehouse.query(f"SELECT * FROM {(name or self.spec.table).sql}")
        return in_order(rows)


def converted(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> pyarrow.Table:
    """Return the argument of `Warehouse.load` for rows that may lack some columns."""
    return convert(by_columns(rows, [column.name for column in columns]), columns, source="the test")


def quoted(table: TableName) -> str:
    return f'"{table.dataset}"."{table.table}"'


def in_order(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return rows in comparable form: 24.5 as FLOAT64 equals 24.5 as NUMERIC."""
    plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
    return sorted(plain, key=lambda row: repr(sorted(row.items())))


def _plain(value: Any) -> Any:
    return float(value) + 0.0 if isinstance(value, float | Decimal) else value
