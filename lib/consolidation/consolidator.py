"""Consolidate a batch: merge its staging tables into the main table, once.

Two defences ensure "once". The lock keeps two consolidations of a date from running at
the same time. The fence in the transaction protects the table if they do run at once:
the lock was lost or switched off, the lock service is down, or a paused holder wakes up.
In every case a staging table is dropped only after the transaction that merged exactly
that table has committed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from time import perf_counter
from typing import TypedDict, Unpack, overload

from lib.consolidation.batch_dates import DatedBatch, look_at_dates
from lib.consolidation.batch_merge import BatchMerge
from lib.consolidation.errors import ConsolidationConflict, RequirementFailed, SourceVanished, TransactionConflict
from lib.consolidation.fence import spec_changed
from lib.consolidation.identifiers import checked_batch_id
from lib.consolidation.merge import INACTIVE_ROWS, WRONG_DATE, dry_run_sql
from lib.consolidation.result import BatchResult, ConsolidationResult, ConsolidationStatus, Overtaken, refusal
from lib.consolidation.retry import until_no_conflict
from lib.consolidation.staged_batch import StagedBatch, find_staged, gather_rows
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Warehouse
from lib.locking.lease import Lease
from lib.locking.lock import ConsolidationLock
from lib.locking.switch import own_switch
from lib.words.brief import brief
from lib.words.dates import checked_game_date

logger = logging.getLogger(__name__)

_LOST_TO_A_RIVAL = (TransactionConflict, SourceVanished, Overtaken)


class Options(TypedDict, total=False):
    """How to consolidate: see `BatchConsolidator.consolidate_batch`."""

    cleanup: bool
    use_lock: bool
    dry_run: bool
    max_wait_seconds: float | None


@dataclass(frozen=True)
class _How:
    """The options with their defaults."""

    cleanup: bool = True
    use_lock: bool = True
    dry_run: bool = False
    max_wait_seconds: float | None = None

    @property
    def drops(self) -> bool:
        return self.cleanup and not self.dry_run


class BatchConsolidator:
    """Merges batches into the main table.

    Args:
        warehouse: Where the tables are.
        locks: The lock of each date.
        spec: The main table.
        transaction_timeout_seconds: A transaction is cancelled after this time, and its end awaited,
            so that its holder does not keep the lock indefinitely.
        takes_lock: Called before each consolidation; while it returns False, ``use_lock`` is ignored,
            so that one switch covers all callers. By default reads ``CONSOLIDATION_LOCK`` of this process.
    """

    __repr__ = brief("_spec.table")

    def __init__(
        self,
        warehouse: Warehouse,
        locks: ConsolidationLock,
        spec: TableSpec,
        *,
        transaction_timeout_seconds: float = 1800.0,
        takes_lock: Callable[[], bool] = own_switch,
    ) -> None:
        self._warehouse = warehouse
        self._locks = locks
        self._spec = spec
        self._merge = BatchMerge(warehouse, spec, transaction_timeout_seconds)
        self._takes_lock = takes_lock

    @overload
    def consolidate_batch(
        self, *, batch_id: str, game_date: str | date, **options: Unpack[Options]
    ) -> ConsolidationResult: ...
    @overload
    def consolidate_batch(
        self, *, batch_id: str, game_date: None = None, **options: Unpack[Options]
    ) -> BatchResult: ...
    def consolidate_batch(
        self, *, batch_id: str, game_date: str | date | None = None, **options: Unpack[Options]
    ) -> ConsolidationResult | BatchResult:
        """Merge the batch's staging tables into the main table, all rows of a date or none.

        Args:
            batch_id: The batch.
            game_date: The date of every row. Without it the rows are merged date by date, as in
                `consolidate_dates`.
            cleanup: Drop the staging tables that were merged.
            use_lock: Wait for other consolidations of the date. Without the lock the fence still keeps
                the table correct, but rivals may repeat each other's work.
            dry_run: Return what would happen, without taking the lock or writing anything.
            max_wait_seconds: How long to wait for the lock, and then for rivals, for each date.

        Raises:
            NothingToConsolidate: There are no staging tables, and the ledger does not have the batch.
            StagedDataError: Staged rows do not match the main table or the date.
            SpecMismatch: The table's settings do not match the main table.
            SpecChanged: Earlier consolidations used another key, date or active column, or another `supersedes`.
            UnmarkedStaging: A staging table may belong to another main table.
            LockAcquisitionError: Another consolidation holds the lock.
            StaleToken: Another holder has taken over; nothing was written.
            LeaseLost: The lease was lost; nothing was written, unless it was lost after the commit. The next
                call then returns that the batch is already consolidated.
            ValidationFailed: The check after the MERGE failed; everything was rolled back.
            ConsolidationConflict: Rivals kept winning.
        """
        if game_date is None:
            return self.consolidate_dates(batch_id=batch_id, **options)
        look = partial(self._find, checked_batch_id(batch_id), checked_game_date(game_date))
        return self._result(look, _How(**options))

    def consolidate_dates(
        self, *, batch_id: str, dates: Collection[date] | None = None, **options: Unpack[Options]
    ) -> BatchResult:
        """Merge a batch whose rows may have several dates, each date in its own transaction with its own ledger row.

        If a call stops between two dates, the first one stays merged and the next call merges the rest. A staging
        table is dropped once all its dates are merged.

        Args:
            batch_id: The batch.
            dates: Merge only these dates; None means all.
            options: As for `consolidate_batch`.

        Raises:
            StagedDataError: Rows do not match the main table, or have no date; nothing was merged.
            RunbookError: As raised by `consolidate_batch`; the dates before the one that failed are merged.
        """
        started, how = perf_counter(), _How(**options)
        look = partial(self._look_at_dates, checked_batch_id(batch_id))
        batch, _ = until_no_conflict(look, patience_seconds=self._patience(how), retried=(SourceVanished,))
        wanted = [day for day in batch.dates if dates is None or day in dates]
        results = tuple(self._result_of_date(batch, day, how) for day in wanted)
        dropped = self._merge.drop_dates(batch, wanted) if how.drops else 0
        results = results or self._merge.already_consolidated_dates(batch, dates)
        return BatchResult(batch_id, results, dropped, (perf_counter() - started) * 1000)

    def _result_of_date(self, batch: DatedBatch, day: date, how: _How) -> ConsolidationResult:
        at_hand = [batch]

        def look() -> StagedBatch:
            """Read the tables again only after a rival has won."""
            now = at_hand.pop() if at_hand else self._look_at_dates(batch.batch_id)
            return self._of_this_spec(now.on(self._warehouse, self._spec, day))

        return self._result(look, replace(how, cleanup=False))

    def _look_at_dates(self, batch_id: str) -> DatedBatch:
        with self._warehouse.session():
            return look_at_dates(self._warehouse, self._spec, batch_id)

    def _result(self, look: Callable[[], StagedBatch], how: _How) -> ConsolidationResult:
        started = perf_counter()
        with ExitStack() as session:
            session.enter_context(self._warehouse.session())
            found = look()
            if not found.to_merge:
                result = self._merge.already_consolidated(found, cleanup=how.drops)
            elif how.dry_run:
                result = self._dry_run(found)
            else:
                with self._lock(found, how, session.close) as lease:
                    result = self._consolidate(found, look, lease, how, session)
                    if lease is not None:
                        result = replace(result, lock_wait_ms=lease.waited_seconds * 1000)
        return replace(result, total_ms=(perf_counter() - started) * 1000)

    def _patience(self, how: _How) -> float:
        return self._locks.max_wait_seconds if how.max_wait_seconds is None else how.max_wait_seconds

    def _find(self, batch_id: str, game_date: date) -> StagedBatch:
        return self._of_this_spec(find_staged(self._warehouse, self._spec, batch_id, game_date))

    def _of_this_spec(self, found: StagedBatch) -> StagedBatch:
        if found.known.has_another_spec:
            raise spec_changed(self._warehouse, self._spec)
        return found

    def _lock(
        self, found: StagedBatch, how: _How, before_waiting: Callable[[], None]
    ) -> AbstractContextManager[Lease | None]:
        if not how.use_lock or not self._takes_lock():
            why = "it is switched off" if how.use_lock else "as requested"
            logger.warning("Consolidating batch=%s without the lock, %s; the fence guards it", found.batch_id, why)
            return nullcontext()
        return self._locks.acquire(
            game_date=found.game_date,
            batch_id=found.batch_id,
            max_wait_seconds=self._patience(how),
            before_waiting=before_waiting,
        )

    def _consolidate(
        self, found: StagedBatch, look: Callable[[], StagedBatch], lease: Lease | None, how: _How, session: ExitStack
    ) -> ConsolidationResult:
        """Merge in the session in which the tables were found; each retry opens a new session."""
        # Unless we waited for a rival, the tables found before the lock are still current;
        # if a rival did come in between, the transaction refuses.
        at_hand = [] if lease is not None and lease.had_to_wait else [found]
        patience_seconds = self._patience(how)

        def attempt() -> ConsolidationResult:
            with session, self._warehouse.session():
                now = at_hand.pop() if at_hand else look()
                if not now.to_merge:
                    return self._merge.already_consolidated(now, cleanup=how.cleanup)
                return self._merge.run(now, lease, cleanup=how.cleanup)

        try:
            result, attempts = until_no_conflict(attempt, patience_seconds=patience_seconds, retried=_LOST_TO_A_RIVAL)
        except _LOST_TO_A_RIVAL as error:
            raise ConsolidationConflict(
                f"batch {found.batch_id} was not consolidated: rival consolidations kept winning for "
                f"{patience_seconds:.0f}s; its staging tables are kept; try again ({error})"
            ) from error
        return replace(result, attempts=attempts if result.run_id else 0)

    def _dry_run(self, staged: StagedBatch) -> ConsolidationResult:
        gathered = gather_rows(self._warehouse, self._spec, staged)
        day = self._spec.dates.bound(day=staged.game_date)
        found = self._warehouse.query(dry_run_sql(gathered.rows), day, gather=gathered.sources)[0]
        for code, rows in ((WRONG_DATE, "wrong_date_rows"), (INACTIVE_ROWS, "inactive_rows")):
            if found[rows]:
                raise refusal(RequirementFailed(code), self._spec, staged.batch_id, staged.game_date)
        return ConsolidationResult(
            ConsolidationStatus.DRY_RUN,
            staged.batch_id,
            staged.game_date,
            staged=found["staged_rows"],
            inserted=found["inserted_rows"],
            updated=found["updated_rows"],
            deduplicated=found["deduplicated_rows"],
            superseded=found.get("superseded_rows", 0),
            duplicates_before=found["duplicates_before"],
            duplicates_after=found["duplicates_before"] - found.get("superseded_duplicates", 0),
            staging_tables=tuple(table.table for table in staged.to_merge),
        )
