"""One key of a date: its rows, keys that match part of it, and the staging tables that hold it.

Each query names its columns and compares the date with constants, to read as little as possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from lib.consolidation.errors import TableNotFound
from lib.consolidation.identifiers import TableName
from lib.consolidation.key import column_list, quoted, rank
from lib.consolidation.staging import staging_of
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column, Row, StagingTable, Value, Warehouse
from lib.words.brief import brief

MOST_ROWS = 200
MOST_KEYS = 2_000
_TABLES_A_QUERY = 200
_ACTIVE, _PLACE = "active__", "place__"


@dataclass(frozen=True)
class KeyCount:
    """A key, and how many rows have it.

    Attributes:
        key: The key by column, in the order of the key columns.
        rows: Rows that readers see.
        stored_rows: All rows, including superseded ones.
    """

    key: Mapping[str, Any]
    rows: int
    stored_rows: int

    __repr__ = brief("key", "rows", "stored_rows")


@dataclass(frozen=True)
class StagedKey:
    """A staging table that holds the key.

    Attributes:
        table: The table.
        rows: How many rows of the key it holds.
        row_ids: Their ids; empty if the table has none.
    """

    table: StagingTable
    rows: int
    row_ids: frozenset[str]

    __repr__ = brief("table.name", "rows")


def keys_like(
    warehouse: Warehouse, spec: TableSpec, day: date, part: Mapping[str, Any], *, only_duplicates: bool = False
) -> list[KeyCount]:
    """Return the keys of a date that have these values, those with most rows first; at most `MOST_KEYS`.

    Args:
        warehouse: Where the table is.
        spec: The main table.
        day: The date.
        part: Values of some key columns; may be empty, and None is NULL.
        only_duplicates: Only keys with several rows that readers see.
    """
    keys = column_list(spec.key_columns, "T")
    seen = f"COUNTIF(T.{quoted(spec.active_column)})" if spec.active_column else "COUNT(*)"
    having = f" HAVING {seen} > 1" if only_duplicates else ""
    where, given = _condition(part, "T")
    rows = warehouse.query(
        f"SELECT {keys}, {seen} AS seen__, COUNT(*) AS stored__ FROM {spec.table.sql} AS T "
        f"WHERE {' AND '.join([spec.dates.of_day('T'), *where])} GROUP BY {keys}{having} "
        f"ORDER BY seen__ DESC, stored__ DESC, {keys} LIMIT {MOST_KEYS}",
        {**spec.dates.bound(day=day), **given},
    )
    return [
        KeyCount({name: row[name] for name in spec.key_columns}, int(row["seen__"]), int(row["stored__"]))
        for row in rows
    ]


def rows_of_key(
    warehouse: Warehouse, spec: TableSpec, columns: Sequence[Column], day: date, key: Mapping[str, Any]
) -> tuple[list[Row], list[Row]]:
    """Return two lists of a key's rows: those that readers see, the one that a repair keeps first, and the others.

    Args:
        warehouse: Where the table is.
        spec: The main table.
        columns: The table's columns; all are read, for at most `MOST_ROWS` rows.
        day: The date.
        key: The value of every key column.
    """
    active = f"COALESCE({quoted(spec.active_column)}, FALSE)" if spec.active_column else "TRUE"
    place = rank(spec, columns, spec.key_columns)
    where, given = _condition(key, "T")
    rows = warehouse.query(
        f"SELECT {column_list(column.name for column in columns)}, {active} AS {_ACTIVE}, {place} AS {_PLACE} "
        f"FROM {spec.table.sql} AS T WHERE {' AND '.join([spec.dates.of_day('T'), *where])} "
        f"ORDER BY {_ACTIVE} DESC, {_PLACE} LIMIT {MOST_ROWS}",
        {**spec.dates.bound(day=day), **given},
    )
    split: tuple[list[Row], list[Row]] = ([], [])
    for row in rows:
        split[not row[_ACTIVE]].append({column.name: row[column.name] for column in columns})
    return split


def staged_of_key(warehouse: Warehouse, spec: TableSpec, day: date, key: Mapping[str, Any]) -> list[StagedKey]:
    """Return the staging tables that still hold the key, by name.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        day: The date.
        key: The value of every key column.
    """
    try:
        return list(_staged(warehouse, spec, day, key))
    except TableNotFound:
        # A consolidation has dropped its tables since they were listed.
        return list(_staged(warehouse, spec, day, key))


def _staged(warehouse: Warehouse, spec: TableSpec, day: date, key: Mapping[str, Any]) -> Iterator[StagedKey]:
    tables = {table.name: table for table in staging_of(warehouse, spec)}
    columns = warehouse.columns_of(list(tables)) if tables else {}
    names = {table: {column.name for column in found} for table, found in columns.items()}
    readable = [table for table in names if {*spec.key_columns, spec.date_column} <= names[table]]
    where, given = _condition(key, "")
    of_key = " AND ".join([spec.dates.of_day(), *where])
    for start in range(0, len(readable), _TABLES_A_QUERY):
        part = readable[start : start + _TABLES_A_QUERY]
        union = " UNION ALL ".join(_ids_sql(spec, table, names[table], of_key) for table in part)
        found: dict[TableName, list[str]] = {}
        for row in warehouse.query(f"{union} ORDER BY staging_table, row_id", {**spec.dates.bound(day=day), **given}):
            found.setdefault(spec.table.sibling(row["staging_table"]), []).append(row["row_id"] or "")
        for table, ids in found.items():
            yield StagedKey(tables[table], len(ids), frozenset(filter(None, ids)))


def _ids_sql(spec: TableSpec, table: TableName, columns: set[str], of_key: str) -> str:
    has_ids = spec.row_id_column in columns
    row_id = f"CAST({quoted(spec.row_id_column)} AS STRING)" if has_ids else "CAST(NULL AS STRING)"
    return f"SELECT '{table.table}' AS staging_table, {row_id} AS row_id FROM {table.sql} WHERE {of_key}"


def _condition(part: Mapping[str, Any], alias: str) -> tuple[list[str], dict[str, Value]]:
    """Return the comparisons and their parameters; NULL is not bound, because it equals nothing."""
    columns = {name: f"{alias}.{quoted(name)}" if alias else quoted(name) for name in part}
    given = {f"key_{number}": value for number, value in enumerate(part.values())}
    where = [
        f"{columns[name]} IS NULL" if value is None else f"{columns[name]} = @{bound}"
        for (name, value), bound in zip(part.items(), given, strict=True)
    ]
    return where, {bound: value for bound, value in given.items() if value is not None}
