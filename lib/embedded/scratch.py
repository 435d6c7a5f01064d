"""Datasets for trials in the embedded warehouse, as schemas in its file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from lib.consolidation.warehouse import Execute, Step
from lib.embedded.binding import run
from lib.embedded.duckdb_warehouse import DuckdbWarehouse
from lib.ports.scratch import DatasetExists, StatementRun
from lib.words.brief import brief

_NOTE = "_note"
_DELAY = """
SELECT SUM(MOD(a * b, 7)) AS delay
FROM UNNEST(GENERATE_ARRAY(1, 4000)) AS a CROSS JOIN UNNEST(GENERATE_ARRAY(1, 4000)) AS b
"""


class DuckdbScratch:
    """`ScratchDatasets` in one file.

    Args:
        path: The file; see `DuckdbWarehouse`.
    """

    tables_expire_after_seconds: float | None = None
    has_jobs = False

    __repr__ = brief()

    def __init__(self, path: Path) -> None:
        self._path = path
        self._warehouse = DuckdbWarehouse(path)

    def note_of(self, dataset: str) -> str | None:
        with self._warehouse.connection() as connection:
            # Names in DuckDB are not case-sensitive.
            schemas = run(
                connection,
                "SELECT 1 FROM duckdb_schemas() WHERE lower(schema_name) = lower($dataset)",
                {"dataset": dataset},
            )
            if not schemas.fetchall():
                return None
            notes = run(
                connection,
                "SELECT comment FROM duckdb_tables() WHERE schema_name = $dataset AND table_name = $note",
                {"dataset": dataset, "note": _NOTE},
            )
            return next((str(comment or "") for (comment,) in notes.fetchall()), "")

    def create(self, dataset: str, *, note: str) -> None:
        escaped = note.replace("'", "''")
        with self._warehouse.connection() as connection:
            connection.begin()
            try:
                connection.execute(f'CREATE SCHEMA "{dataset}"')
            except duckdb.CatalogException as error:
                raise DatasetExists(f"dataset {dataset} exists already; nothing was changed") from error
            connection.execute(f'CREATE TABLE "{dataset}"."{_NOTE}" (note VARCHAR)')
            connection.execute(f'COMMENT ON TABLE "{dataset}"."{_NOTE}" IS \'{escaped}\'')
            connection.commit()

    def remove(self, dataset: str) -> None:
        with self._warehouse.connection() as connection:
            connection.execute(f'DROP SCHEMA IF EXISTS "{dataset}" CASCADE')

    def new_warehouse(self) -> DuckdbWarehouse:
        return DuckdbWarehouse(self._path)

    def delay(self, factor: int) -> Sequence[Step]:
        return [Execute(f"delay {number}", _DELAY) for number in range(factor)]

    def run_script(self, sql: str) -> Sequence[StatementRun]:
        raise NotImplementedError("DuckDB has no scripts; see has_jobs")

    def statements(self, job_id: str) -> Sequence[StatementRun]:
        return []
