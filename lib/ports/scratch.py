"""The port to datasets for trials: each is created for one trial and removed afterwards.

Every call raises `lib.errors.Unavailable` if the warehouse fails to carry it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lib.consolidation.warehouse import Step, Warehouse
from lib.errors import UserError


class DatasetExists(UserError):
    """A dataset with that name already exists; nothing was changed."""


@dataclass(frozen=True)
class StatementRun:
    """A statement of a script, or a condition in it, that was a separate job.

    Attributes:
        words: The beginning of its text, such as ``UPDATE`` or ``COMMIT TRANSACTION``.
        started_at, ended_at: By the warehouse's clock (UTC).
        error: Why it failed, in the warehouse's words; empty if it did not. Hostile input.
    """

    words: str
    started_at: datetime
    ended_at: datetime
    error: str


class ScratchDatasets(Protocol):
    """Makes and removes datasets, and reports the jobs of their transactions."""

    @property
    def tables_expire_after_seconds(self) -> float | None:
        """The age at which the warehouse removes a table of such a dataset by itself; None means never."""
        ...

    @property
    def has_jobs(self) -> bool:
        """Whether statements of a script are jobs; if not, do not call `run_script`."""
        ...

    def note_of(self, dataset: str) -> str | None:
        """Return the dataset's note, empty if it has none; None if the dataset does not exist."""
        ...

    def create(self, dataset: str, *, note: str) -> None:
        """Create an empty dataset with a one-line note.

        Raises:
            DatasetExists: A dataset with that name exists, however it was created; it was left unchanged.
        """
        ...

    def remove(self, dataset: str) -> None:
        """Remove the dataset and its content; not an error if it does not exist."""
        ...

    def new_warehouse(self) -> Warehouse:
        """Return another `Warehouse` with its own connections, for use in a separate thread."""
        ...

    def delay(self, factor: int) -> Sequence[Step]:
        """Return steps that change nothing and take longer than `factor` times the beginning of a transaction."""
        ...

    def run_script(self, sql: str) -> Sequence[StatementRun]:
        """Run a GoogleSQL script; return the statements that were separate jobs, in the order they started."""
        ...

    def statements(self, job_id: str) -> Sequence[StatementRun]:
        """Return the same for a transaction that has ended; empty if there are no jobs."""
        ...
