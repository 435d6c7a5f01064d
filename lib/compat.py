"""The API of the services' own modules, `distributed_lock` and `batch_staging_writer`, on top of this library.

For a migration that changes imports first and calls later (docs/how-to/upgrade.md); new code calls `lib.locking` and
`lib.consolidation`. As in those modules, staging and consolidation return failures instead of raising them, and
work on one fixed table.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from lib import consolidation, locking
from lib.consolidation.errors import NothingToConsolidate
from lib.consolidation.fence import WarehouseFence
from lib.consolidation.identifiers import TableName
from lib.consolidation.staging_names import StagingNames
from lib.consolidation.table_spec import TableSpec
from lib.errors import RunbookError, UserError
from lib.locking import LOCK_TIMEOUT_SECONDS, Lease, LockError, LockServiceUnavailable, NothingToRelease
from lib.words.brief import brief

if TYPE_CHECKING:
    from google.cloud import bigquery

    from lib.consolidation.warehouse import Warehouse

__all__ = [
    "LOCK_TIMEOUT_SECONDS",
    "TABLE",
    "BatchConsolidator",
    "BatchStagingWriter",
    "ConsolidationLock",
    "ConsolidationResult",
    "LockAcquisitionError",
    "StagingWriteResult",
    "get_worker_id",
]

logger = logging.getLogger(__name__)

# The table that those modules write, in the form their consolidation leaves it: one active row for each game, player
# and system, with updated_at set by the MERGE.
TABLE = TableSpec(
    TableName("nba_predictions", "player_prop_predictions"),
    key_columns=("game_id", "player_lookup", "system_id", "current_points_line"),
    date_column="game_date",
    nullable_keys=("current_points_line",),
    row_id_column="prediction_id",
    newest_first=("updated_at", "created_at"),
    active_column="is_active",
    never_update=("created_at",),
    supersedes=("game_id", "player_lookup", "system_id"),
    stamped=("updated_at",),
    rounded_columns=("current_points_line",),
    staging=StagingNames(service="prediction-worker"),
)
_NO_REASON = "released through lib.compat, whose caller gave no reason"


class LockAcquisitionError(LockError):
    """The lock was not acquired; the message says why, and `__cause__` whether it was held or Firestore failed."""


@dataclass(frozen=True)
class StagingWriteResult:
    """The outcome of a worker's write; the name is ``project.dataset.table``, or empty if nothing was written."""

    staging_table_name: str
    rows_written: int
    success: bool
    error_message: str | None = None


@dataclass(frozen=True)
class ConsolidationResult:
    """The outcome of a consolidation; a batch with nothing left to merge is a success with zero rows."""

    rows_affected: int
    staging_tables_merged: int
    staging_tables_cleaned: int
    success: bool
    error_message: str | None = None


class ConsolidationLock:
    """The consolidation lock of a date, in the project's Firestore.

    Args:
        project_id: The Google Cloud project.
        bq_client: Used by a forced release to move the fence; by default a client of the project.
    """

    __repr__ = brief()

    def __init__(self, project_id: str, bq_client: bigquery.Client | None = None) -> None:
        self.project_id = project_id
        self._locks = _locks(project_id, TABLE, lambda: _warehouse(project_id, bq_client))

    @contextmanager
    def acquire(
        self,
        game_date: str | date,
        batch_id: str = "",
        max_wait_seconds: float | None = None,
        *,
        operation_id: str = "",
    ) -> Iterator[Lease]:
        """Hold a date's lock for the duration of the ``with`` block.

        Args:
            game_date: The date, ``YYYY-MM-DD``.
            batch_id: What the lock is for; newer callers pass it as `operation_id`.
            max_wait_seconds: How long to wait for another holder; 0 tries once, None means 300.
            operation_id: Another name for `batch_id`.

        Raises:
            LockAcquisitionError: It was not acquired.
            LeaseLost: The lease was lost inside the block; raised at its end.
        """
        with ExitStack() as held:
            try:
                lease = held.enter_context(
                    self._locks.acquire(
                        game_date=game_date, batch_id=batch_id or operation_id, max_wait_seconds=max_wait_seconds
                    )
                )
            except (locking.LockAcquisitionError, LockServiceUnavailable) as error:
                raise LockAcquisitionError(str(error)) from error
            yield lease

    def force_release(self, game_date: str | date, reason: str = _NO_REASON, *, steal: bool = False) -> None:
        """Remove an expired lock, shut its holder out and file an audit entry; without a lock, do nothing.

        This library call does not require an approval.

        Args:
            game_date: The date, ``YYYY-MM-DD``.
            reason: Kept in the audit entry.
            steal: Remove the lock even if its lease has not expired.

        Raises:
            LeaseStillLive: Its lease has not expired, and `steal` is False.
            FenceNotMoved: It was released, but its holder is not shut out yet.
            LockServiceUnavailable: Firestore did not answer.
        """
        try:
            self._locks.force_release(game_date, reason, steal=steal)
        except NothingToRelease as nothing:
            logger.info("%s", nothing)


class BatchStagingWriter:
    """Writes a worker's predictions to a new staging table."""

    __repr__ = brief()

    def __init__(self, bq_client: bigquery.Client, project_id: str, dataset_prefix: str = "") -> None:
        self.project_id = project_id
        self._writer = consolidation.BatchStagingWriter(_warehouse(project_id, bq_client), _table(dataset_prefix))

    def write_to_staging(
        self, predictions: Sequence[Mapping[str, Any]], batch_id: str, worker_id: str
    ) -> StagingWriteResult:
        """Write the predictions to one new table. An empty list is a success that writes nothing.

        A field missing from a prediction is NULL.

        Args:
            predictions: One mapping per row.
            batch_id: The batch that they belong to.
            worker_id: The worker, part of the table's name.
        """
        if not predictions:
            logger.warning("No predictions to write for batch=%s, worker=%s", batch_id, worker_id)
            return StagingWriteResult("", 0, success=True)
        try:
            empty = dict.fromkeys(name for row in predictions for name in row)
            rows = [{**empty, **row} for row in predictions]
            [write] = self._writer.write(rows, batch_id=batch_id, worker_id=worker_id)
        except Exception as error:
            return StagingWriteResult("", 0, success=False, error_message=_message(error))
        return StagingWriteResult(f"{self.project_id}.{write.table}", write.rows, success=True)


class BatchConsolidator:
    """Merges a batch's staging tables into the main table."""

    __repr__ = brief()

    def __init__(self, bq_client: bigquery.Client, project_id: str, dataset_prefix: str = "") -> None:
        spec, warehouse = _table(dataset_prefix), _warehouse(project_id, bq_client)
        self._consolidator = consolidation.BatchConsolidator(
            warehouse, _locks(project_id, spec, lambda: warehouse), spec
        )

    def consolidate_batch(
        self,
        batch_id: str,
        game_date: str | date,
        cleanup: bool = True,
        use_lock: bool = True,
        *,
        max_wait_seconds: float | None = None,
    ) -> ConsolidationResult:
        """Merge all of the batch's tables or none; a repeated call changes nothing.

        Args:
            batch_id: The batch.
            game_date: The date of every row, ``YYYY-MM-DD``.
            cleanup: Drop the tables that were merged.
            use_lock: Wait for other consolidations of the date; without the lock the fence still guards the table.
            max_wait_seconds: How long to wait for the lock; None means 300.
        """
        try:
            done = self._consolidator.consolidate_batch(
                batch_id=batch_id,
                game_date=game_date,
                cleanup=cleanup,
                use_lock=use_lock,
                max_wait_seconds=max_wait_seconds,
            )
        except NothingToConsolidate:
            logger.warning("No staging tables found for batch=%s", batch_id)
            return ConsolidationResult(0, 0, 0, success=True)
        except Exception as error:
            return ConsolidationResult(0, 0, 0, success=False, error_message=_message(error))
        return ConsolidationResult(
            done.inserted + done.updated, len(done.staging_tables), done.staging_dropped, success=True
        )


def get_worker_id() -> str:
    """Return a new worker id: the Cloud Run revision and eight hexadecimal digits, or ``worker_`` and twelve."""
    revision = os.environ.get("K_REVISION")
    return f"{revision}_{uuid.uuid4().hex[:8]}" if revision else f"worker_{uuid.uuid4().hex[:12]}"


def _table(dataset_prefix: str) -> TableSpec:
    """With a prefix, the table is in the dataset ``{prefix}_nba_predictions``, which the services' tests use."""
    if not dataset_prefix:
        return TABLE
    return replace(TABLE, table=TableName(f"{dataset_prefix}_{TABLE.table.dataset}", TABLE.table.table))


def _warehouse(project_id: str, client: bigquery.Client | None) -> Warehouse:
    from lib.gcp.bigquery_warehouse import BigqueryWarehouse

    if client is not None and client.project != project_id:
        raise UserError(
            f"the BigQuery client is for project {client.project!r:.80}, but the tables are in {project_id!r:.80}; "
            f"create the client with project={project_id!r:.80}"
        )
    return BigqueryWarehouse(project_id, client=client)


def _locks(project_id: str, spec: TableSpec, warehouse: Callable[[], Warehouse]) -> locking.ConsolidationLock:
    return locking.ConsolidationLock(project_id, key_for=spec.lock_key, fence=WarehouseFence(warehouse, spec))


def _message(error: Exception) -> str:
    """Return the message for callers. Log the traceback if it is not an error of this library."""
    if isinstance(error, RunbookError):
        return str(error)
    logger.exception("Unexpected %s", type(error).__name__)
    return f"{type(error).__name__}: {error}"
