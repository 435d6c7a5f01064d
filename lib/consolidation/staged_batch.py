"""What is staged of a batch: which tables are to be merged, and how they are read."""

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
    """A batch's staging tables, by what the ledger's runs have done to them.

    Attributes:
        to_merge: Their rows are nowhere else.
        merged: The ledger names them; they only wait to be dropped.
        known: The batch's runs that were looked at, and the fence of its date.
        listed: All of them as they were listed.
        dates_of: Of how many dates a table has rows; those that are not in it have rows of one.
        has_other_dates: The tables may have rows of other dates, which are left for their own transactions.
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
        """What the ledger records of the tables to merge."""
        return [ledger_entry(table.table, self.game_date, self.dates_of.get(table, 1)) for table in self.to_merge]

    @cached_property
    def listed_at(self) -> datetime:
        """The warehouse's time before anything that was read of the tables."""
        return min(table.listed_at for table in self.listed)

    @property
    def waiting(self) -> list[StagingTable]:
        """Those of them that are to be merged."""
        wanted = set(self.to_merge)
        return [table for table in self.listed if table.name in wanted]

    @cached_property
    def _versions(self) -> dict[TableName, str]:
        return {table.name: table.version for table in self.listed}

    def unchanged(self, listed_now: Iterable[StagingTable]) -> list[TableName]:
        """Those that are still as they were: the only ones that a run of them may drop."""
        versions = self._versions
        return [table.name for table in listed_now if versions.get(table.name) == table.version]

    @property
    def known_runs(self) -> tuple[str, ...]:
        return tuple(run.run_id for run in self.known.runs)

    @property
    def run_id(self) -> str:
        """Names the merging of exactly these tables as they were listed: whoever repeats it finds the same name.

        A table that was written again is another table: whoever finds the run of the one must not
        take it for the run of the other, and drop rows that it has not merged. One made anew just
        as it was is told apart by the runs known by then.
        """
        tables = [f"{table} {self._versions[table]}" for table in self.to_merge]
        named = "\n".join([self.batch_id, str(self.game_date), *sorted(tables), *sorted(self.known_runs)])
        return hashlib.sha256(named.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class GatheredRows:
    """The rows to merge, and which tables stand behind each relation in them."""

    rows: StagedRows
    sources: dict[TableName, list[TableName]]


def find_staged(
    warehouse: Warehouse, spec: TableSpec, batch_id: str, game_date: date, *, known: Known | None = None
) -> StagedBatch:
    """List the batch's staging tables, held against the ledger.

    `known` is what is on record of the batch, where the caller has looked; a consolidation looks after it has listed.

    Raises:
        UnmarkedStaging: One could be another main table's.
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
    """Raise while a table would be merged without its last rows, and then be dropped with them."""
    streaming = [table for table in batch.listed if table.is_streaming]
    if streaming:
        first, more = streaming[0].name, f" and {len(streaming) - 1} more" if streaming[1:] else ""
        raise RowsStillStreaming(
            f"staging table {first}{more} of batch {batch.batch_id}: rows were streamed into it that cannot be copied "
            f"yet; nothing was merged. Try again by {batch.listed_at + STREAMING_LAG:%Y-%m-%d %H:%M} UTC at the latest"
        )


def _check_remembered(spec: TableSpec, batch: StagedBatch) -> None:
    """Raise for a table whose run may have expired from the ledger."""
    for table in batch.waiting:
        if table.changed_at is not None and not spec.retention.remembers(table.changed_at, batch.listed_at):
            raise StagedDataError(
                f"staging table {table.name} of batch {batch.batch_id} was last written {table.changed_at:%Y-%m-%d}, "
                f"and the ledger keeps {spec.retention.ledger_days} days, so it may have been merged; nothing was "
                f"merged; see what is in the table and drop it: runbook run consolidation_timeout -p "
                f"cleanup={batch.batch_id}"
            )


def gather_rows(warehouse: Warehouse, spec: TableSpec, batch: StagedBatch) -> GatheredRows:
    """Check the tables' columns against the main table's, and group equal ones.

    Raises:
        SpecMismatch: The settings do not fit the main table.
        RowsStillStreaming: A table has rows that cannot be copied yet; says when to try again.
        StagedDataError: A table does not fit, or is older than what the ledger remembers.
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
