"""A batch's staging tables: which ones to merge, and how to read them."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from lib.consolidation.errors import RowsStillStreaming, StagedDataError
from lib.consolidation.identifiers import TableName
from lib.consolidation.known import Known, look_up
from lib.consolidation.marks import check_marks
from lib.consolidation.merged_tables import is_merged, ledger_entry, merged_names
from lib.consolidation.schema import check_spec, check_staged_columns
from lib.consolidation.staged_rows import StagedRows, staged_groups
from lib.consolidation.staging import batch_tables
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import STREAMING_LAG, StagingTable, Warehouse
from lib.words.brief import brief


@dataclass(frozen=True)
class StagedBatch:
    """A batch's staging tables, by whether the ledger lists them as merged.

    Attributes:
        batch_id: The batch.
        game_date: The date.
        to_merge: Tables whose rows are not merged yet.
        merged: Tables that the ledger lists as merged; they only wait to be dropped.
        known: The batch's runs in the ledger, and the fence of the date.
        listed: All tables, as listed.
        dates_of: The number of dates in a table's rows; a table that is not in it has one date.
        has_other_dates: Whether the tables may have rows of other dates, which are merged in other transactions.
    """

    batch_id: str
    game_date: date
    to_merge: tuple[TableName, ...]
    merged: tuple[TableName, ...]
    known: Known
    listed: tuple[StagingTable, ...]
    dates_of: Mapping[TableName, int] = field(default_factory=dict)
    has_other_dates: bool = False

    __repr__ = brief("batch_id", "game_date", "to_merge")

    @property
    def entries(self) -> list[str]:
        """The ledger entries of the tables to merge."""
        return [ledger_entry(table.table, self.game_date, self.dates_of.get(table, 1)) for table in self.to_merge]

    @cached_property
    def listed_at(self) -> datetime:
        """The warehouse's time before any of the tables was read."""
        return min(table.listed_at for table in self.listed)

    @property
    def waiting(self) -> list[StagingTable]:
        """The listed tables that are to be merged."""
        wanted = set(self.to_merge)
        return [table for table in self.listed if table.name in wanted]

    @cached_property
    def _versions(self) -> dict[TableName, str]:
        return {table.name: table.version for table in self.listed}

    def unchanged(self, listed_now: Iterable[StagingTable]) -> list[TableName]:
        """Return the tables that have not changed: only these may a run drop."""
        versions = self._versions
        return [table.name for table in listed_now if versions.get(table.name) == table.version]

    @property
    def known_runs(self) -> tuple[str, ...]:
        return tuple(run.run_id for run in self.known.runs)

    @property
    def run_id(self) -> str:
        """Identifies a merge of exactly these tables, as listed; a repeated attempt gets the same id.

        A table that was written again counts as another table: its run must not be mistaken for the
        earlier one, because unmerged rows would be dropped. A table that was recreated exactly as it
        was gets another id through the runs known by then.
        """
        tables = [f"{table} {self._versions[table]}" for table in self.to_merge]
        named = "\n".join([self.batch_id, str(self.game_date), *sorted(tables), *sorted(self.known_runs)])
        return hashlib.sha256(named.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class GatheredRows:
    """The rows to merge, and the tables that each of their relations gathers."""

    rows: StagedRows
    sources: dict[TableName, list[TableName]]


def find_staged(
    warehouse: Warehouse, spec: TableSpec, batch_id: str, game_date: date, *, known: Known | None = None
) -> StagedBatch:
    """List the batch's staging tables and compare them with the ledger.

    Args:
        warehouse: Where to look.
        spec: The main table.
        batch_id: The batch.
        game_date: The date.
        known: The batch's records, if the caller has read them. A consolidation reads them after listing the tables.

    Raises:
        UnmarkedStaging: A table may belong to another main table.
    """
    listed = batch_tables(warehouse, spec, batch_id, with_columns=True)
    check_marks(warehouse, spec, batch_id, listed)
    known = known or look_up(warehouse, spec, batch_id, game_date)
    merged = merged_names(known.runs)
    return StagedBatch(
        batch_id,
        game_date,
        to_merge=tuple(table.name for table in listed if not is_merged(table, merged)),
        merged=tuple(table.name for table in listed if is_merged(table, merged)),
        known=known,
        listed=tuple(listed),
    )


def _check_whole(batch: StagedBatch) -> None:
    """Raise while a table has rows that would be lost: not merged yet, but dropped with the table."""
    streaming = [table for table in batch.listed if table.is_streaming]
    if streaming:
        first, more = streaming[0].name, f" and {len(streaming) - 1} more" if streaming[1:] else ""
        raise RowsStillStreaming(
            f"staging table {first}{more} of batch {batch.batch_id}: streamed rows cannot be copied yet; nothing was "
            f"merged; try again, at {batch.listed_at + STREAMING_LAG:%Y-%m-%d %H:%M} UTC at the latest"
        )


def _check_remembered(spec: TableSpec, batch: StagedBatch) -> None:
    """Raise for a table whose run may have expired from the ledger."""
    for table in batch.waiting:
        if table.changed_at is not None and not spec.retention.remembers(table.changed_at, batch.listed_at):
            raise StagedDataError(
                f"staging table {table.name} of batch {batch.batch_id} was last written {table.changed_at:%Y-%m-%d}, "
                f"but the ledger keeps only {spec.retention.ledger_days} days, so it may have been merged before; "
                f"nothing was merged; inspect the table and drop it: runbook run consolidation_timeout -p "
                f"cleanup={batch.batch_id}"
            )


def gather_rows(warehouse: Warehouse, spec: TableSpec, batch: StagedBatch) -> GatheredRows:
    """Check the tables' columns against the main table's, and group tables with equal columns.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        batch: The tables to merge.

    Raises:
        SpecMismatch: The table's settings do not match the main table.
        RowsStillStreaming: A table has rows that cannot be copied yet; says when to try again.
        StagedDataError: A table does not match the main table, or is older than the ledger's oldest rows.
    """
    _check_whole(batch)
    _check_remembered(spec, batch)
    main = warehouse.columns(spec.table)
    check_spec(spec, main)
    columns = {table.name: table.columns for table in batch.waiting}
    relation = spec.table.sibling(f"_gathered_{uuid.uuid4().hex[:12]}")
    groups = staged_groups(columns, relation)
    for group, members in groups.items():
        check_staged_columns(spec, main, group.columns, source=f"staging table {members[0]}")
    return GatheredRows(
        StagedRows(spec, main, tuple(groups), is_of_one_date=not batch.has_other_dates),
        {group.relation: members for group, members in groups.items()},
    )
