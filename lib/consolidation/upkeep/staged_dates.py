"""Which dates staging tables hold, read before the main table is: BigQuery skips partitions only by constants."""

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
    """First and last dates of the staged rows, with the tables that have rows in between; counts `rows` by table.

    `unset` counts those that lack one of the marks.

    Read from staging alone, before the main table: BigQuery skips partitions only by constants.
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
    """Sorted dates as first and last dates of few spans; dates in between are read only where there are many."""
    gaps = [number for number in range(1, len(days)) if days[number] - days[number - 1] > _GAP]
    widest = sorted(gaps, key=lambda number: days[number - 1] - days[number])[: _MOST_SPANS - 1]
    bounds = [0, *sorted(widest), len(days)]
    return [(days[start], days[end - 1]) for start, end in pairwise(bounds)] if days else []


def rows_by_date(
    warehouse: Warehouse, spec: TableSpec, tables: Sequence[TableName]
) -> Iterator[tuple[TableName, date | None, int]]:
    """How many rows of each date each staging table holds; all of them have a date column.

    Raises:
        TableNotFound: One is gone.
    """
    return ((table, day, rows) for table, day, rows, _ in _rows_by_date(warehouse, spec, tables, ()))


def _rows_by_date(
    warehouse: Warehouse, spec: TableSpec, tables: Sequence[TableName], marks: Sequence[str]
) -> Iterator[tuple[TableName, date | None, int, int]]:
    """The same, and how many of the rows lack one of the marks."""
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
    """These items of the rows S of all tables, each with its table's name."""
    return " UNION ALL ".join(
        f"SELECT '{table.table}' AS staging_table, {items} FROM {table.sql} AS S" for table in tables
    )
