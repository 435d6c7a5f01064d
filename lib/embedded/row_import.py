"""Imports a table's export, Parquet or JSON lines, into the empty main table: all columns, and all files or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from lib.consolidation.identifiers import TableName, is_plain_identifier, shown_name
from lib.consolidation.schema import check_spec, spec_additions
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column
from lib.embedded.binding import run
from lib.embedded.duckdb_warehouse import DuckdbWarehouse
from lib.embedded.googlesql import to_googlesql_type
from lib.embedded.row_files import JsonLines, RowFile, duckdb_type, row_files
from lib.errors import UserError
from lib.words.nouns import counted

_MOST_COLUMNS = 10_000


@dataclass(frozen=True)
class RowImport:
    """The result of an import.

    Attributes:
        table: The table.
        columns: Its columns.
        what_happened: How the table got these columns.
        rows: Number of rows by file.
        first: Earliest date of all rows; None if no row has one.
        last: Latest date of all rows; None if no row has one.
    """

    table: TableName
    columns: tuple[Column, ...]
    what_happened: str
    rows: Mapping[Path, int]
    first: date | None
    last: date | None


def import_rows(
    warehouse: DuckdbWarehouse, spec: TableSpec, files: Sequence[Path], shipped: Sequence[Column]
) -> RowImport:
    """Fill the main table.

    A table that is missing, or empty with just the shipped columns, is created with the files' columns.
    An empty table with other columns keeps them.

    Args:
        warehouse: The warehouse of the main table.
        spec: The main table and the columns that it must have.
        files: Files that `row_files` can read.
        shipped: Columns of the table in a new warehouse; columns of the same names in JSON lines have the same types.

    Raises:
        UserError: The table has rows, or a file cannot be read or does not match; nothing was changed.
        SpecMismatch: The settings do not match the columns; nothing was changed.
    """
    sources = row_files(files, {column.name: column.type for column in shipped})
    needed = _merged(sources) | _without_a_value(spec, sources)
    with warehouse.connection() as connection:
        connection.begin()
        types, what_happened = _target(connection, spec.table, needed, shipped)
        columns = tuple(Column(name, to_googlesql_type(type_)) for name, type_ in types.items())
        check_spec(spec, columns)
        rows = {source.path: source.insert(connection, _quoted(spec.table), types) for source in sources}
        day = spec.date_column
        [found] = connection.execute(f'SELECT min("{day}"), max("{day}") FROM {_quoted(spec.table)}').fetchall()
        connection.commit()
    first, last = (None if value is None else spec.dates.day_of(value) for value in found)
    return RowImport(spec.table, columns, what_happened, rows, first, last)


def _target(
    connection: duckdb.DuckDBPyConnection, table: TableName, needed: Mapping[str, str], shipped: Sequence[Column]
) -> tuple[Mapping[str, str], str]:
    """Create the table if necessary; return its columns in DuckDB's types, and what happened to it."""
    there = _types_of(connection, table)
    if there and (rows := connection.execute(f"SELECT count(*) FROM {_quoted(table)}").fetchall()[0][0]):
        raise UserError(
            f"{table} has {counted(rows, 'row')}, and an export can only be imported into an empty table; "
            "import it into a separate state folder: set RUNBOOK_HOME"
        )
    own_columns = {name: to_googlesql_type(type_) for name, type_ in there.items()}
    if there and own_columns != {column.name: column.type for column in shipped}:
        if unknown := [name for name in needed if name not in there]:
            raise UserError(
                f"{table} is empty but lacks columns of the files: {', '.join(unknown[:20])}; drop the table first"
            )
        return there, "filled the empty table"
    declared = ", ".join(f'"{name}" {type_}' for name, type_ in needed.items())
    connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{table.dataset}"')
    connection.execute(f"DROP TABLE IF EXISTS {_quoted(table)}")
    connection.execute(f"CREATE TABLE {_quoted(table)} ({declared})")
    before = f"replacing an empty table with {counted(len(there), 'column')}" if there else "as it was missing"
    return needed, f"created with {counted(len(needed), 'column')}, {before}"


def _merged(sources: Sequence[RowFile]) -> dict[str, str]:
    """Return the columns of all files; a column must have the same type in each."""
    owners: dict[str, tuple[str, Path]] = {}
    spelled: dict[str, str] = {}
    for source in sources:
        for name, type_ in source.types.items():
            if not is_plain_identifier(name):
                raise UserError(f"{source.path}: column {shown_name(name)}: use only letters, digits and underscores")
            if spelled.setdefault(name.lower(), name) != name:
                raise UserError(f"{source.path}: columns {spelled[name.lower()]} and {name} differ only in case")
            other, path = owners.setdefault(name, (type_, source.path))
            if other != type_:
                kinds = f"{to_googlesql_type(other)} in {path} and {to_googlesql_type(type_)} in {source.path}"
                raise UserError(f"column {name} is {kinds}; import files of the same export")
    if not owners or len(owners) > _MOST_COLUMNS:
        raise UserError(f"{sources[0].path}: {counted(len(owners), 'column')}; a table has 1 to {_MOST_COLUMNS:,}")
    return {name: type_ for name, (type_, _) in owners.items()}


def _without_a_value(spec: TableSpec, sources: Sequence[RowFile]) -> dict[str, str]:
    """Return columns in the settings that JSON lines lack, because BigQuery omits a column that is NULL in all rows."""
    lines = [source for source in sources if isinstance(source, JsonLines)]
    columns = [Column(name, "") for source in sources for name in source.types]
    every_row_has = {*spec.key_columns, spec.date_column} - {*spec.nullable_keys}
    left_out = [column for column in spec_additions(spec, columns) if column.name not in every_row_has]
    return {column.name: duckdb_type(column.type) for column in left_out} if len(lines) == len(sources) else {}


def _types_of(connection: duckdb.DuckDBPyConnection, table: TableName) -> dict[str, str]:
    found = run(
        connection,
        "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = $dataset AND table_name = $table "
        "ORDER BY column_index",
        {"dataset": table.dataset, "table": table.table},
    )
    return dict(found.fetchall())


def _quoted(table: TableName) -> str:
    return f'"{table.dataset}"."{table.table}"'
