"""The warehouse in one DuckDB file, with a schema per dataset."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import duckdb
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random

from lib.consolidation.errors import TableNotFound, TransactionConflict, WarehouseUnavailable
from lib.consolidation.identifiers import TableName
from lib.consolidation.warehouse import (
    Column,
    Execute,
    Parameters,
    Partitions,
    Row,
    StagingTable,
    Step,
    TransactionOutcome,
)
from lib.embedded.binding import run
from lib.embedded.duckdb_connection import (
    cancelled_after,
    no_dataset,
    open_connection,
    second_connection,
    translated_errors,
)
from lib.embedded.duckdb_transaction import open_transaction, rows_of, take
from lib.embedded.gathering import gathered, quoted
from lib.embedded.googlesql import bind, to_duckdb_type, to_googlesql_type, type_parameters
from lib.embedded.job_marks import marked
from lib.ports.jobs import QueryCost
from lib.words.brief import brief

if TYPE_CHECKING:
    import pyarrow

_COLUMNS = """
SELECT table_name, column_name, data_type FROM duckdb_columns()
WHERE schema_name = $dataset AND table_name IN (SELECT unnest($tables)) ORDER BY table_name, column_index
"""
_TABLES = """
SELECT table_name, comment, estimated_size FROM duckdb_tables()
WHERE schema_name = $dataset AND starts_with(table_name, $prefix) ORDER BY table_name
"""
_EXPIRES = "expires at "
_EXPIRING = """
SELECT table_name, comment FROM duckdb_tables() WHERE schema_name = $dataset AND starts_with(comment, $prefix)
"""
_DATASET = "SELECT schema_name FROM duckdb_schemas() WHERE schema_name = $dataset"


class DuckdbWarehouse:
    """A `Warehouse` in one file that all processes of a machine share.

    Args:
        path: The file; created if missing.
        patience_seconds: How long to wait while another process has the file open.

    Attributes:
        costs: The queries so far, in order; reading is free, so their bytes are unknown.
    """

    __repr__ = brief("path")

    def __init__(self, path: Path, *, patience_seconds: float = 60.0) -> None:
        self.path = path
        self._patience_seconds = patience_seconds
        self._sessions = threading.local()
        self.costs: list[QueryCost] = []

    @property
    def job_marks(self) -> Path:
        """The folder with the marks of running transactions."""
        return self.path.parent / "jobs"

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file for one unit of work; other processes have to wait meanwhile."""
        held = self._held
        connection = (
            second_connection(held)
            if held is not None
            else open_connection(self.path, patience_seconds=self._patience_seconds)
        )
        try:
            with translated_errors(self.path):
                yield connection
        finally:
            connection.close()

    @contextmanager
    def session(self) -> Iterator[None]:
        """Share the open file among this thread's calls: a second connection takes at most a twentieth of the time."""
        with self.connection() as connection:
            held, self._sessions.held = self._held, connection
            try:
                yield
            finally:
                self._sessions.held = held

    @property
    def _held(self) -> duckdb.DuckDBPyConnection | None:
        held: duckdb.DuckDBPyConnection | None = getattr(self._sessions, "held", None)
        return held

    def query(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        gather: Mapping[TableName, Sequence[TableName]] | None = None,
    ) -> list[Row]:
        self.costs.append(QueryCost(sql))
        with self.connection() as connection, open_transaction(connection), gathered(connection, gather):
            return rows_of(run(connection, *bind(sql, parameters or {}, gather or ())))

    def columns(self, table: TableName) -> tuple[Column, ...]:
        found = self.columns_of([table])
        if table not in found:
            raise TableNotFound(f"there is no table {table} in {self.path}")
        return found[table]

    def columns_of(self, tables: Sequence[TableName]) -> dict[TableName, tuple[Column, ...]]:
        with self.connection() as connection:
            return self._columns_of(connection, tables)

    def _columns_of(
        self, connection: duckdb.DuckDBPyConnection, tables: Sequence[TableName]
    ) -> dict[TableName, tuple[Column, ...]]:
        columns: dict[TableName, tuple[Column, ...]] = {}
        for dataset in {table.dataset for table in tables}:
            names = [table.table for table in tables if table.dataset == dataset]
            found = self._listed(connection, dataset, _COLUMNS, {"tables": names})
            for name, described in groupby(found, key=itemgetter(0)):
                columns[TableName(dataset, name)] = tuple(_column(*column) for _, *column in described)
        return columns

    def create_table(
        self, table: TableName, columns: Sequence[Column], *, partitions: Partitions | None = None
    ) -> None:
        """Create the table without partitions or expiration, which DuckDB does not have."""
        declared = ", ".join(f'"{column.name}" {to_duckdb_type(column.type)}' for column in columns)
        self._execute_all(
            [
                f'CREATE SCHEMA IF NOT EXISTS "{table.dataset}"',
                f"CREATE TABLE IF NOT EXISTS {quoted(table)} ({declared})",
            ]
        )

    def copy_structure(self, source: TableName, target: TableName, *, expires_at: datetime | None = None) -> None:
        """Copy the schema, and drop expired tables, which DuckDB does not do by itself."""
        with self.connection() as connection, open_transaction(connection):
            connection.execute(f"CREATE TABLE {quoted(target)} AS FROM {quoted(source)} LIMIT 0")
            if expires_at is None:
                return
            expiring = run(connection, _EXPIRING, {"dataset": target.dataset, "prefix": _EXPIRES}).fetchall()
            for name, comment in expiring:
                if datetime.fromisoformat(comment.removeprefix(_EXPIRES)) < datetime.now(UTC):
                    connection.execute(f"DROP TABLE {quoted(TableName(target.dataset, name))}")
            connection.execute(f"COMMENT ON TABLE {quoted(target)} IS '{_EXPIRES}{expires_at.isoformat()}'")

    def staging_tables(self, dataset: str, prefix: str, *, with_columns: bool = False) -> list[StagingTable]:
        with self.connection() as connection:
            listed_at = datetime.now(UTC)
            found = self._listed(connection, dataset, _TABLES, {"prefix": prefix})
            listed = [
                _staging_table(TableName(dataset, name), comment or "", rows, listed_at)
                for name, comment, rows in found
            ]
            columns = self._columns_of(connection, [table.name for table in listed]) if with_columns else {}
            versioned = [table if table.changed_at else _versioned_by_rows(connection, table) for table in listed]
            return [replace(table, columns=columns.get(table.name, ())) for table in versioned]

    def _listed(
        self, connection: duckdb.DuckDBPyConnection, dataset: str, sql: str, parameters: dict[str, Any]
    ) -> list[tuple[Any, ...]]:
        """Return the catalogue's rows for a dataset; raise if there are none because it does not exist."""
        found = run(connection, sql, {"dataset": dataset, **parameters}).fetchall()
        if not found and not run(connection, _DATASET, {"dataset": dataset}).fetchall():
            raise no_dataset(self.path, dataset)
        return found

    def load(self, tables: Mapping[TableName, pyarrow.Table], columns: Sequence[Column], *, note: str) -> None:
        created_at = datetime.now(UTC).isoformat()
        with self.connection() as connection, open_transaction(connection):
            for table, rows in tables.items():
                comment = json.dumps({"note": note, "rows": rows.num_rows, "created_at": created_at})
                escaped = comment.replace("'", "''")
                present = [column for column in columns if column.name in rows.column_names]
                selected = ", ".join(f'{_loaded(column)} AS "{column.name}"' for column in present)
                _check_elements(table, rows)
                connection.register("rows_to_load", rows)
                connection.execute(f"CREATE TABLE {quoted(table)} AS SELECT {selected} FROM rows_to_load")
                connection.execute(f"COMMENT ON TABLE {quoted(table)} IS '{escaped}'")

    def transact(
        self,
        steps: Sequence[Step],
        parameters: Parameters,
        *,
        gather: Mapping[TableName, Sequence[TableName]] | None = None,
        job_id: str = "",
        timeout_seconds: float | None = None,
    ) -> TransactionOutcome:
        elapsed_ms: dict[str, float] = {}
        datasets = sorted({relation.dataset for relation in gather or {}})
        with (
            marked(self.job_marks, job_id, datasets) if job_id else nullcontext(lambda: None) as mark_begun,
            self.connection() as connection,
            cancelled_after(connection, timeout_seconds),
            open_transaction(connection),
            gathered(connection, gather),
        ):
            mark_begun()
            for step in steps:
                started = perf_counter()
                take(connection, step, parameters, gather or ())
                if isinstance(step, Execute):
                    elapsed_ms[step.name] = (perf_counter() - started) * 1000
        return TransactionOutcome(job_id=job_id, elapsed_ms=elapsed_ms)

    def drop(self, tables: Sequence[TableName]) -> None:
        self._execute_all([f"DROP TABLE IF EXISTS {quoted(table)}" for table in tables])

    def _execute_all(self, statements: Sequence[str]) -> None:
        """Run all statements in one transaction; retry conflicts with a rival that does the same."""
        retrying = Retrying(
            retry=retry_if_exception_type(TransactionConflict),
            wait=wait_random(0.002, 0.02),
            stop=stop_after_delay(self._patience_seconds),
            reraise=True,
        )
        for attempt in retrying:
            with attempt, self.connection() as connection, open_transaction(connection):
                for statement in statements:
                    connection.execute(statement)


@lru_cache(maxsize=512)
def _column(name: str, data_type: str) -> Column:
    return Column(name, to_googlesql_type(data_type), parameters=type_parameters(data_type))


def _loaded(column: Column) -> str:
    value = f'CAST("{column.name}" AS {to_duckdb_type(column.type)})'
    return f"COALESCE({value}, [])" if column.element else value


def _check_elements(table: TableName, rows: pyarrow.Table) -> None:
    """Refuse a NULL in an array, which DuckDB itself accepts."""
    import pyarrow
    from pyarrow import compute

    for name, column in zip(rows.column_names, rows.columns, strict=True):
        if pyarrow.types.is_list(column.type) and compute.list_flatten(column).null_count:
            raise WarehouseUnavailable(f"{table}: column {name}: an array contains NULL, which is not allowed")


def _staging_table(name: TableName, comment: str, rows: int, listed_at: datetime) -> StagingTable:
    """Take the time of the last change from our writer's comment, if the table still has the rows noted there."""
    note, changed_at = comment, None
    try:
        noted = json.loads(comment)
        note = str(noted["note"])
        changed_at = datetime.fromisoformat(noted["created_at"]) if noted["rows"] == rows else None
    except (ValueError, TypeError, KeyError):
        pass  # another writer's comment, or none
    return StagingTable(name, note, rows, changed_at, version=f"{rows} {comment}", listed_at=listed_at)


def _versioned_by_rows(connection: duckdb.DuckDBPyConnection, table: StagingTable) -> StagingTable:
    """Add a hash of the rows to the version of a table without a known time of change."""
    fingerprint = connection.execute(f"SELECT sum(hash(one)) FROM {quoted(table.name)} AS one").fetchall()
    return replace(table, version=f"{table.version} {fingerprint[0][0]}")
