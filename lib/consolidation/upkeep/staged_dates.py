"""Read the dates in staging tables before reading the main table: BigQuery skips partitions only by constants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise

from lib.consolidation.identifiers import TableName
from lib.consolidation.key import quoted
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Warehouse

TABLES_A_QUERY = 200
_MOST_SPANS = 20
_GAP = timedelta(days=1)


def staged_dates(
    warehouse: Warehouse,
    spec: TableSpec,
    tables: Sequence[TableName],
    rows: Counter[str],
    unset: Counter[str] | None = None,
    marks: Sequence[str] = (),
) -> Iterator[tuple[date, date, list[TableName]]]:
    """Yield spans of the staged rows' dates (first, last), each with the tables that have rows in it.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        tables: The staging tables.
        rows: Receives the number of rows by table.
        unset: Receives the number of rows with a NULL mark, by table.
        marks: The columns that count as marks.
    """
    holders: dict[date, list[TableName]] = {}
    for table, day, number, lacking in _rows_by_date(warehouse, spec, tables, marks):
        rows[table.table] += number
        if unset is not None:
            unset[table.table] += lacking
        if day is not None:
            holders.setdefault(day, []).append(table)
    for first, last in _spans(sorted(holders)):
        yield first, last, sorted({table for day, found in holders.items() if first <= day <= last for table in found})


def _spans(days: Sequence[date]) -> list[tuple[date, date]]:
    """Group sorted dates into a few spans of first and last date; only with many gaps do spans include other dates."""
    gaps = [number for number in range(1, len(days)) if days[number] - days[number - 1] > _GAP]
    widest = sorted(gaps, key=lambda number: days[number - 1] - days[number])[: _MOST_SPANS - 1]
    bounds = [0, *sorted(widest), len(days)]
    return [(days[start], days[end - 1]) for start, end in pairwise(bounds)] if days else []


def rows_by_date(
    warehouse: Warehouse, spec: TableSpec, tables: Sequence[TableName]
) -> Iterator[tuple[TableName, date | None, int]]:
    """Yield each staging table's number of rows per date; every table must have the date column.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        tables: The staging tables.

    Raises:
        TableNotFound: A table no longer exists.
    """
    return ((table, day, rows) for table, day, rows, _ in _rows_by_date(warehouse, spec, tables, ()))


def _rows_by_date(
    warehouse: Warehouse, spec: TableSpec, tables: Sequence[TableName], marks: Sequence[str]
) -> Iterator[tuple[TableName, date | None, int, int]]:
    """Yield the same, with the number of rows that have a NULL mark."""
    lacks = " OR ".join(f"S.{quoted(name)} IS NULL" for name in marks) or "FALSE"
    items = f"{spec.dates.cast_day('S')} AS day, {lacks} AS lacks"
    for start in range(0, len(tables), TABLES_A_QUERY):
        staged = union(tables[start : start + TABLES_A_QUERY], items)
        for row in warehouse.query(
            "SELECT D.staging_table, D.day, COUNT(*) AS row_count, COUNTIF(D.lacks) AS lacking "
            f"FROM ({staged}) AS D GROUP BY D.staging_table, D.day"
        ):
            yield spec.table.sibling(row["staging_table"]), row["day"], row["row_count"], row["lacking"]


def union(tables: Sequence[TableName], items: str) -> str:
    """Return a SELECT of these items from the rows S of all tables, each with its table's name."""
    return " UNION ALL ".join(
        f"SELECT '{table.table}' AS staging_table, {items} FROM {table.sql} AS S" for table in tables
    )
