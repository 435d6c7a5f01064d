"""Errors of staging, consolidation and repair.

Three internal errors say why a transaction did not commit: `TransactionConflict` (a
rival won; run it again), `RequirementFailed` (one of its conditions was false) and
`SourceVanished` (a table that it reads was dropped).
"""

from __future__ import annotations

from collections.abc import Sequence

from lib.errors import CouldNotLook, Finding, RunbookError, Unavailable, UserError


class InvalidIdentifier(UserError):
    """A batch, worker or table name is not a plain identifier; it is refused before it reaches SQL."""


class StagedDataError(UserError):
    """The rows do not match the main table; the message names column and row."""


class TableNotFound(UserError, CouldNotLook):
    """The table does not exist."""


class SpecMismatch(UserError, CouldNotLook):
    """The table's settings name columns that it lacks or that have another type.

    Attributes:
        table: The table.
        faults: A line for each mismatch.
    """

    remedy = "Correct the table's settings, `table:` in the environment's file"

    def __init__(self, table: object, faults: Sequence[str]) -> None:
        self.table = table
        self.faults = tuple(faults)
        super().__init__(f"the settings of {table} do not match the table: {'; '.join(faults)}")


class UnfitAnswer(UserError, CouldNotLook):
    """The environment's own query returned an unusable result."""

    remedy = "Correct `due:` in the environment's file"


class SpecChanged(UserError):
    """The fence table records another key, date column or active column; nothing was written."""


class UnmarkedStaging(UserError, CouldNotLook):
    """A staging table does not record its main table, and the dataset has several main tables."""


class NothingToConsolidate(UserError):
    """The batch has neither staging tables nor a row in the ledger."""


class ValidationFailed(Finding):
    """A check inside the consolidation failed; it was rolled back, and staging is kept."""


class RepairRefused(Finding):
    """The rows differ from those that the repair was planned for."""


class WarehouseUnavailable(Unavailable):
    """The warehouse could not be reached or returned an error."""


class QueryOverLimit(WarehouseUnavailable):
    """The query would read more than the environment allows; it was not run.

    Attributes:
        allowed_share: The allowed share of the bytes that it would read, 0 to 1.
    """

    def __init__(self, message: str, allowed_share: float) -> None:
        self.allowed_share = allowed_share
        super().__init__(message)


class DatasetNotFound(WarehouseUnavailable):
    """The dataset does not exist or is in another location; this does not imply that a table is missing."""


class RowsStillStreaming(Unavailable):
    """Rows were streamed into a staging table that the warehouse cannot copy yet; nothing was merged."""


class ConsolidationConflict(Unavailable):
    """Rival transactions kept winning until the allowed time ran out."""


class StaleToken(RunbookError):
    """The fence has a newer token: another holder took over, and nothing was written."""


class TransactionConflict(RunbookError):
    """A rival transaction won; nothing of this one remains. Run it again."""


class RequirementFailed(RunbookError):
    """A `Require` step was false; everything was rolled back.

    Attributes:
        code: The code of the step.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(f"the transaction's requirement {code!r} does not hold; it was rolled back")


class SourceVanished(RunbookError):
    """A table that the transaction reads was dropped by another process."""
