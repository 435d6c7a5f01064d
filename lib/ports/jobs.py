"""The port to the warehouse's own work: its jobs, how a table is laid out, and what queries read where that is billed.

Every call raises `SourceUnavailable` when the warehouse does not tell.
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
    """How far a job has come."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    GONE = "gone: its process died"


@dataclass(frozen=True)
class WarehouseJob:
    """A piece of work of the warehouse.

    Attributes:
        job_id: Its id; a consolidation's holds the batch and the run of the ledger.
        state: How far it has come. `GONE` only where work dies with its process.
        created_at: When it was asked for (UTC).
        started_at: When it left the queue (UTC); None: not yet, or not told.
        ended_at: When it ended (UTC); None: not yet, or not told.
        statement: What it does, such as ``MERGE``, ``SCRIPT`` or ``LOAD``.
        target: The table that it writes to; None: none, or not told.
        bytes_processed: Bytes that it read; None: not told.
        slot_ms: Milliseconds of slot time; None: not told.
        error: Why it failed; empty: it did not, or has not ended. Hostile input.
        user: Who asked for it.
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
        size_bytes: Bytes that a scan of all columns reads; None: not told.
        partition_column: The column that it is partitioned by; empty: a statement scans all of it.
        has_partitions: Whether the warehouse knows partitions at all.
    """

    rows: int
    size_bytes: int | None
    partition_column: str = ""
    has_partitions: bool = True


@dataclass(frozen=True)
class QueryCost:
    """One query that a run asked.

    Attributes:
        statement: Its text.
        estimated_bytes: What a dry run said that it would read at most; None: reading is not billed here.
        read_bytes: What it read; None: it was refused or failed, or reading is not billed here.
    """

    statement: str
    estimated_bytes: int | None = None
    read_bytes: int | None = None

    __repr__ = brief("statement", "estimated_bytes", "read_bytes")


class ReadBudget:
    """How many bytes may still be read, by all that share it and where reading is billed.

    Attributes:
        most_bytes: How many at the start.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = self._left_bytes = most_bytes
        self._lock = Lock()

    @property
    def left_bytes(self) -> int:
        """Never below 0."""
        return self._left_bytes

    def take(self, most_bytes: int) -> int:
        """Set aside so many bytes, or what is left of them; returns how many."""
        with self._lock:
            taken = min(most_bytes, self._left_bytes)
            self._left_bytes -= taken
        return taken

    def give_back(self, unread_bytes: int) -> None:
        """What was set aside and not read."""
        with self._lock:
            self._left_bytes += unread_bytes


class WarehouseActivity(Protocol):
    """Read access to what the warehouse does and has done."""

    @property
    def has_queue(self) -> bool:
        """Whether jobs of others may stand in the way, and outlive who asked for them."""
        ...

    def jobs(self, dataset: str, *, since: datetime) -> list[WarehouseJob]:
        """Jobs created since then that touch the dataset, newest first.

        Those that are pending or running are all there; of those that have ended, as many
        as the warehouse remembers.
        """
        ...

    def layout(self, table: TableName) -> TableLayout:
        """How the table is stored. Raises `TableNotFound` when there is none."""
        ...
