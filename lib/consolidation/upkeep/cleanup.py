"""Prove for each leftover staging table whether it was merged, and drop only the proven ones.

Age proves nothing: 1,600 tables were once dropped as orphans, some of them unmerged. A
table counts as merged in three cases: all its rows are in the main table, value for value;
or the ledger lists it as merged, it was not written since, and each of its keys is in the
main table (a newer batch may have updated the values); or the main table has each of its
rows in the form that a writer without the ledger leaves: the same generation, with the time
of the MERGE or inactive, or replaced by a newer row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial

from lib.consolidation.errors import SourceVanished, TableNotFound
from lib.consolidation.identifiers import TableName
from lib.consolidation.key import column_list
from lib.consolidation.ledger import whole_ledger
from lib.consolidation.marks import check_marks
from lib.consolidation.merged_tables import is_merged, merged_names
from lib.consolidation.schema import tables_by_columns
from lib.consolidation.staging import batch_tables
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.cleanup_sql import (
    found_sql,
    generation_columns,
    generations_sql,
    kept_marks,
    names_of,
    staged_items,
)
from lib.consolidation.upkeep.staged_dates import TABLES_A_QUERY, staged_dates, union
from lib.consolidation.warehouse import Column, StagingTable, Warehouse
from lib.words.brief import brief
from lib.words.nouns import counted


class Proof(StrEnum):
    """Why a staging table may be dropped, or why not."""

    EQUAL = "merged: all its rows are in the main table, value for value"
    LEDGER = "merged: the ledger lists it, and all its keys are in the main table"
    OTHER_WRITER = "merged by another writer: its keys are in the main table, with newer or inactive rows"
    EMPTY = "merged: it has no rows"
    ABSENT = "NOT MERGED: none of its rows is in the main table as staged"
    MISSING = "NOT MERGED: some of its keys are not in the main table"
    OTHER_VALUES = "not proven: its keys are in the main table with other values, and the ledger does not list it"
    STREAMING = "not proven: it has streamed rows that copies may miss for up to 90 minutes; check again after that"
    UNREADABLE = "not proven: it lacks key columns, or has columns that the main table lacks"

    @property
    def is_merged(self) -> bool:
        return self in (Proof.EQUAL, Proof.LEDGER, Proof.OTHER_WRITER, Proof.EMPTY)


@dataclass(frozen=True)
class ProvenTable:
    """A staging table, and whether it was merged.

    Attributes:
        table: The table as listed, before its rows were read.
        proof: Whether its rows are in the main table, and how that is known.
        rows: Its number of rows.
        missing: Rows whose key the main table lacks; not counted if the proof is `ABSENT`.
        differing: Rows whose key is there only with other values; not counted if the proof is `ABSENT`.
        newer: Rows replaced by an active row that is newer or was merged from them, with other values.
        inactive: Rows for which the only such row is inactive.
    """

    table: StagingTable
    proof: Proof
    rows: int
    missing: int
    differing: int
    newer: int = 0
    inactive: int = 0

    __repr__ = brief("table.name", "proof", "rows")

    @property
    def rows_nowhere_else(self) -> int:
        """Number of rows that the main table lacks, or has with other values."""
        if self.proof in (Proof.ABSENT, Proof.UNREADABLE):
            return self.rows
        return self.missing + self.differing + (0 if self.proof.is_merged else self.newer + self.inactive)


def prove_merged(warehouse: Warehouse, spec: TableSpec, batch_id: str) -> list[ProvenTable]:
    """Compare each staging table of the batch with the main table; return them by name. Changes nothing.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        batch_id: The batch.

    Raises:
        SourceVanished: A table was dropped meanwhile: a consolidation is running.
        UnmarkedStaging: A table may belong to another main table.
    """
    listed = batch_tables(warehouse, spec, batch_id)
    check_marks(warehouse, spec, batch_id, listed)
    in_ledger = merged_names(whole_ledger(warehouse, spec, [batch_id])) if listed else {}
    return _proven_tables(warehouse, spec, listed, in_ledger)


def prove_waiting(
    warehouse: Warehouse, spec: TableSpec, listed: Sequence[StagingTable], fresh: Collection[StagingTable] = ()
) -> list[ProvenTable]:
    """Do as `prove_merged` does, for tables of any batches that the ledger does not list.

    Most of these tables are not merged yet. So the columns that mark the generation of a row are read first: if all
    rows of a table are newer than the main table's, it is not merged. Values are read only for tables with rows of the
    same generation; for the others only key and generation.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        listed: The tables.
        fresh: Those that are unlikely to have been merged and replaced already. They are checked for that only if a
            mark is NULL, as staged by a writer whose MERGE sets it.
    """
    names = [table.name for table in listed]
    generations = partial(_generations, fresh={table.name.table for table in fresh})
    found = dict(_counted(warehouse, spec, names, generations)) if listed else {}
    absent = {
        name: one.rows for name, one in found.items() if one and one.rows and not one.keyed and one.newer < one.rows
    }
    rest = [table for table in listed if table.name not in absent or table.is_streaming]
    replaced, alike = list[StagingTable](), list[StagingTable]()
    for table in rest:
        one = found[table.name]
        (replaced if one and one.newer and not one.keyed else alike).append(table)
    proven = {
        one.table.name: one
        for one in (
            *_proven_tables(warehouse, spec, alike, {}),
            *_proven_tables(warehouse, spec, replaced, {}, values=False),
        )
    }
    return [proven.get(table.name) or ProvenTable(table, Proof.ABSENT, absent[table.name], 0, 0) for table in listed]


def _proven_tables(
    warehouse: Warehouse,
    spec: TableSpec,
    listed: Sequence[StagingTable],
    in_ledger: Mapping[str, datetime],
    *,
    values: bool = True,
) -> list[ProvenTable]:
    """Compare the tables; `in_ledger` is from `merged_names`. Without `values`, less is read and no row is equal."""
    if not listed:
        return []
    compare = partial(_compared, values=values)
    counts = dict(_counted(warehouse, spec, [table.name for table in listed], compare))
    return [_proven(table, counts[table.name], is_merged(table, in_ledger)) for table in listed]


def drop_merged(warehouse: Warehouse, spec: TableSpec, batch_id: str, proven: Sequence[ProvenTable]) -> list[TableName]:
    """Drop the tables that are proven merged and were not written since; return their names.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        batch_id: The batch.
        proven: The result of `prove_merged`.
    """
    versions = {one.table.name: one.table.version for one in proven if one.proof.is_merged}
    unchanged = [
        table.name for table in batch_tables(warehouse, spec, batch_id) if versions.get(table.name) == table.version
    ]
    warehouse.drop(unchanged)
    return unchanged


@dataclass(frozen=True)
class _Counts:
    """Counts of a staging table's rows.

    Attributes:
        rows: All rows.
        keyed: Rows whose key is in the main table, in an active, `newer` or `inactive` row.
        equal: Rows whose values are there too.
        newer, inactive: As in `ProvenTable`.
    """

    rows: int
    keyed: int
    equal: int = 0
    newer: int = 0
    inactive: int = 0


_Compare = Callable[[Warehouse, TableSpec, Sequence[Column], Sequence[TableName]], Iterator[tuple[TableName, _Counts]]]


def _proven(table: StagingTable, counts: _Counts | None, is_in_ledger: bool) -> ProvenTable:
    if counts is None:
        return ProvenTable(table, Proof.UNREADABLE, table.rows, 0, 0)
    missing, replaced = counts.rows - counts.keyed, counts.newer + counts.inactive
    differing = counts.keyed - counts.equal - replaced
    if table.is_streaming:
        proof = Proof.STREAMING
    elif missing:
        proof = Proof.MISSING
    elif differing:
        proof = Proof.LEDGER if is_in_ledger else Proof.OTHER_VALUES
    elif replaced:
        proof = Proof.LEDGER if is_in_ledger else Proof.OTHER_WRITER
    else:
        proof = Proof.EQUAL if counts.rows else Proof.EMPTY
    return ProvenTable(table, proof, counts.rows, missing, differing, counts.newer, counts.inactive)


def _counted(
    warehouse: Warehouse, spec: TableSpec, tables: Sequence[TableName], compare: _Compare
) -> Iterator[tuple[TableName, _Counts | None]]:
    """Yield what `compare` counts for each table, grouped by equal columns; None if it cannot be compared."""
    main = {column.name for column in warehouse.columns(spec.table)}
    columns = warehouse.columns_of(tables)
    if gone := [table for table in tables if table not in columns]:
        raise SourceVanished(
            f"{counted(len(gone), 'staging table', 'was')} dropped since staging was listed, such as {gone[0]}"
        )
    for shape, members in tables_by_columns({table: columns[table] for table in tables}).items():
        if not {*spec.key_columns, spec.date_column} <= {column.name for column in shape} <= main:
            yield from ((table, None) for table in members)
            continue
        for start in range(0, len(members), TABLES_A_QUERY):
            part = members[start : start + TABLES_A_QUERY]
            try:
                yield from compare(warehouse, spec, shape, part)
            except TableNotFound as error:
                raise SourceVanished(f"a staging table was dropped since it was listed: {error}") from error


def _compared(
    warehouse: Warehouse, spec: TableSpec, columns: Sequence[Column], tables: Sequence[TableName], *, values: bool
) -> Iterator[tuple[TableName, _Counts]]:
    rows = Counter[str]()
    found = {name: Counter[str]() for name in ("keyed", "equal", "newer", "inactive")}
    for first, last, within in staged_dates(warehouse, spec, tables, rows):
        sql = found_sql(spec, columns, union(within, staged_items(spec, columns, values=values)), values=values)
        for row in warehouse.query(sql, spec.dates.bound(first=first, last=last)):
            for name, counts in found.items():
                counts[row["staging_table"]] += row[name]
    for table in tables:
        name = table.table
        if found["keyed"][name] > rows[name]:
            raise SourceVanished(f"staging table {table} was written while it was compared")
        yield table, _Counts(rows[name], **{kind: counts[name] for kind, counts in found.items()})


def _generations(
    warehouse: Warehouse,
    spec: TableSpec,
    columns: Sequence[Column],
    tables: Sequence[TableName],
    *,
    fresh: Collection[str],
) -> Iterator[tuple[TableName, _Counts]]:
    """Yield for each table how many rows may be merged, by generation alone.

    `keyed` counts rows that may have an equal row on their date; all rows if no column marks the generation. `newer`
    counts rows that may have a newer row there, or one of their own generation that was changed since.
    """
    rows, alike, newer, unset = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    kept = kept_marks(spec, columns)
    has_marks = bool(kept)
    for first, last, within in staged_dates(warehouse, spec, tables, rows, unset, kept):
        if has_marks:
            read = generation_columns(spec, columns, all_set=not unset.total())
            sql = generations_sql(spec, read, union(within, column_list(names_of(read), "S")))
            for row in warehouse.query(sql, spec.dates.bound(first=first, last=last)):
                alike[row["staging_table"]] += row["alike"]
                newer[row["staging_table"]] += row["newer"]
    for table in tables:
        name = table.table
        replaced = 0 if name in fresh and not unset[name] else newer[name]
        yield table, _Counts(rows[name], alike[name] if has_marks else rows[name], newer=replaced)
