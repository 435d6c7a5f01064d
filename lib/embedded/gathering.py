"""Reads many tables as one relation during a transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

import duckdb

from lib.consolidation.errors import SourceVanished
from lib.consolidation.identifiers import TableName
from lib.embedded.binding import run
from lib.embedded.duckdb_connection import is_missing_table

# Planning one statement over this many tables takes longer than copying this many rows of each.
_MANY_TABLES = 50
_FEW_ROWS = 500
_ROWS = """
SELECT sum(estimated_size) FROM duckdb_tables()
WHERE schema_name = $dataset AND table_name IN (SELECT unnest($tables))
"""


@contextmanager
def gathered(
    connection: duckdb.DuckDBPyConnection, gather: Mapping[TableName, Sequence[TableName]] | None
) -> Iterator[None]:
    """Create a view of each relation for the transaction; rows in many small tables are copied instead."""
    for relation, tables in (gather or {}).items():
        try:
            rows = _copied(connection, relation, tables) if _is_scattered(connection, tables) else _union(tables)
            connection.execute(f"CREATE VIEW {quoted(relation)} AS {rows}")
        except duckdb.CatalogException as error:
            if not is_missing_table(error):
                raise
            raise SourceVanished(f"a staging table of {relation} no longer exists: {error}") from error
    yield
    for relation in gather or {}:
        connection.execute(f"DROP VIEW {quoted(relation)}")
        connection.execute(f"DROP TABLE IF EXISTS temp.{relation.table}")


def _union(tables: Sequence[TableName]) -> str:
    return " UNION ALL ".join(f"FROM {quoted(table)}" for table in tables)


def _copied(connection: duckdb.DuckDBPyConnection, relation: TableName, tables: Sequence[TableName]) -> str:
    """Copy the rows with a few tables per statement: planning time grows faster than the number of tables."""
    copy = f"temp.{relation.table}"
    connection.execute(f"CREATE TEMP TABLE {relation.table} AS FROM {quoted(tables[0])} LIMIT 0")
    with _one_thread(connection):
        for start in range(0, len(tables), _MANY_TABLES):
            connection.execute(f"INSERT INTO {copy} {_union(tables[start : start + _MANY_TABLES])}")
    return f"FROM {copy}"


def _is_scattered(connection: duckdb.DuckDBPyConnection, tables: Sequence[TableName]) -> bool:
    if len(tables) < _MANY_TABLES:
        return False
    named = {"dataset": tables[0].dataset, "tables": [table.table for table in tables]}
    found = run(connection, _ROWS, named).fetchone()
    return found is not None and (found[0] or 0) < _FEW_ROWS * len(tables)


@contextmanager
def _one_thread(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Use one thread: DuckDB sets up each thread for each table, which doubles the time for many small tables."""
    with closing(connection.cursor()) as beside:  # a statement that fails would end the transaction
        beside.execute("SET threads = 1")
        try:
            yield
        finally:
            beside.execute("RESET threads")


def quoted(table: TableName) -> str:
    """Return the name in double quotes; both parts are plain identifiers (see `TableName`)."""
    return f'"{table.dataset}"."{table.table}"'
