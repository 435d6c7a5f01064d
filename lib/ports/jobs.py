"""The port to the warehouse's activity: its jobs, the layout of tables, and what queries read where that is billed.

Every call raises `SourceUnavailable` if the warehouse does not provide the information.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from threading import Lock
from typing import Protocol

from lib.consolidation.identifiers import TableName
from lib.words.brief import brief


class JobState(StrEnum):
    """The state of a job."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    GONE = "gone: its process died"


@dataclass(frozen=True)
class WarehouseJob:
    """A job of the warehouse.

    Attributes:
        job_id: Its id; that of a consolidation contains the batch and the run in the ledger.
        state: Its state; `GONE` only where a job ends with its process.
        created_at: When it was requested (UTC).
        started_at: When it left the queue (UTC); None if it has not, or if unknown.
        ended_at: When it ended (UTC); None if it has not, or if unknown.
        statement: What it does, such as ``MERGE``, ``SCRIPT`` or ``LOAD``.
        target: The table that it writes to; None if there is none, or if unknown.
        bytes_processed: Bytes that it read; None if unknown.
        slot_ms: Milliseconds of slot time; None if unknown.
        error: Why it failed; empty if it has not failed. Hostile input.
        user: Who requested it.
    """

    job_id: str
    state: JobState
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    statement: str = ""
    target: TableName | None = None
    bytes_processed: int | None = None
    slot_ms: int | None = None
    error: str = ""
    user: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it may still change something."""
        return self.state in (JobState.PENDING, JobState.RUNNING)


@dataclass(frozen=True)
class TableLayout:
    """How a table is stored.

    Attributes:
        rows: Number of rows.
        size_bytes: Bytes that a scan of all columns reads; None if unknown.
        partition_column: The column that it is partitioned by; if empty, every statement scans the whole table.
        has_partitions: Whether the warehouse supports partitions.
    """

    rows: int
    size_bytes: int | None
    partition_column: str = ""
    has_partitions: bool = True


@dataclass(frozen=True)
class QueryCost:
    """One query of a run.

    Attributes:
        statement: Its text.
        estimated_bytes: The most it would read, according to a dry run; None if reading is not billed here.
        read_bytes: What it read; None if it was refused or failed, or if reading is not billed here.
    """

    statement: str
    estimated_bytes: int | None = None
    read_bytes: int | None = None

    __repr__ = brief("statement", "estimated_bytes", "read_bytes")


class ReadBudget:
    """How many bytes may still be read, where reading is billed; shared by several readers.

    Attributes:
        most_bytes: The budget at the start.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = self._left_bytes = most_bytes
        self._lock = Lock()

    @property
    def left_bytes(self) -> int:
        """The bytes left, never below 0."""
        return self._left_bytes

    def take(self, most_bytes: int) -> int:
        """Reserve this many bytes, or what is left; return how many were reserved."""
        with self._lock:
            taken = min(most_bytes, self._left_bytes)
            self._left_bytes -= taken
        return taken

    def give_back(self, unread_bytes: int) -> None:
        """Give back reserved bytes that were not read."""
        with self._lock:
            self._left_bytes += unread_bytes


class WarehouseActivity(Protocol):
    """Read access to the warehouse's current and past activity."""

    @property
    def has_queue(self) -> bool:
        """Whether jobs may wait for others, and outlive the process that requested them."""
        ...

    def jobs(self, dataset: str, *, since: datetime) -> list[WarehouseJob]:
        """Return the jobs created since then that touch the dataset, newest first.

        Pending and running jobs are complete; ended jobs only as far as the warehouse keeps them.
        """
        ...

    def layout(self, table: TableName) -> TableLayout:
        """Return how the table is stored. Raises `TableNotFound` if it does not exist."""
        ...
