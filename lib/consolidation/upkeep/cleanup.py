"""Staging tables that are left over: merged or not, proven table by table, and only the proven ones dropped.

Age proves nothing: 1,600 tables were once dropped as orphans, some of them unmerged. A
table counts as merged when all its rows are in the main table, value for value; or when
the ledger names it as merged, it was not written since, and each of its keys is in the
main table (a newer batch may have updated the values).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from lib.consolidation.errors import SourceVanished, TableNotFound
from lib.consolidation.identifiers import TableName
from lib.consolidation.key import column_list, comparable_value, quoted, same, same_key
from lib.consolidation.ledger import whole_ledger
from lib.consolidation.marks import check_marks
from lib.consolidation.schema import tables_by_columns
from lib.consolidation.staging import batch_tables, is_merged, merged_names
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column, StagingTable, Warehouse

_TABLES_A_QUERY = 200
_MOST_SPANS = 20
_GAP = timedelta(days=1)


class Proof(StrEnum):
    """Why a staging table may be dropped, or why not."""

    EQUAL = "merged: all its rows are in the main table, value for value"
    LEDGER = "merged: the ledger names it, and all its keys are in the main table"
    EMPTY = "merged: it has no rows"
    ABSENT = "NOT MERGED: none of its rows is in the main table as it was staged"
    MISSING = "NOT MERGED: keys of it are not in the main table"
    OTHER_VALUES = "not proven: its keys are in the main table with other values, and the ledger does not name it"
    STREAMING = "not proven: rows were streamed into it that copies may miss for up to 90 minutes; look again then"
    UNREADABLE = "not proven: it lacks key columns, or has columns that the main table has not"

    @property
    def is_merged(self) -> bool:
        return self in (Proof.EQUAL, Proof.LEDGER, Proof.EMPTY)


@dataclass(frozen=True)
class ProvenTable:
    """A staging table, and what is proven of it.

    Attributes:
        table: As it was listed before anything was read of it.
        proof: Whether its rows are in the main table, and how that is known.
        missing: How many of them have a key that the main table has not; not counted when all are `ABSENT`.
        differing: How many have a key that is there with other values only; not counted when all are `ABSENT`.
    """

    table: StagingTable
    proof: Proof
    rows: int
    missing: int
    differing: int

    @property
    def rows_nowhere_else(self) -> int:
        """Rows that the main table has not, or has with other values."""
        return self.rows if self.proof in (Proof.ABSENT, Proof.UNREADABLE) else self.missing + self.differing


def prove_merged(warehouse: Warehouse, spec: TableSpec, batch_id: str) -> list[ProvenTable]:
    """Each staging table of the batch against the main table, by name. Reads only.

    Raises:
        SourceVanished: A table went meanwhile: a consolidation is at work.
        UnmarkedStaging: One could be another main table's.
    """
    listed = batch_tables(warehouse, spec, batch_id)
    check_marks(warehouse, spec, batch_id, listed)
    in_ledger = merged_names(whole_ledger(warehouse, spec, [batch_id])) if listed else {}
    return _proven_tables(warehouse, spec, listed, in_ledger)


def prove_waiting(warehouse: Warehouse, spec: TableSpec, listed: Sequence[StagingTable]) -> list[ProvenTable]:
    """As `prove_merged`, for tables of any batches that the ledger does not name.

    Mostly they do wait. Of the main table the columns are read first that tell one generation of a row from the
    next: a table without a row of the same generation is not merged, and only for the others is more read.
    """
    names = [table.name for table in listed]
    alike = dict(_counted(warehouse, spec, names, _generations)) if listed else {}
    absent = {name: found.rows for name, found in alike.items() if found and found.rows and not found.keyed}
    rest = [table for table in listed if table.name not in absent or table.is_streaming]
    proven = {one.table.name: one for one in _proven_tables(warehouse, spec, rest, {})}
    return [proven.get(table.name) or ProvenTable(table, Proof.ABSENT, absent[table.name], 0, 0) for table in listed]


def _proven_tables(
    warehouse: Warehouse, spec: TableSpec, listed: Sequence[StagingTable], in_ledger: Mapping[str, datetime]
) -> list[ProvenTable]:
    """`in_ledger` is what `merged_names` tells."""
    if not listed:
        return []
    counts = dict(_counted(warehouse, spec, [table.name for table in listed], _compared))
    return [_proven(table, counts[table.name], is_merged(table, in_ledger)) for table in listed]


def drop_merged(warehouse: Warehouse, spec: TableSpec, batch_id: str, proven: Sequence[ProvenTable]) -> list[TableName]:
    """Drop the tables that are proven to be merged and were not written since. Returns their names."""
    versions = {one.table.name: one.table.version for one in proven if one.proof.is_merged}
    unchanged = [
        table.name for table in batch_tables(warehouse, spec, batch_id) if versions.get(table.name) == table.version
    ]
    warehouse.drop(unchanged)
    return unchanged


@dataclass(frozen=True)
class _Counts:
    """Rows of a staging table, those whose key is in the main table, and those whose values are, too."""

    rows: int
    keyed: int
    equal: int = 0


_Compare = Callable[[Warehouse, TableSpec, Sequence[Column], Sequence[TableName]], Iterator[tuple[TableName, _Counts]]]


def _proven(table: StagingTable, counts: _Counts | None, is_in_ledger: bool) -> ProvenTable:
    if counts is None:
        return ProvenTable(table, Proof.UNREADABLE, table.rows, 0, 0)
    missing, differing = counts.rows - counts.keyed, counts.keyed - counts.equal
    if table.is_streaming:
        proof = Proof.STREAMING
    elif missing:
        proof = Proof.MISSING
    elif differing:
        proof = Proof.LEDGER if is_in_ledger else Proof.OTHER_VALUES
    else:
        proof = Proof.EQUAL if counts.rows else Proof.EMPTY
    return ProvenTable(table, proof, counts.rows, missing, differing)


def _counted(
    warehouse: Warehouse, spec: TableSpec, tables: Sequence[TableName], compare: _Compare
) -> Iterator[tuple[TableName, _Counts | None]]:
    """What `compare` counts of tables of equal columns; None: the table cannot be compared."""
    main = {column.name for column in warehouse.columns(spec.table)}
    columns = warehouse.columns_of(tables)
    if gone := [table for table in tables if table not in columns]:
        raise SourceVanished(f"{len(gone)} staging tables are gone since they were listed, such as {gone[0]}")
    for shape, members in tables_by_columns({table: columns[table] for table in tables}).items():
        if not {*spec.key_columns, spec.date_column} <= {column.name for column in shape} <= main:
            yield from ((table, None) for table in members)
            continue
        for start in range(0, len(members), _TABLES_A_QUERY):
            part = members[start : start + _TABLES_A_QUERY]
            try:
                yield from compare(warehouse, spec, shape, part)
            except TableNotFound as error:
                raise SourceVanished(f"a staging table is gone since it was listed: {error}") from error


def _compared(
    warehouse: Warehouse, spec: TableSpec, columns: Sequence[Column], tables: Sequence[TableName]
) -> Iterator[tuple[TableName, _Counts]]:
    rows, keyed, equal = Counter[str](), Counter[str](), Counter[str]()
    for first, last, within in _staged_dates(warehouse, spec, tables, rows):
        for row in warehouse.query(_found_sql(spec, columns, within), {"first": first, "last": last}):
            keyed[row["staging_table"]] += row["keyed"]
            equal[row["staging_table"]] += row["equal"]
    for table in tables:
        name = table.table
        if keyed[name] > rows[name]:
            raise SourceVanished(f"staging table {table} was written while it was compared")
        yield table, _Counts(rows[name], keyed[name], equal[name])


def _generations(
    warehouse: Warehouse, spec: TableSpec, columns: Sequence[Column], tables: Sequence[TableName]
) -> Iterator[tuple[TableName, _Counts]]:
    """`keyed` is how many rows are of a generation that the main table has on their date; all, if no column tells."""
    rows, alike = Counter[str](), Counter[str]()
    marks = [column for column in columns if column.name in spec.newest_first and column.name not in spec.never_update]
    for first, last, within in _staged_dates(warehouse, spec, tables, rows):
        if marks:
            for row in warehouse.query(_generations_sql(spec, marks, within), {"first": first, "last": last}):
                alike[row["staging_table"]] += row["alike"]
    for table in tables:
        yield table, _Counts(rows[table.table], alike[table.table] if marks else rows[table.table])


def _staged_dates(
    warehouse: Warehouse, spec: TableSpec, tables: Sequence[TableName], rows: Counter[str]
) -> Iterator[tuple[date, date, list[TableName]]]:
    """First and last dates of the staged rows, with the tables that have rows in between; counts `rows` by table.

    Read from staging alone, before the main table: BigQuery skips partitions only by constants.
    """
    holders: dict[date, list[TableName]] = {}
    for table, day, number in rows_by_date(warehouse, spec, tables):
        rows[table.table] += number
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
    for start in range(0, len(tables), _TABLES_A_QUERY):
        staged = _union(tables[start : start + _TABLES_A_QUERY], f"CAST(S.{quoted(spec.date_column)} AS DATE) AS day")
        for row in warehouse.query(
            f"SELECT D.staging_table, D.day, COUNT(*) AS row_count FROM ({staged}) AS D GROUP BY D.staging_table, D.day"
        ):
            yield spec.table.sibling(row["staging_table"]), row["day"], row["row_count"]


def _found_sql(spec: TableSpec, columns: Sequence[Column], tables: Sequence[TableName]) -> str:
    """Of each table the rows whose key is in the main table, and those whose values are, too.

    Parameters: first and last, dates. Counted over an inner join: BigQuery is not known to take an outer one
    by these conditions.
    """
    compared = [column for column in columns if column.name not in spec.never_update]
    needed = dict.fromkeys([*spec.key_columns, spec.date_column, *(column.name for column in compared)])
    staged = _union(tables, f"ROW_NUMBER() OVER () AS staged_row, {column_list(needed, 'S')}")
    equal = " AND ".join(_same_value(spec, column) for column in compared)
    day = quoted(spec.date_column)
    active = f" AND T.{quoted(spec.active_column)}" if spec.active_column else ""
    return (
        "SELECT S.staging_table, COUNT(DISTINCT S.staged_row) AS keyed, "
        f"COUNT(DISTINCT IF({equal}, S.staged_row, NULL)) AS equal FROM ({staged}) AS S "
        f"JOIN {spec.table.sql} AS T ON {same_key(spec, 'S', 'T')} AND S.{day} = T.{day} "
        f"WHERE T.{day} BETWEEN @first AND @last{active} GROUP BY S.staging_table"
    )


def _generations_sql(spec: TableSpec, marks: Sequence[Column], tables: Sequence[TableName]) -> str:
    """Of each table the rows for whose date the main table has these very marks. Parameters: first and last, dates."""
    names = [spec.date_column, *(mark.name for mark in marks)]
    day = quoted(spec.date_column)
    same_marks = " AND ".join(same(f"S.{quoted(mark.name)}", f"G.{quoted(mark.name)}") for mark in marks)
    return (
        f"SELECT S.staging_table, COUNT(*) AS alike FROM ({_union(tables, column_list(names, 'S'))}) AS S JOIN "
        f"(SELECT DISTINCT {column_list(names, 'T')} FROM {spec.table.sql} AS T "
        f"WHERE T.{day} BETWEEN @first AND @last) AS G "
        f"ON S.{day} = G.{day} AND {same_marks} GROUP BY S.staging_table"
    )


def _union(tables: Sequence[TableName], items: str) -> str:
    """These items of the rows S of all tables, each with its table's name."""
    return " UNION ALL ".join(
        f"SELECT '{table.table}' AS staging_table, {items} FROM {table.sql} AS S" for table in tables
    )


def _same_value(spec: TableSpec, column: Column) -> str:
    left, right = (comparable_value(column, alias) for alias in ("S", "T"))
    if column.name == spec.active_column:
        return f"COALESCE({left}, TRUE)"  # a MERGE makes it so, and only active rows are looked at
    return same(left, right)
