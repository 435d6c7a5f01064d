"""The result of a consolidation, with every row accounted for, or the reason why it was refused."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from lib.consolidation.errors import RequirementFailed, StagedDataError, StaleToken, ValidationFailed
from lib.consolidation.fence import FENCE_MISSING, STALE_TOKEN
from lib.consolidation.merge import (
    ALREADY_MERGED,
    INACTIVE_ROWS,
    NEW_DUPLICATES,
    NONE_ACTIVE,
    STAGED_KEY_MISSING,
    TWO_ACTIVE,
    WRONG_DATE,
)
from lib.consolidation.table_spec import TableSpec
from lib.errors import RunbookError
from lib.words.brief import brief

logger = logging.getLogger(__name__)


class ConsolidationStatus(StrEnum):
    """How it ended, when it did not raise."""

    CONSOLIDATED = "consolidated"
    ALREADY_CONSOLIDATED = "already_consolidated"
    DRY_RUN = "dry_run"


@dataclass(frozen=True)
class ConsolidationResult:
    """The figures of one call; ``staged == inserted + updated + deduplicated``.

    Attributes:
        status: With `ALREADY_CONSOLIDATED` nothing was changed and all figures are 0;
            with `DRY_RUN` they show what would happen.
        batch_id: The batch.
        game_date: The date.
        staged: Rows in the staging tables.
        inserted: Keys that were new.
        updated: Keys that already existed.
        deduplicated: Staged rows with the key of a newer staged row.
        superseded: Rows that were set inactive because a newer row with another key replaced them.
        duplicates_before: Keys of the date with several rows before; they do not block.
        duplicates_after: Keys of the date with several rows after.
        staging_tables: The tables that were merged.
        staging_dropped: How many of them were dropped.
        run_id: The row in the ledger; empty if nothing was committed.
        token: The fencing token; 0 if nothing was committed.
        job_id: The warehouse's job.
        attempts: How often the transaction ran; more than 1 after a conflict.
        locked: Whether the lock was held; False if there was nothing to merge.
        lock_wait_ms: Time spent waiting for the lock.
        merge_ms: Duration of the MERGE.
        total_ms: Duration of the whole call.
        statistics: The warehouse's own figures, such as bytes and slot time.
    """

    status: ConsolidationStatus
    batch_id: str
    game_date: date
    staged: int = 0
    inserted: int = 0
    updated: int = 0
    deduplicated: int = 0
    superseded: int = 0
    duplicates_before: int = 0
    duplicates_after: int = 0
    staging_tables: tuple[str, ...] = ()
    staging_dropped: int = 0
    run_id: str = ""
    token: int = 0
    job_id: str = ""
    attempts: int = 0
    locked: bool = False
    lock_wait_ms: float = 0.0
    merge_ms: float = 0.0
    total_ms: float = 0.0
    statistics: Mapping[str, float] = field(default_factory=dict)

    __repr__ = brief("status", "batch_id", "game_date", "staged", "inserted", "updated", "deduplicated")

    def as_data(self, date_column: str) -> dict[str, Any]:
        """Return JSON values; the date's key is its column name, or ``date`` if that name is taken here."""
        date_name = "date" if date_column in _TAKEN else date_column
        data = {date_name if name == "game_date" else name: value for name, value in asdict(self).items()}
        data["status"] = str(self.status)
        data[date_name] = self.game_date.isoformat()
        data["staging_tables"] = list(self.staging_tables)
        for name in ("lock_wait_ms", "merge_ms", "total_ms"):
            data[name] = round(data[name], 1)
        return data


# Names taken by other values of the result, or of a log record, which carries these fields too.
_TAKEN = {"message", "asctime", *vars(logging.makeLogRecord({})), *ConsolidationResult.__dataclass_fields__} - {
    "game_date"
}


@dataclass(frozen=True)
class BatchResult:
    """The result of consolidating a batch date by date; each figure is the sum over the dates.

    Attributes:
        batch_id: The batch.
        dates: A result for each date, earliest first. For a date merged by an earlier call the figures are 0.
        staging_dropped: How many staging tables were dropped: those with every date merged.
        total_ms: Duration of the whole call.
    """

    batch_id: str
    dates: tuple[ConsolidationResult, ...]
    staging_dropped: int = 0
    total_ms: float = 0.0

    __repr__ = brief("status", "batch_id", "dates", "staged", "inserted", "updated")

    @property
    def status(self) -> ConsolidationStatus:
        found = {result.status for result in self.dates}
        order = (
            ConsolidationStatus.DRY_RUN,
            ConsolidationStatus.CONSOLIDATED,
            ConsolidationStatus.ALREADY_CONSOLIDATED,
        )
        return next(status for status in order if status in found)

    @property
    def staged(self) -> int:
        return sum(result.staged for result in self.dates)

    @property
    def inserted(self) -> int:
        return sum(result.inserted for result in self.dates)

    @property
    def updated(self) -> int:
        return sum(result.updated for result in self.dates)

    @property
    def deduplicated(self) -> int:
        return sum(result.deduplicated for result in self.dates)

    @property
    def superseded(self) -> int:
        return sum(result.superseded for result in self.dates)

    def as_data(self, date_column: str) -> dict[str, Any]:
        """Return JSON values; the dates as in `ConsolidationResult.as_data`."""
        return {
            "status": str(self.status),
            "batch_id": self.batch_id,
            "staged": self.staged,
            "inserted": self.inserted,
            "updated": self.updated,
            "deduplicated": self.deduplicated,
            "superseded": self.superseded,
            "staging_dropped": self.staging_dropped,
            "total_ms": round(self.total_ms, 1),
            "dates": [result.as_data(date_column) for result in self.dates],
        }


def log_committed(result: ConsolidationResult, date_column: str) -> None:
    """Log the result in the lines that operators know; the first line carries every figure as fields."""
    logger.info(
        "✅ MERGE complete: %d rows affected in %.1fms (batch=%s)",
        result.inserted + result.updated,
        result.merge_ms,
        result.batch_id,
        extra=result.as_data(date_column),
    )
    if result.superseded:
        logger.info(
            "♻️ Superseded %d older rows for %s=%s (batch=%s)",
            result.superseded,
            date_column,
            result.game_date,
            result.batch_id,
        )
    logger.info("🔍 Running post-consolidation validation for %s=%s...", date_column, result.game_date)
    # The check ran inside the transaction, which would not have committed otherwise.
    logger.info("✅ Post-consolidation validation PASSED (0 duplicates)")
    if result.duplicates_after:
        logger.warning(
            "%d duplicate business keys of %s=%s are older than batch=%s",
            result.duplicates_after,
            date_column,
            result.game_date,
            result.batch_id,
        )


class Overtaken(RunbookError):
    """A rival changed the basis of this attempt: read again and retry."""


def refusal(error: RequirementFailed, spec: TableSpec, batch_id: str, game_date: date) -> RunbookError:
    """Return the error for the caller.

    Args:
        error: The requirement that failed.
        spec: The main table.
        batch_id: The batch.
        game_date: The date.
    """
    kept = f"everything was rolled back and the staging tables of batch {batch_id} are kept"
    match error.code:
        case code if code in (ALREADY_MERGED, FENCE_MISSING):
            return Overtaken(f"a rival of batch {batch_id} was faster")
        case code if code == STALE_TOKEN:
            return StaleToken(
                f"a newer consolidation of {game_date} has passed the fence: the lock of batch {batch_id} was lost, "
                "and nothing was written"
            )
        case code if code == WRONG_DATE:
            return StagedDataError(
                f"batch {batch_id} has rows of another date than {game_date}; {kept}; "
                "omit the date to consolidate each of its dates"
            )
        case code if code == INACTIVE_ROWS:
            return StagedDataError(f"batch {batch_id} has rows with {spec.active_column} = FALSE; {kept}")
        case code if code in (NEW_DUPLICATES, STAGED_KEY_MISSING, TWO_ACTIVE, NONE_ACTIVE):
            fault = code.replace("_", " ")
            logger.error(
                "❌ POST-CONSOLIDATION VALIDATION FAILED: %s for %s=%s (batch=%s)",
                fault,
                spec.date_column,
                game_date,
                batch_id,
            )
            return ValidationFailed(f"the check after the MERGE failed ({fault}); {kept}")
    return RunbookError(f"unknown requirement {error.code}; {kept}")
