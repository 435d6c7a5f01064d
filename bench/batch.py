"""One staged batch in a warehouse file, and both ways to merge it, each in a separate process.

    python -m bench.batch ours|by_hand FOLDER ROWS TABLES

A process first merges a small batch, so that it is warmed up like a service, and then writes the seconds
for the measured batch to FOLDER/seconds.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import Sample, command, timed
from lib.consolidation.warehouse import staging_note
from lib.embedded.adapters import MAIN_TABLE
from tests.consolidation.world import PREDICTIONS

if TYPE_CHECKING:
    import pyarrow

ID = "bench"
DAY = date(2026, 1, 17)
SPEC = PREDICTIONS
_PREDICTIONS = """
SELECT 'p' || i AS prediction_id, '20260117_G' || (i % 15) AS game_id, 'player' || i AS player_lookup,
  'ensemble' AS system_id, (i % 60) / 2 + 0.5 AS current_points_line, (i % 997) / 30 AS predicted_points,
  (i % 101) / 100 AS confidence_score, 'OVER' AS recommendation, DATE '2026-01-17' AS game_date, TRUE AS is_active,
  TIMESTAMPTZ '2026-01-17 12:00:00Z' AS created_at, TIMESTAMPTZ '2026-01-17 12:00:00Z' AS updated_at
FROM range({first}, {first} + {count}) AS r(i)
"""


@dataclass(frozen=True)
class Batch:
    """Staged rows in several tables; the main table has as many rows of the date, half with the key of a staged one.

    Attributes:
        folder: Folder of the file that each repetition starts from; created once.
    """

    folder: Path
    rows: int
    tables: int

    @property
    def file(self) -> Path:
        return self.folder / "warehouse.duckdb"

    @property
    def staging_tables(self) -> list[str]:
        return [f"_staging_{ID}_w{number:03}" for number in range(self.tables)]

    def make(self) -> Batch:
        from lib.embedded.duckdb_warehouse import DuckdbWarehouse

        warehouse = DuckdbWarehouse(self.file)
        warehouse.create_table(SPEC.table, MAIN_TABLE)
        with warehouse.connection() as connection:
            connection.register("before", _predictions(self.rows // 2, self.rows))
            connection.execute(f"INSERT INTO {SPEC.table} FROM before")
        staged = _predictions(0, self.rows)
        bounds = pairwise(self.rows * number // self.tables for number in range(self.tables + 1))
        parts = [staged.slice(start, end - start) for start, end in bounds]
        tables = map(SPEC.table.sibling, self.staging_tables)
        warehouse.load(dict(zip(tables, parts, strict=True)), MAIN_TABLE, note=staging_note(ID, SPEC.table))
        return self

    def copy(self, folder: Path) -> Batch:
        """Return a copy in another folder, which is emptied first."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy(self.file, folder)
        return replace(self, folder=folder)

    def merged(self, how: str, folder: Path) -> Sample:
        """Measure one repetition; `how` is the name of one of the methods below."""
        self.copy(folder)
        arguments = [how, str(folder), str(self.rows), str(self.tables)]
        sample = command([sys.executable, "-m", "bench.batch", *arguments], cwd=Path(__file__).parents[1])
        return replace(sample, seconds=float((folder / "seconds").read_text()))

    def ours(self) -> None:
        """Merge with lock, fence, checks and ledger; like `by_hand`, this drops no tables."""
        from lib.consolidation.consolidator import BatchConsolidator
        from lib.embedded.duckdb_warehouse import DuckdbWarehouse
        from lib.embedded.sqlite_locks import SqliteLockStore
        from lib.locking.lock import ConsolidationLock

        locks = ConsolidationLock("bench", store=SqliteLockStore(self.folder / "locks.sqlite"), key_for=SPEC.lock_key)
        consolidator = BatchConsolidator(DuckdbWarehouse(self.file), locks, SPEC)
        result = consolidator.consolidate_batch(batch_id=ID, game_date=DAY, cleanup=False)
        assert result.staged == self.rows

    def by_hand(self) -> None:
        """Run only the same MERGE."""
        import duckdb

        with closing(duckdb.connect(str(self.file))) as connection:
            connection.execute(self.typed_merge)

    @property
    def typed_merge(self) -> str:
        staged = " UNION ALL ".join(f"FROM {SPEC.table.sibling(name)}" for name in self.staging_tables)
        keys = ", ".join(SPEC.key_columns)
        same_key = " AND ".join(f"T.{key} IS NOT DISTINCT FROM S.{key}" for key in SPEC.key_columns)
        names = [column.name for column in MAIN_TABLE]
        kept = {*SPEC.key_columns, *SPEC.never_update, SPEC.date_column, SPEC.active_column}
        updates = ", ".join(f"{name} = S.{name}" for name in names if name not in kept)
        return f"""
        MERGE INTO {SPEC.table} AS T
        USING (
            FROM ({staged})
            QUALIFY ROW_NUMBER() OVER (PARTITION BY {keys} ORDER BY updated_at DESC, created_at DESC) = 1
        ) AS S
        ON T.game_date = DATE '{DAY}' AND T.is_active AND {same_key}
        WHEN MATCHED THEN UPDATE SET {updates}
        WHEN NOT MATCHED THEN INSERT ({", ".join(names)}) VALUES ({", ".join(f"S.{name}" for name in names)})
        """


def _predictions(first: int, count: int) -> pyarrow.Table:
    import duckdb

    return duckdb.sql(_PREDICTIONS.format(first=first, count=count)).to_arrow_table()


def main(how: str, folder: str, rows: str, tables: str) -> None:
    batch = Batch(Path(folder), int(rows), int(tables))

    def merge(one: Batch) -> Callable[[], None]:
        work: Callable[[], None] = getattr(one, how)
        return work

    merge(Batch(batch.folder / "first", 15, 1).make())()
    (batch.folder / "seconds").write_text(str(timed(merge(batch)).seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
