"""One attempt to merge a batch: the transaction, its result, and the cleanup of staging tables."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from lib.account import host
from lib.consolidation.batch_dates import DatedBatch
from lib.consolidation.errors import NothingToConsolidate, RequirementFailed, WarehouseUnavailable
from lib.consolidation.fence import SPEC_CHANGED, ensure_fence, spec_changed
from lib.consolidation.identifiers import TableName
from lib.consolidation.ledger import create_ledger, ledger_runs
from lib.consolidation.merge import consolidation_steps
from lib.consolidation.result import ConsolidationResult, ConsolidationStatus, log_committed, refusal
from lib.consolidation.staged_batch import GatheredRows, StagedBatch, gather_rows
from lib.consolidation.staging import batch_tables
from lib.consolidation.superseding import make_room_for_superseded
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Parameters, StagingTable, TransactionOutcome, Warehouse
from lib.locking.lease import Lease

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchMerge:
    """Merges the staged tables found for a batch."""

    warehouse: Warehouse
    spec: TableSpec
    transaction_timeout_seconds: float

    def run(self, found: StagedBatch, lease: Lease | None, *, cleanup: bool) -> ConsolidationResult:
        """Merge the batch and write its ledger row, or raise and leave everything as it was.

        Args:
            found: The tables to merge.
            lease: The lease on the date; None without the lock.
            cleanup: Drop the merged tables.

        Raises:
            TransactionConflict, SourceVanished, Overtaken: A rival was faster; list the tables again and retry.
        """
        if not found.known.has_fence:
            create_ledger(self.warehouse, self.spec)
            make_room_for_superseded(self.warehouse, self.spec)
            ensure_fence(self.warehouse, self.spec, found.game_date)
        gathered = gather_rows(self.warehouse, self.spec, found)
        logger.info("🔄 Executing MERGE for batch=%s with %d staging tables", found.batch_id, len(found.to_merge))
        if lease is not None:
            lease.ensure_held()
        outcome = self._transact(found, gathered, lease)
        result = self._committed(found, outcome)
        log_committed(result, self.spec.date_column)
        return replace(result, staging_dropped=self._drop_unchanged(found)) if cleanup else result

    def already_consolidated(self, found: StagedBatch, *, cleanup: bool) -> ConsolidationResult:
        """Return the result for a batch that has nothing left to merge.

        Raises:
            NothingToConsolidate: The ledger has no run of the batch for this date.
        """
        runs = found.known.runs
        if not any(run.day == found.game_date for run in runs):
            elsewhere = f"; it was consolidated for {runs[0].day}" if runs else ""
            raise NothingToConsolidate(
                f"batch {found.batch_id} has no staging tables and was never consolidated for "
                f"{found.game_date}{elsewhere}"
            )
        dropped = self._drop_unchanged(found) if cleanup and found.merged else 0
        logger.info("Batch %s is already consolidated, nothing was changed", found.batch_id)
        return ConsolidationResult(
            ConsolidationStatus.ALREADY_CONSOLIDATED, found.batch_id, found.game_date, staging_dropped=dropped
        )

    def already_consolidated_dates(
        self, batch: DatedBatch, dates: Collection[date] | None
    ) -> tuple[ConsolidationResult, ...]:
        """Return that result for each of these dates, or for all dates if None, that the ledger has of the batch.

        Raises:
            NothingToConsolidate: The ledger has none of them.
        """
        days = sorted({run.day for run in batch.runs if dates is None or run.day in dates})
        if not days:
            rows = "staging tables without rows" if batch.listed and not batch.dates else "no staged rows"
            which = f" for {', '.join(map(str, sorted(dates)))}" if dates else ""
            raise NothingToConsolidate(f"batch {batch.batch_id} has {rows} and was never consolidated{which}")
        logger.info("Batch %s is already consolidated, nothing was changed", batch.batch_id)
        return tuple(ConsolidationResult(ConsolidationStatus.ALREADY_CONSOLIDATED, batch.batch_id, day) for day in days)

    def _transact(self, found: StagedBatch, gathered: GatheredRows, lease: Lease | None) -> TransactionOutcome:
        token = lease.token if lease else 0
        # The token makes the id unique, so that we do not wait for an older holder's pending job; the fence refuses it.
        job_id = f"consolidation_{found.batch_id}_{found.run_id}_{token}"
        parameters: Parameters = {
            "day": found.game_date,
            **self.spec.dates.bound(day=found.game_date),
            "batch_id": found.batch_id,
            "run_id": found.run_id,
            "lock_key": lease.lock_key if lease else self.spec.lock_key(found.game_date),
            "spec": self.spec.identity,
            "moved_by": found.run_id,
            "token": token,
            "job_id": job_id,
            "holder_id": lease.holder_id if lease else "",
            "host": host(),
            "staging_tables": found.entries,
            "known_runs": list(found.known_runs),
            "started_at": found.listed_at,
        }
        try:
            return self.warehouse.transact(
                consolidation_steps(gathered.rows, has_lease=lease is not None),
                parameters,
                gather=gathered.sources,
                job_id=job_id,
                timeout_seconds=self.transaction_timeout_seconds,
            )
        except RequirementFailed as error:
            if error.code == SPEC_CHANGED:
                raise spec_changed(self.warehouse, self.spec) from error
            raise refusal(error, self.spec, found.batch_id, found.game_date) from error

    def _committed(self, found: StagedBatch, outcome: TransactionOutcome) -> ConsolidationResult:
        runs = ledger_runs(self.warehouse, self.spec, batch_id=found.batch_id)
        run = next(run for run in runs if run.run_id == found.run_id)
        return ConsolidationResult(
            ConsolidationStatus.CONSOLIDATED,
            found.batch_id,
            found.game_date,
            staged=run.staged_rows,
            inserted=run.inserted_rows,
            updated=run.updated_rows,
            deduplicated=run.deduplicated_rows,
            superseded=run.superseded_rows,
            duplicates_before=run.duplicates_before,
            duplicates_after=run.duplicates_after,
            staging_tables=tuple(table.table for table in found.to_merge),
            run_id=run.run_id,
            token=run.token,
            job_id=outcome.job_id,
            locked=bool(run.holder_id),
            merge_ms=outcome.elapsed_ms.get("merge", 0.0),
            statistics=outcome.statistics,
        )

    def drop_dates(self, batch: DatedBatch, days: Collection[date]) -> int:
        """Drop the tables that have nothing left to merge after these dates; return how many were dropped."""
        return self._drop(batch.batch_id, partial(batch.unchanged, days))

    def _drop_unchanged(self, merged: StagedBatch) -> int:
        """Drop the merged tables, except those written again since they were listed."""
        return self._drop(merged.batch_id, merged.unchanged)

    def _drop(self, batch_id: str, chosen: Callable[[Sequence[StagingTable]], Sequence[TableName]]) -> int:
        """A failed cleanup does not affect the commit: the ledger lists these tables as merged."""
        try:
            unchanged = chosen(batch_tables(self.warehouse, self.spec, batch_id))
            self.warehouse.drop(unchanged)
        except WarehouseUnavailable as error:
            logger.warning("Could not drop merged staging tables, the next call drops them: %s", error)
            return 0
        return len(unchanged)
