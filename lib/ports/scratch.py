"""The port to datasets for trials: each is made for one trial, and removed after it.

Every call raises `lib.errors.Unavailable` when the warehouse does not do what it was asked to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lib.consolidation.warehouse import Step, Warehouse
from lib.errors import UserError


class DatasetExists(UserError):
    """There is a dataset of that name; nothing was changed."""


@dataclass(frozen=True)
class StatementRun:
    """A statement of a script, or a condition in it, that was a job of its own.

    Attributes:
        words: How its text begins, such as ``UPDATE`` or ``COMMIT TRANSACTION``.
        started_at, ended_at: By the warehouse's clock (UTC).
        error: Why it failed, in the warehouse's words; empty: it did not. Hostile input.
    """

    words: str
    started_at: datetime
    ended_at: datetime
    error: str


class ScratchDatasets(Protocol):
    """Makes and removes datasets, and reports the jobs of their transactions."""

    @property
    def tables_expire_after_seconds(self) -> float | None:
        """When the warehouse removes a table of such a dataset by itself; None: never."""
        ...

    @property
    def has_jobs(self) -> bool:
        """Whether statements of a script are jobs; else `run_script` is not to be called."""
        ...

    def note_of(self, dataset: str) -> str | None:
        """The note of the dataset of that name, empty when it has none; None: there is no such dataset."""
        ...

    def create(self, dataset: str, *, note: str) -> None:
        """Make an empty dataset with a note of one line.

        Raises:
            DatasetExists: There is one of that name, however it came there; it was left as it is.
        """
        ...

    def remove(self, dataset: str) -> None:
        """Remove the dataset with all that is in it; no error when it is gone already."""
        ...

    def new_warehouse(self) -> Warehouse:
        """Another `Warehouse`, with connections of its own: for one thread, beside others."""
        ...

    def delay(self, factor: int) -> Sequence[Step]:
        """Steps that change nothing and take longer than it takes to begin a transaction, times the factor."""
        ...

    def run_script(self, sql: str) -> Sequence[StatementRun]:
        """Run a GoogleSQL script. Returns what was a job of its own, in the order of their starts."""
        ...

    def statements(self, job_id: str) -> Sequence[StatementRun]:
        """The same of a transaction that has ended; none where there are no jobs."""
        ...
