"""Staging tables: one for each write by a worker, kept until its batch is consolidated."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from lib.consolidation.errors import StagedDataError
from lib.consolidation.identifiers import TableName, checked_batch_id
from lib.consolidation.ledger import known_batches, whole_ledger
from lib.consolidation.merged_tables import is_merged, merged_names
from lib.consolidation.placed_rows import PlacedRows, Places
from lib.consolidation.row_groups import grouped_by_columns
from lib.consolidation.rows import convert
from lib.consolidation.schema import check_spec, check_staged_columns, unfilled_date
from lib.consolidation.staging_names import spelled_in_names, staging_table_name
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column, StagingTable, Warehouse, staging_note
from lib.words.brief import brief
from lib.words.dates import checked_game_date

if TYPE_CHECKING:
    import pyarrow

    from lib.consolidation.row_groups import Rows

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StagingWrite:
    """A table that was written, and its number of rows."""

    table: TableName
    rows: int


class BatchStagingWriter:
    """Writes a worker's rows to new staging tables."""

    __repr__ = brief("_spec.table")

    def __init__(self, warehouse: Warehouse, spec: TableSpec) -> None:
        self._warehouse = warehouse
        self._spec = spec
        self._main_columns: tuple[Column, ...] = ()

    def write(
        self, rows: Rows, *, batch_id: str, worker_id: str, game_date: str | date | None = None
    ) -> list[StagingWrite]:
        """Check the rows and write one table for each set of columns that they own; all tables or none.

        NaN and infinities become NULL, a NULL array becomes empty, and a NUMERIC is rounded to its column's digits,
        as in BigQuery; a key that would be rounded is refused. JSON may be text or a Python value. Columns of the main
        table may be missing, except the keys and the date; a consolidation leaves them unchanged in existing rows. A
        frame's rows own all its columns. A mapping owns its fields and those that `grouped_by_columns` fills in.

        Args:
            rows: A frame, or mappings.
            batch_id: The batch.
            worker_id: The writer; letters, digits, hyphens and underscores.
            game_date: The date of every row; fills in a missing date if the column is a DATE.

        Raises:
            StagedDataError: The rows do not match the main table; nothing was written.
        """
        tables = self._checked(rows, batch_id, game_date, "the staged data")
        return self._load(
            {staging_table_name(self._spec.table, batch_id, worker_id): table for table in tables}, batch_id
        )

    def write_batch(
        self,
        rows: Rows,
        *,
        batch_id: str,
        workers: int,
        game_date: str | date | None = None,
        source: str = "the staged data",
    ) -> list[StagingWrite]:
        """As `write`, but split over about `workers` tables: fewer for fewer rows, more for more sets of columns.

        Args:
            rows: A frame, mappings, or the rows of a file.
            batch_id: The batch.
            workers: The number of tables.
            game_date: As for `write`.
            source: What messages call the rows.

        Raises:
            StagedDataError: The rows do not match the main table; nothing was written.
        """
        tables = self._checked(rows, batch_id, game_date, source)
        total = sum(table.num_rows for table in tables)
        shares = (share for table in tables for share in _shares(table, round(workers * table.num_rows / total)))
        return self._load(
            {
                staging_table_name(self._spec.table, batch_id, f"w{number:03}"): share
                for number, share in enumerate(shares, start=1)
            },
            batch_id,
        )

    def _load(self, tables: Mapping[TableName, pyarrow.Table], batch_id: str) -> list[StagingWrite]:
        self._warehouse.load(tables, self._main_columns, note=staging_note(batch_id, self._spec.table, is_loaded=True))
        for name, rows in tables.items():
            logger.info("📝 Wrote %d rows to staging table %s (batch=%s)", rows.num_rows, name.table, batch_id)
        return [StagingWrite(name, rows.num_rows) for name, rows in tables.items()]

    def _checked(self, rows: Rows, batch_id: str, game_date: str | date | None, source: str) -> list[pyarrow.Table]:
        """Return a table for each set of columns, in the main table's types and order."""
        checked_batch_id(batch_id)
        day = None if game_date is None else checked_game_date(game_date)
        groups = grouped_by_columns(rows, self._spec, day, source=source)
        self._check_columns(groups, source)
        tables = []
        for group in groups:
            columns = [column for column in self._main_columns if column.name in group.columns]
            table = convert(group, columns, source=source, exact=self._spec.key_columns)
            self._check_rows(table, group.places, day, source)
            tables.append(table)
        return tables

    def _check_columns(self, groups: Sequence[PlacedRows], source: str) -> None:
        if not self._main_columns:
            self._main_columns = self._warehouse.columns(self._spec.table)
            check_spec(self._spec, self._main_columns)
        types = {column.name: column.type for column in self._main_columns}
        names = dict.fromkeys(name for group in groups for name in group.columns)
        staged = [Column(name, types.get(name, "")) for name in names]
        check_staged_columns(self._spec, self._main_columns, staged, source=source)
        for group in groups:
            if missing := [name for name in self._spec.needed_columns if name not in group.columns]:
                raise StagedDataError(
                    f"{source}: {group.places[0]} lacks {', '.join(missing)}, which every row needs"
                    f"{unfilled_date(self._spec, missing)}"
                )

    def _check_rows(self, table: pyarrow.Table, places: Places, expected: date | None, source: str) -> None:
        active = self._spec.active_column
        for key in self._spec.key_columns:
            if key not in self._spec.nullable_keys and (empty := table.column(key).is_null().index(True).as_py()) >= 0:
                raise StagedDataError(f"{source}: {places[empty]}, column {key}: a key must not be empty")
        self._check_dates(table.column(self._spec.date_column), places, expected, source)
        if active in table.column_names and (inactive := table.column(active).index(False).as_py()) >= 0:
            raise StagedDataError(
                f"{source}: {places[inactive]}, column {active}: a staged row must be active; rows are "
                "superseded in the main table, not by staging"
            )

    def _check_dates(self, column: pyarrow.ChunkedArray, places: Places, expected: date | None, source: str) -> None:
        for found in column.unique().to_pylist():
            if found is None or (expected is not None and self._spec.dates.day_of(found) != expected):
                wanted = f"{'the' if self._spec.dates.is_date else 'of the'} batch's date {expected}"
                where = places[column.to_pylist().index(found)]
                raise StagedDataError(
                    f"{source}: {where}, column {self._spec.date_column}: {found or 'empty'} is not "
                    f"{wanted if expected else 'a date'}"
                )


def _shares(table: pyarrow.Table, parts: int) -> Iterator[pyarrow.Table]:
    """Yield the table in `parts` parts of nearly equal size; at least one part, at most one per row."""
    parts = max(1, min(parts, table.num_rows))
    bounds = [table.num_rows * part // parts for part in range(parts + 1)]
    return (table.slice(start, end - start) for start, end in pairwise(bounds))


def staging_of(
    warehouse: Warehouse, spec: TableSpec, prefixes: Sequence[str] = (), *, with_columns: bool = False
) -> list[StagingTable]:
    """Return the dataset's staging tables by name, except those recorded as another main table's.

    Args:
        warehouse: Where to look.
        spec: The main table.
        prefixes: Only tables whose names start with one of these; empty means all.
        with_columns: Also list the tables' columns.
    """
    listed = {
        table.name: table
        for prefix in prefixes or spec.staging.prefixes
        for table in warehouse.staging_tables(spec.table.dataset, prefix, with_columns=with_columns)
    }
    return [table for _, table in sorted(listed.items()) if table.main_table in ("", str(spec.table))]


def batches_of(spec: TableSpec, table: StagingTable, known: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Return the batches that a table may belong to: the recorded one, or else those that fit its name.

    Args:
        spec: The main table.
        table: The staging table.
        known: The result of `batches_in_ledger`.
    """
    return (table.batch_id,) if table.batch_id else spec.staging.batches(table.name.table, known)


def batches_in_ledger(warehouse: Warehouse, spec: TableSpec, tables: Sequence[StagingTable]) -> dict[str, set[str]]:
    """Return the `known_batches` that fit the names of those tables that record no batch."""
    names = [table.name.table for table in tables if not table.batch_id]
    return known_batches(warehouse, spec, {reading for name in names for reading in spec.staging.readings(name)})


def batch_tables(
    warehouse: Warehouse, spec: TableSpec, batch_id: str, *, with_columns: bool = False
) -> list[StagingTable]:
    """Return the staging tables, by name, that may belong to the batch; its id may also start another batch's id."""
    names, spelled = spec.staging, spelled_in_names(batch_id)
    listed = staging_of(warehouse, spec, names.prefixes_of(batch_id), with_columns=with_columns)
    return [
        table
        for table in listed
        if (table.batch_id == batch_id if table.batch_id else spelled in names.readings(table.name.table))
    ]


def named_in_ledger(
    warehouse: Warehouse, spec: TableSpec, batches: Mapping[StagingTable, Sequence[str]]
) -> dict[str, datetime]:
    """Return `merged_names` of the runs of these tables' batches, without runs from before the tables were written.

    Raises:
        WarehouseUnavailable: There are too many runs.
    """
    times = [moment for table in batches if (moment := table.changed_at)]
    names = {name for table, found in batches.items() if table.changed_at for name in found}
    return merged_names(whole_ledger(warehouse, spec, names, since=min(times, default=None)))


@dataclass(frozen=True)
class BatchBacklog:
    """The staging tables that are left of one batch.

    Attributes:
        batches: The batch's id, as recorded by its writer or the ledger, or as spelled in its tables' names. Several
            if it may be any of them; empty if the names show no batch.
        tables: The staging tables.
        oldest: When the first was written; None if unknown.
        newest: When the last was written; None if unknown.
        merged_tables: How many the ledger lists as merged; they have not been dropped yet.
        waiting: All other tables.
    """

    batches: tuple[str, ...]
    tables: tuple[StagingTable, ...]
    oldest: datetime | None
    newest: datetime | None
    merged_tables: int
    waiting: tuple[StagingTable, ...]

    __repr__ = brief("name", "tables", "rows")

    @property
    def batch_id(self) -> str:
        """The batch's id; empty if it is not certain."""
        return self.batches[0] if len(self.batches) == 1 else ""

    @property
    def name(self) -> str:
        """The batch's name for people."""
        return " or ".join(self.batches) or "not known"

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def unmerged_tables(self) -> int:
        return len(self.waiting)


def staging_backlog(warehouse: Warehouse, spec: TableSpec) -> list[BatchBacklog]:
    """Return all staging tables by batch, oldest first."""
    listed = staging_of(warehouse, spec)
    known = batches_in_ledger(warehouse, spec, listed)
    batches = {table: batches_of(spec, table, known) for table in listed}
    merged = named_in_ledger(warehouse, spec, batches)
    groups: dict[tuple[str, ...], list[StagingTable]] = {}
    for table, found in batches.items():
        groups.setdefault(found, []).append(table)
    backlogs = [_backlog(found, tables, merged) for found, tables in groups.items()]
    return sorted(backlogs, key=lambda batch: (batch.oldest is not None, str(batch.oldest), batch.batches))


def _backlog(batches: tuple[str, ...], tables: Sequence[StagingTable], merged: Mapping[str, datetime]) -> BatchBacklog:
    times = sorted(table.changed_at for table in tables if table.changed_at)
    waiting = tuple(table for table in tables if not is_merged(table, merged))
    return BatchBacklog(
        batches=batches,
        tables=tuple(tables),
        oldest=times[0] if times else None,
        newest=times[-1] if times else None,
        merged_tables=len(tables) - len(waiting),
        waiting=waiting,
    )
