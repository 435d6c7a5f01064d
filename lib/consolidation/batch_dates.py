"""A batch whose rows have several dates: the dates in each of its staging tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from lib.consolidation.errors import SourceVanished, StagedDataError, TableNotFound, WarehouseUnavailable
from lib.consolidation.identifiers import TableName
from lib.consolidation.known import look_up
from lib.consolidation.ledger import LedgerRun, ledger_runs
from lib.consolidation.marks import check_marks
from lib.consolidation.merged_tables import is_merged, merged_names, merged_on
from lib.consolidation.schema import check_spec, check_staged_columns
from lib.consolidation.staged_batch import StagedBatch
from lib.consolidation.staging import batch_tables
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.staged_dates import TABLES_A_QUERY, union
from lib.consolidation.warehouse import StagingTable, Warehouse
from lib.words.nouns import counted

_Rows = Mapping[TableName, Mapping[date, int]]


@dataclass(frozen=True)
class DatedBatch:
    """A batch's staging tables, with the dates of their rows.

    Attributes:
        batch_id: The batch.
        listed: All its tables, as listed.
        rows: Number of rows by date, for each table that is not merged yet.
        runs: The batch's runs in the ledger, newest first.
    """

    batch_id: str
    listed: tuple[StagingTable, ...]
    rows: _Rows
    runs: tuple[LedgerRun, ...]

    @property
    def dates(self) -> list[date]:
        """All dates in the tables that are not merged yet, including dates merged already."""
        return sorted({day for days in self.rows.values() for day in days})

    def on(self, warehouse: Warehouse, spec: TableSpec, day: date) -> StagedBatch:
        """Return the tables with rows of the date, compared with the current ledger.

        Args:
            warehouse: Where the tables are.
            spec: The main table.
            day: The date.
        """
        known = look_up(warehouse, spec, self.batch_id, day)
        merged = merged_on(known.runs, day)
        holders = [table for table in self.listed if day in self.rows.get(table.name, {})]
        return StagedBatch(
            self.batch_id,
            day,
            to_merge=tuple(table.name for table in holders if not is_merged(table, merged)),
            merged=tuple(table.name for table in holders if is_merged(table, merged)),
            known=known,
            listed=self.listed,
            dates_of={table: len(days) for table, days in self.rows.items()},
            has_other_dates=len(self.dates) > 1,
        )

    def unchanged(self, days: Collection[date], listed_now: Iterable[StagingTable]) -> list[TableName]:
        """Return the tables that these dates complete and that have not changed: only they may be dropped."""
        versions = {table.name: table.version for table in self.listed if self._is_merged_with(table, days)}
        return [table.name for table in listed_now if versions.get(table.name) == table.version]

    def _is_merged_with(self, table: StagingTable, days: Collection[date]) -> bool:
        left = [day for day in self.rows.get(table.name, ()) if day not in days]
        return all(is_merged(table, merged_on(self.runs, day)) for day in left)


def look_at_dates(warehouse: Warehouse, spec: TableSpec, batch_id: str) -> DatedBatch:
    """List the batch's staging tables and read the dates in those that are not merged. Changes nothing.

    Args:
        warehouse: Where to look.
        spec: The main table.
        batch_id: The batch.

    Raises:
        UnmarkedStaging: A table may belong to another main table.
        SpecMismatch, StagedDataError: A table does not match the main table, or has rows without a date.
        SourceVanished: A table was dropped since it was listed.
    """
    listed = batch_tables(warehouse, spec, batch_id, with_columns=True)
    check_marks(warehouse, spec, batch_id, listed)
    runs = tuple(ledger_runs(warehouse, spec, batch_id=batch_id))
    merged = merged_names(runs)
    waiting = [table for table in listed if not is_merged(table, merged)]
    if waiting:
        main = warehouse.columns(spec.table)
        check_spec(spec, main)
        for table in waiting:
            check_staged_columns(spec, main, table.columns, source=f"staging table {table.name}")
    try:
        rows = _rows_by_date(warehouse, spec, batch_id, [table.name for table in waiting])
    except TableNotFound as error:
        raise SourceVanished(f"a staging table of batch {batch_id} was dropped since it was listed: {error}") from error
    return DatedBatch(batch_id, tuple(listed), rows, runs)


def _rows_by_date(warehouse: Warehouse, spec: TableSpec, batch_id: str, tables: list[TableName]) -> _Rows:
    found: dict[TableName, dict[date, int]] = {table: {} for table in tables}
    items = f"{spec.dates.cast_day('S')} AS day, S.`{spec.date_column}` AS moment"
    for start in range(0, len(tables), TABLES_A_QUERY):
        for row in warehouse.query(
            "SELECT D.staging_table, D.day, COUNT(*) AS row_count, MIN(D.moment) AS first, MAX(D.moment) AS last "
            f"FROM ({union(tables[start : start + TABLES_A_QUERY], items)}) AS D GROUP BY D.staging_table, D.day"
        ):
            table, day = spec.table.sibling(row["staging_table"]), row["day"]
            if day is None:
                raise StagedDataError(
                    f"staging table {table} of batch {batch_id} has {counted(row['row_count'], 'row')} without a date "
                    f"in {spec.date_column}; nothing was merged and the staging tables are kept; "
                    "stage the batch again with dates"
                )
            first, end = spec.dates.limits(day)
            if not first <= row["first"] <= row["last"] < end:
                raise WarehouseUnavailable(
                    f"the warehouse and this machine disagree about when {day} begins and ends in {spec.dates.zone}; "
                    "nothing was merged; update this machine's time zone data (the system's tzdata; Python uses its "
                    "package tzdata only if the system has none)"
                )
            found[table][day] = row["row_count"]
    return found
