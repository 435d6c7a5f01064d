"""Consolidating a batch: from its staging tables into the main table, once.

Two defences stand behind "once". The lock keeps two consolidations of a date from
working at the same time; the fence in the transaction keeps them from harming the
table if they do: lock lost, lock switched off, lock service down, a paused holder that
wakes up. Whatever happens, a staging table is dropped only after the transaction that
merged exactly it was committed.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import date
from time import perf_counter

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from lib.consolidation.errors import (
    ConsolidationConflict,
    NothingToConsolidate,
    RequirementFailed,
    SourceVanished,
    TransactionConflict,
    WarehouseUnavailable,
)
from lib.consolidation.fence import SPEC_CHANGED, ensure_fence, recorded_specs, spec_changed
from lib.consolidation.identifiers import checked_batch_id
from lib.consolidation.ledger import LEDGER_COLUMNS, ledger_runs
from lib.consolidation.merge import INACTIVE_ROWS, WRONG_DATE, consolidation_steps, dry_run_sql
from lib.consolidation.result import ConsolidationResult, ConsolidationStatus, Overtaken, log_committed, refusal
from lib.consolidation.staged_batch import GatheredRows, StagedBatch, find_staged, gather_rows
from lib.consolidation.staging import batch_tables
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Parameters, TransactionOutcome, Warehouse
from lib.locking.lease import Lease
from lib.locking.lock import ConsolidationLock
from lib.words.dates import checked_game_date

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Batch:
    """What one call is about."""

    batch_id: str
    game_date: date


class BatchConsolidator:
    """Merges batches into the main table.

    Args:
        transaction_timeout_seconds: After this a transaction is cancelled and its end
            awaited, so that its holder does not keep the lock for ever.
        takes_lock: Asked before each consolidation; while it says no, ``use_lock`` counts
            for nothing, so that every caller is reached.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        locks: ConsolidationLock,
        spec: TableSpec,
        *,
        transaction_timeout_seconds: float = 1800.0,
        takes_lock: Callable[[], bool] = lambda: True,
    ) -> None:
        self._warehouse = warehouse
        self._locks = locks
        self._spec = spec
        self._transaction_timeout_seconds = transaction_timeout_seconds
        self._takes_lock = takes_lock

    def consolidate_batch(
        self,
        *,
        batch_id: str,
        game_date: str | date,
        cleanup: bool = True,
        use_lock: bool = True,
        dry_run: bool = False,
        max_wait_seconds: float | None = None,
    ) -> ConsolidationResult:
        """Merge the batch's staging tables into the main table, all of them or none.

        Args:
            game_date: The date that all its rows must have.
            cleanup: Drop the staging tables that were merged.
            use_lock: Wait for other consolidations of the date. Without it the fence
                still keeps the table right; rivals then redo each other's work.
            dry_run: Only tell what would happen. Takes no lock and writes nothing.
            max_wait_seconds: How long to wait for the lock, and then for rivals.

        Raises:
            NothingToConsolidate: No staging tables, and the ledger does not know it.
            StagedDataError: Staged rows do not fit the main table or the date.
            SpecMismatch: The settings do not fit the main table.
            SpecChanged: The table is consolidated with another key, date or active column.
            UnmarkedStaging: A staging table could be for another main table.
            LockAcquisitionError: Another consolidation holds the lock.
            StaleToken: Another has taken over; nothing was written.
            LeaseLost: Nothing was written, unless the lease was lost after the commit: the
                next call then says that the batch is already consolidated.
            ValidationFailed: The check after the MERGE failed; all was rolled back.
            ConsolidationConflict: Rivals kept winning.
        """
        started = perf_counter()
        wait = self._locks.max_wait_seconds if max_wait_seconds is None else max_wait_seconds
        batch = _Batch(checked_batch_id(batch_id), checked_game_date(game_date))
        with self._warehouse.session():
            found = find_staged(self._warehouse, self._spec, batch.batch_id)
        if not found.to_merge:
            result = self._already_consolidated(batch, found, cleanup and not dry_run)
        elif dry_run:
            result = self._dry_run(batch, found)
        else:
            with self._lock(batch, use_lock, wait) as lease:
                result = self._consolidate(batch, lease, cleanup, wait)
                if lease is not None:
                    result = replace(result, lock_wait_ms=lease.waited_seconds * 1000)
        return replace(result, total_ms=(perf_counter() - started) * 1000)

    def _lock(self, batch: _Batch, use_lock: bool, max_wait_seconds: float) -> AbstractContextManager[Lease | None]:
        if not use_lock or not self._takes_lock():
            why = "it is switched off" if use_lock else "as asked"
            logger.warning("Consolidating batch=%s without the lock, %s; the fence guards it", batch.batch_id, why)
            return nullcontext()
        return self._locks.acquire(
            game_date=batch.game_date, batch_id=batch.batch_id, max_wait_seconds=max_wait_seconds
        )

    def _consolidate(
        self, batch: _Batch, lease: Lease | None, cleanup: bool, retry_seconds: float
    ) -> ConsolidationResult:
        retrying = Retrying(
            retry=retry_if_exception_type((TransactionConflict, SourceVanished, Overtaken)),
            wait=wait_random_exponential(0.02, max=2),
            stop=stop_after_delay(max(retry_seconds, 1.0)),
            reraise=True,
        )
        try:
            result: ConsolidationResult = retrying(self._attempt, batch, lease, cleanup)
        except (TransactionConflict, SourceVanished, Overtaken) as error:
            raise ConsolidationConflict(
                f"batch {batch.batch_id} was not consolidated: rival consolidations won for "
                f"{retry_seconds:.0f}s; its staging tables are kept, try again ({error})"
            ) from error
        attempts = int(retrying.statistics.get("attempt_number", 1))
        return replace(result, attempts=attempts if result.run_id else 0)

    def _attempt(self, batch: _Batch, lease: Lease | None, cleanup: bool) -> ConsolidationResult:
        with self._warehouse.session():
            return self._merge(batch, lease, cleanup)

    def _merge(self, batch: _Batch, lease: Lease | None, cleanup: bool) -> ConsolidationResult:
        self._warehouse.create_table(self._spec.ledger, LEDGER_COLUMNS)
        ensure_fence(self._warehouse, self._spec, batch.game_date)
        found = find_staged(self._warehouse, self._spec, batch.batch_id)
        if not found.to_merge:
            return self._already_consolidated(batch, found, cleanup)
        run_id = found.run_id(batch.game_date)
        gathered = gather_rows(self._warehouse, self._spec, found)
        logger.info("🔄 Executing MERGE for batch=%s with %d staging tables", batch.batch_id, len(found.to_merge))
        if lease is not None:
            lease.ensure_held()
        outcome = self._transact(batch, lease, run_id, found, gathered)
        result = self._committed(batch, run_id, outcome)
        log_committed(result)
        if cleanup:
            result = replace(result, staging_dropped=self._drop_unchanged(found))
        return result

    def _drop_unchanged(self, merged: StagedBatch) -> int:
        """Drop what was merged, and not what a worker has written again since it was listed.

        The commit stands whatever becomes of the cleanup; the ledger knows these tables.
        """
        try:
            unchanged = merged.unchanged(batch_tables(self._warehouse, self._spec, merged.batch_id))
            self._warehouse.drop(unchanged)
        except WarehouseUnavailable as error:
            logger.warning("Merged staging tables are still there, the next call drops them: %s", error)
            return 0
        return len(unchanged)

    def _already_consolidated(self, batch: _Batch, found: StagedBatch, cleanup: bool) -> ConsolidationResult:
        runs = ledger_runs(self._warehouse, self._spec, batch_id=batch.batch_id)
        if not any(run.game_date == batch.game_date for run in runs):
            elsewhere = f"; it was consolidated for {runs[0].game_date}" if runs else ""
            raise NothingToConsolidate(
                f"batch {batch.batch_id} has no staging tables and was never consolidated for "
                f"{batch.game_date}{elsewhere}"
            )
        dropped = self._drop_unchanged(found) if cleanup and found.merged else 0
        logger.info("Batch %s is already consolidated, nothing was changed", batch.batch_id)
        return ConsolidationResult(
            ConsolidationStatus.ALREADY_CONSOLIDATED,
            batch.batch_id,
            batch.game_date,
            staging_dropped=dropped,
        )

    def _transact(
        self,
        batch: _Batch,
        lease: Lease | None,
        run_id: str,
        found: StagedBatch,
        gathered: GatheredRows,
    ) -> TransactionOutcome:
        token = lease.token if lease else 0
        # Of its own token: an older holder's job, still pending, is for the fence to refuse, not for us to wait for.
        job_id = f"consolidation_{batch.batch_id}_{run_id}_{token}"
        parameters: Parameters = {
            "game_date": batch.game_date,
            "batch_id": batch.batch_id,
            "run_id": run_id,
            "lock_key": lease.lock_key if lease else self._spec.lock_key(batch.game_date),
            "spec": self._spec.identity,
            "moved_by": run_id,
            "token": token,
            "job_id": job_id,
            "holder_id": lease.holder_id if lease else "",
            "host": f"{socket.gethostname()}:{os.getpid()}",
            "staging_tables": [table.table for table in found.to_merge],
            "known_runs": list(found.known_runs),
            "started_at": found.listed_at,
        }
        try:
            return self._warehouse.transact(
                consolidation_steps(gathered.rows, has_lease=lease is not None),
                parameters,
                gather=gathered.sources,
                job_id=job_id,
                timeout_seconds=self._transaction_timeout_seconds,
            )
        except RequirementFailed as error:
            if error.code == SPEC_CHANGED:
                raise spec_changed(self._warehouse, self._spec) from error
            raise refusal(error, self._spec, batch.batch_id, batch.game_date) from error

    def _committed(self, batch: _Batch, run_id: str, outcome: TransactionOutcome) -> ConsolidationResult:
        runs = ledger_runs(self._warehouse, self._spec, batch_id=batch.batch_id)
        run = next(run for run in runs if run.run_id == run_id)
        return ConsolidationResult(
            ConsolidationStatus.CONSOLIDATED,
            batch.batch_id,
            batch.game_date,
            staged=run.staged_rows,
            inserted=run.inserted_rows,
            updated=run.updated_rows,
            deduplicated=run.deduplicated_rows,
            duplicates_before=run.duplicates_before,
            duplicates_after=run.duplicates_after,
            staging_tables=run.staging_tables,
            run_id=run_id,
            token=run.token,
            job_id=outcome.job_id,
            locked=bool(run.holder_id),
            merge_ms=outcome.elapsed_ms.get("merge", 0.0),
            statistics=outcome.statistics,
        )

    def _dry_run(self, batch: _Batch, staged: StagedBatch) -> ConsolidationResult:
        if set(recorded_specs(self._warehouse, self._spec)) - {self._spec.identity}:
            raise spec_changed(self._warehouse, self._spec)
        gathered = gather_rows(self._warehouse, self._spec, staged)
        found = self._warehouse.query(
            dry_run_sql(gathered.rows), {"game_date": batch.game_date}, gather=gathered.sources
        )[0]
        for code, rows in ((WRONG_DATE, "wrong_date_rows"), (INACTIVE_ROWS, "inactive_rows")):
            if found[rows]:
                raise refusal(RequirementFailed(code), self._spec, batch.batch_id, batch.game_date)
        return ConsolidationResult(
            ConsolidationStatus.DRY_RUN,
            batch.batch_id,
            batch.game_date,
            staged=found["staged_rows"],
            inserted=found["inserted_rows"],
            updated=found["updated_rows"],
            deduplicated=found["deduplicated_rows"],
            duplicates_before=found["duplicates_before"],
            duplicates_after=found["duplicates_before"],
            staging_tables=tuple(table.table for table in staged.to_merge),
        )
