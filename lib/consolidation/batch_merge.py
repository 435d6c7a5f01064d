"""One try to merge a batch: one transaction, what it came to, and the staging tables that it leaves."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from lib.account import host
from lib.consolidation.errors import NothingToConsolidate, RequirementFailed, WarehouseUnavailable
from lib.consolidation.fence import SPEC_CHANGED, ensure_fence, spec_changed
from lib.consolidation.ledger import ledger_columns, ledger_runs
from lib.consolidation.merge import consolidation_steps
from lib.consolidation.result import ConsolidationResult, ConsolidationStatus, log_committed, refusal
from lib.consolidation.staged_batch import GatheredRows, StagedBatch, gather_rows
from lib.consolidation.staging import batch_tables
from lib.consolidation.superseding import make_room_for_superseded
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Parameters, TransactionOutcome, Warehouse
from lib.locking.lease import Lease

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchMerge:
    """Merges what was found staged of a batch."""

    warehouse: Warehouse
    spec: TableSpec
    transaction_timeout_seconds: float

    def run(self, found: StagedBatch, lease: Lease | None, *, cleanup: bool) -> ConsolidationResult:
        """Merge it, with its ledger row, or raise and leave everything as it was.

        Raises:
            TransactionConflict, SourceVanished, Overtaken: A rival was faster; look again.
        """
        if not found.known.has_fence:
            self.warehouse.create_table(self.spec.ledger, ledger_columns(self.spec))
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
        """The answer where nothing is left to merge, if the ledger knows the batch.

        Raises:
            NothingToConsolidate: It does not, for this date.
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

    def _transact(self, found: StagedBatch, gathered: GatheredRows, lease: Lease | None) -> TransactionOutcome:
        token = lease.token if lease else 0
        # Of its own token: an older holder's job, still pending, is for the fence to refuse, not for us to wait for.
        job_id = f"consolidation_{found.batch_id}_{found.run_id}_{token}"
        parameters: Parameters = {
            "day": found.game_date,
            "batch_id": found.batch_id,
            "run_id": found.run_id,
            "lock_key": lease.lock_key if lease else self.spec.lock_key(found.game_date),
            "spec": self.spec.identity,
            "moved_by": found.run_id,
            "token": token,
            "job_id": job_id,
            "holder_id": lease.holder_id if lease else "",
            "host": host(),
            "staging_tables": [table.table for table in found.to_merge],
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
            staging_tables=run.staging_tables,
            run_id=run.run_id,
            token=run.token,
            job_id=outcome.job_id,
            locked=bool(run.holder_id),
            merge_ms=outcome.elapsed_ms.get("merge", 0.0),
            statistics=outcome.statistics,
        )

    def _drop_unchanged(self, merged: StagedBatch) -> int:
        """Drop what was merged, and not what a worker has written again since it was listed.

        The commit stands whatever becomes of the cleanup; the ledger knows these tables.
        """
        try:
            unchanged = merged.unchanged(batch_tables(self.warehouse, self.spec, merged.batch_id))
            self.warehouse.drop(unchanged)
        except WarehouseUnavailable as error:
            logger.warning("Merged staging tables are still there, the next call drops them: %s", error)
            return 0
        return len(unchanged)
