"""What a line of a service's log can mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from lib.ports.logs import LogEntry
from lib.words.brief import brief
from lib.words.text import text_of

_SHOWN = 160


class EventKind(StrEnum):
    """What a line means; a consolidation logs the first seven in this order."""

    ACQUIRING = "acquiring the lock"
    ACQUIRED = "lock acquired"
    MERGING = "MERGE started"
    MERGED = "MERGE complete"
    VALIDATING = "validation started"
    VALIDATED = "validation passed"
    RELEASED = "lock released"
    VALIDATION_FAILED = "validation failed"
    ACQUISITION_FAILED = "lock not acquired"
    LOST = "lock lost"
    TOOK_OVER = "expired lock taken over"
    FORCE_RELEASED = "lock released by force"
    ALREADY_DONE = "already consolidated"
    TRIGGERED = "batch complete, consolidation triggered"
    STARTING = "consolidation started"
    WAITING = "waiting for the lock"
    LOCK_SERVICE_ERROR = "lock service error"
    LOCK_DISABLED = "lock disabled"
    NOTHING_STAGED = "no staging tables found"
    MERGE_EMPTY = "MERGE affected 0 rows"
    MERGE_FAILED = "MERGE failed"
    NOT_VALIDATED = "validation could not run"
    INACTIVE_DUPLICATES = "only inactive duplicates"
    CLEANED = "staging tables dropped"
    ALREADY_RELEASED = "lock was already gone"
    NO_LOCK = "no lock to release"
    RELEASE_FAILED = "lock not released"
    CONSOLIDATED = "consolidation succeeded"
    CONSOLIDATION_FAILED = "consolidation failed"
    STAGED = "rows staged"
    STAGING_FAILED = "staging failed"
    SCHEMA_MISMATCH = "schema mismatch"
    DETAIL = "detail"


EXPECTED_ORDER = tuple(EventKind)[:7]


class CountsFrom(StrEnum):
    """When the duration in a line begins."""

    MERGE = "merge"
    START = "start"


@dataclass(frozen=True, slots=True)
class Event:
    """One line that a dialect reads.

    Attributes:
        kind: What it means.
        entry: The line.
        anchor: The words that it was recognised by.
        dialects: The dialects that recognise it, in the environment's order.
        batch_id: Empty when the line names none; for `TOOK_OVER` the former holder's.
        game_date: None when the line names none.
        rows: Rows affected by the MERGE.
        duration_ms: A duration; see `counts_from`.
        counts_from: By dialect, when `duration_ms` begins: at the MERGE, or before the wait for the lock.
        staging_tables: How many were merged.
        duplicates: Duplicate keys that the validation found.
        waited_seconds: How long the run waited for the lock, if the line names it.
        columns: Columns that the line names. Hostile input.
    """

    kind: EventKind
    entry: LogEntry
    anchor: str = ""
    dialects: tuple[str, ...] = ()
    batch_id: str = ""
    game_date: date | None = None
    rows: int | None = None
    duration_ms: float | None = None
    counts_from: Mapping[str, CountsFrom] = field(default_factory=dict)
    staging_tables: int | None = None
    duplicates: int | None = None
    waited_seconds: float | None = None
    columns: tuple[str, ...] = ()

    __repr__ = brief("kind", "at", "batch_id")

    @property
    def in_words(self) -> str:
        """``MERGE failed: BadRequest error in MERGE: 400 ...``: its meaning, and the line from its anchor on."""
        begin = self.entry.message.find(self.anchor)
        return f"{self.kind}: {text_of(self.entry.message[begin : begin + _SHOWN])}"

    @property
    def at(self) -> datetime:
        return self.entry.timestamp
