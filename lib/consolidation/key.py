"""GoogleSQL for the business key, compared exactly, with NULL equal to NULL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column


def quoted(name: str) -> str:
    """Quote a column name that `TableSpec` or a schema has checked to be a plain identifier."""
    return f"`{name}`"


def column_list(names: Iterable[str], alias: str = "") -> str:
    """``T.`a`, T.`b```"""
    prefix = f"{alias}." if alias else ""
    return ", ".join(prefix + quoted(name) for name in names)


def same_key(spec: TableSpec, left: str, right: str) -> str:
    """Return GoogleSQL for whether two rows have the same key.

    It is spelled out because with IS NOT DISTINCT FROM BigQuery does not prune partitions and
    is not known to accept an outer join
    (https://cloud.google.com/bigquery/docs/reference/standard-sql/dml-syntax#merge_statement).

    Args:
        spec: The main table.
        left: The first row's alias.
        right: The second row's alias.
    """
    # Keep both sides plain columns, never CAST or COALESCE: in the ON of a MERGE, BigQuery accepts this
    # form but refuses expressions and IS NOT DISTINCT FROM (tested live, August 2026).
    return " AND ".join(same(f"{left}.{quoted(name)}", f"{right}.{quoted(name)}") for name in spec.key_columns)


def same(left: str, right: str) -> str:
    """Return GoogleSQL for whether two expressions are equal, with NULL equal to NULL."""
    return f"({left} = {right} OR ({left} IS NULL AND {right} IS NULL))"


def counted_rows(spec: TableSpec, alias: str) -> str:
    """Return a condition for the date's rows that readers see. The date is a constant, so partitions are pruned."""
    of_date = spec.dates.of_day(alias)
    return f"{of_date} AND {alias}.{quoted(spec.active_column)}" if spec.active_column else of_date


def duplicated_rows(spec: TableSpec, columns: str = "T.*") -> str:
    """Return a SELECT of the date's rows whose key is not unique. Parameter: day."""
    keys = column_list(spec.key_columns, "D")
    duplicated = (
        f"SELECT {keys} FROM {spec.table.sql} AS D WHERE {counted_rows(spec, 'D')} GROUP BY {keys} HAVING COUNT(*) > 1"
    )
    return (
        f"SELECT {columns} FROM {spec.table.sql} AS T JOIN ({duplicated}) AS K "
        f"ON {same_key(spec, 'T', 'K')} WHERE {counted_rows(spec, 'T')}"
    )


def newest_of_each_key(spec: TableSpec, columns: Sequence[Column]) -> str:
    """Return the end of a SELECT that keeps the newest row of each key."""
    # The analyzer does not accept QUALIFY without WHERE.
    return f"WHERE TRUE QUALIFY {rank(spec, columns, spec.key_columns)} = 1"


def rank(spec: TableSpec, columns: Sequence[Column], within: Sequence[str]) -> str:
    """Return GoogleSQL for a row's rank among rows that are equal in these key columns, newest first.

    Args:
        spec: The main table.
        columns: The rows' columns.
        within: The key columns in which the ranked rows are equal.
    """
    types = {column.name: column.type for column in columns}
    order = newest_first(spec, columns, within)
    partition = ", ".join(groupable(name, types[name]) for name in within)
    ordering = f" ORDER BY {', '.join(order)}" if order else ""
    return f"ROW_NUMBER() OVER (PARTITION BY {partition}{ordering})"


def newest_first(spec: TableSpec, columns: Sequence[Column], within: Sequence[str]) -> list[str]:
    """Return the terms of an ORDER BY for rows that are equal in these key columns.

    Ties are broken by the other columns, so that the same rows always lead to the same
    choice.

    Args:
        spec: The main table.
        columns: The rows' columns.
        within: The key columns in which the rows are equal.
    """
    types = {column.name: column.type for column in columns}
    newest = [name for name in spec.newest_first if name in types]
    rest = [name for name in types if name not in (*newest, *spec.key_columns)]
    if spec.row_id_column in rest:
        rest.remove(spec.row_id_column)
        rest.insert(0, spec.row_id_column)
    rest += [name for name in spec.key_columns if name not in within]
    return [
        *(f"{quoted(name)} DESC" for name in newest),
        *(comparable_value(Column(name, types[name])) for name in rest),
    ]


def comparable(column: Column) -> str:
    """Return the column in a form that a set operation can compare."""
    name, value = quoted(column.name), comparable_value(column)
    return value if value == name else f"{value} AS {name}"


def comparable_value(column: Column, alias: str = "") -> str:
    """Return the value in a form that ``=`` and ORDER BY can compare: BigQuery refuses ARRAY, JSON and the like."""
    value = f"{alias}.{quoted(column.name)}" if alias else quoted(column.name)
    return value if is_orderable(column.type) else f"TO_JSON_STRING({value})"


def rows_digest(rows: str, columns: Sequence[Column]) -> str:
    """Return GoogleSQL for a digest of a SELECT's rows, independent of their order; equal rows count each time."""
    values = ", ".join(f"R.{quoted(column.name)} AS {quoted(column.name)}" for column in columns)
    return (
        "(SELECT TO_HEX(MD5(COALESCE(STRING_AGG(H.hashed, '' ORDER BY H.hashed), ''))) FROM "
        f"(SELECT TO_HEX(MD5(TO_JSON_STRING(STRUCT({values})))) AS hashed FROM ({rows}) AS R) AS H)"
    )


def groupable(name: str, type_: str) -> str:
    """Return the column for PARTITION BY: BigQuery refuses FLOAT64 there; adding zero makes -0.0 equal 0.0."""
    return f"CAST({quoted(name)} + 0 AS STRING)" if type_ == "FLOAT64" else quoted(name)


def is_orderable(type_: str) -> bool:
    """Return whether values of the GoogleSQL type can be compared, grouped and ordered."""
    return not type_.startswith(("ARRAY", "STRUCT", "JSON", "GEOGRAPHY"))
