"""What it means when a requirement of the consolidation's transaction was false."""

from __future__ import annotations

import logging
from datetime import date

from lib.consolidation.errors import RequirementFailed, StagedDataError, StaleToken, ValidationFailed
from lib.consolidation.fence import FENCE_MISSING, STALE_TOKEN
from lib.consolidation.merge import (
    ALREADY_MERGED,
    INACTIVE_ROWS,
    NEW_DUPLICATES,
    STAGED_KEY_MISSING,
    WRONG_DATE,
)
from lib.consolidation.table_spec import TableSpec
from lib.errors import RunbookError

logger = logging.getLogger(__name__)


class Overtaken(RunbookError):
    """A rival changed what this attempt was built on: look again and retry."""


def refusal(error: RequirementFailed, spec: TableSpec, batch_id: str, game_date: date) -> RunbookError:
    """The error that a caller can act on."""
    kept = f"all was rolled back and the staging tables of batch {batch_id} are kept"
    match error.code:
        case code if code in (ALREADY_MERGED, FENCE_MISSING):
            return Overtaken(f"a rival of batch {batch_id} was faster")
        case code if code == STALE_TOKEN:
            return StaleToken(
                f"a newer consolidation of {game_date} has passed the fence: the lock of batch {batch_id} was lost, "
                "and nothing was written"
            )
        case code if code == WRONG_DATE:
            return StagedDataError(f"batch {batch_id} has rows of another date than {game_date}; {kept}")
        case code if code == INACTIVE_ROWS:
            return StagedDataError(f"batch {batch_id} has rows with {spec.active_column} = FALSE; {kept}")
        case code if code in (NEW_DUPLICATES, STAGED_KEY_MISSING):
            said = code.replace("_", " ")
            logger.error(
                "❌ POST-CONSOLIDATION VALIDATION FAILED: %s for game_date=%s (batch=%s)", said, game_date, batch_id
            )
            return ValidationFailed(f"the check after the MERGE failed ({said}); {kept}")
    return RunbookError(f"unknown requirement {error.code}; {kept}")
