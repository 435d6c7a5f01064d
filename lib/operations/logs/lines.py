"""The guide's log lines, read back as events.

Lines are recognised by the guide's words, wherever they stand: the emoji before them may be
missing or garbled, and services add their own prefixes. A line is hostile input: it is
cut, only matched, and never run through a pattern that could blow up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from lib.ports.logs import ERROR_SEVERITIES, LogEntry
from lib.words.dates import iso_date


class EventKind(StrEnum):
    """What a line tells; the first seven in the order that the guide expects."""

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


EXPECTED_ORDER = tuple(EventKind)[:7]

# The words of lib.locking and lib.consolidation, and of the guide.
ANCHORS: Mapping[str, EventKind] = {
    "Acquiring consolidation lock": EventKind.ACQUIRING,
    "Acquired consolidation lock": EventKind.ACQUIRED,
    "Executing MERGE": EventKind.MERGING,
    "MERGE complete": EventKind.MERGED,
    "Running post-consolidation validation": EventKind.VALIDATING,
    "Post-consolidation validation PASSED": EventKind.VALIDATED,
    "POST-CONSOLIDATION VALIDATION FAILED": EventKind.VALIDATION_FAILED,
    "Released consolidation lock": EventKind.RELEASED,
    "Lock acquisition failed": EventKind.ACQUISITION_FAILED,
    "Cannot acquire consolidation lock": EventKind.ACQUISITION_FAILED,
    "Lost consolidation lock": EventKind.LOST,
    "Taking over expired consolidation lock": EventKind.TOOK_OVER,
    "Force-released consolidation lock": EventKind.FORCE_RELEASED,
    "is already consolidated": EventKind.ALREADY_DONE,
}
ERROR_WORDS = ("ERROR", "CRITICAL", "Traceback (most recent call last)", "Exception")

_LONGEST_MESSAGE = 4_000
_LONGEST_WAIT_MS = 1e12
_COPIES_WITHIN = timedelta(seconds=0.1)
_RETOLD_WITHIN = timedelta(seconds=5)
_WARNED = frozenset(tuple(EventKind)[7:12])
_LINE = re.compile("|".join(map(re.escape, ANCHORS)))
_BATCH = re.compile(r"(?:batch=|Batch )([A-Za-z0-9_-]{1,128})", re.ASCII)
_GAME_DATE = re.compile(r"(?:game_date=|consolidation_[A-Za-z0-9_]{0,200}?)(\d{4}-\d{2}-\d{2})", re.ASCII)
_ROWS = re.compile(r"(\d{1,12}) rows affected", re.ASCII)
_DURATION_MS = re.compile(r"in (\d{1,12}(?:\.\d{1,9})?)ms", re.ASCII)
_STAGING_TABLES = re.compile(r"with (\d{1,9}) staging tables", re.ASCII)
_DUPLICATES = re.compile(r"(\d{1,12}) duplicate", re.ASCII)
_WAITED_SECONDS = re.compile(r"\(waited (\d{1,9}(?:\.\d{1,9})?)s\)", re.ASCII)
_LOCK_SERVICE = re.compile(r"firestore|consolidation_lock|heartbeat of consolidation|lock (?:file|service|store)", re.I)
_REFUSAL = re.compile(r"quota exceeded|resource.?exhausted|permission.?denied|insufficient permissions", re.I)
_FAULT = re.compile(r"quota|unavailable|failed|cannot be used", re.I)
# An image without the client library is a fault of the deployment: the lock service was never asked.
_NOT_INSTALLED = re.compile(r"ModuleNotFoundError|ImportError")


@dataclass(frozen=True)
class Event:
    """One recognised line.

    Attributes:
        kind: What it tells.
        entry: The line.
        batch_id: Empty when the line names none; for `TOOK_OVER` the former holder's.
        game_date: None when the line names none.
        rows: Rows affected by the MERGE.
        duration_ms: Duration of the MERGE, in milliseconds.
        staging_tables: How many were merged.
        duplicates: Duplicate keys that the validation found.
        waited_seconds: How long the lock was waited for, where the line tells.
    """

    kind: EventKind
    entry: LogEntry
    batch_id: str = ""
    game_date: date | None = None
    rows: int | None = None
    duration_ms: float | None = None
    staging_tables: int | None = None
    duplicates: int | None = None
    waited_seconds: float | None = None

    @property
    def at(self) -> datetime:
        return self.entry.timestamp


def parse_event(entry: LogEntry) -> Event | None:
    """The event that the line tells of; None: it is none of the guide's lines."""
    message = entry.message[:_LONGEST_MESSAGE]
    found = _LINE.search(message)
    if found is None:
        return None
    batches = _BATCH.findall(message)
    kind = ANCHORS[found.group()]
    # "… is held by batch X … (batch=Y)": whose line it is stands at its end.
    own = -1 if kind is EventKind.ACQUISITION_FAILED else 0
    return Event(
        kind=kind,
        entry=entry,
        batch_id=batches[own] if batches else "",
        game_date=_game_date(message),
        rows=_integer(_ROWS, message),
        duration_ms=_number(_DURATION_MS, message),
        staging_tables=_integer(_STAGING_TABLES, message),
        duplicates=_integer(_DUPLICATES, message),
        waited_seconds=_waited_seconds(entry, message),
    )


def parse_events(entries: Iterable[LogEntry]) -> list[Event]:
    """The events among the lines, in their order; what is told twice counts once."""
    events = (event for entry in without_copies(entries) if (event := parse_event(entry)))
    return list(_each_failure_once(events))


def _each_failure_once(events: Iterable[Event]) -> Iterator[Event]:
    """The lock says that it could not be acquired, and then its caller does, in other words."""
    told: dict[tuple[str, str], Event] = {}
    for event in events:
        source = (event.entry.service, event.entry.instance)
        if event.kind is EventKind.ACQUIRING:
            told.pop(source, None)
        elif event.kind is EventKind.ACQUISITION_FAILED:
            before = told.pop(source, None)
            if before is not None and _is_retold(before, event):
                continue
            told[source] = event
        yield event


def _is_retold(before: Event, event: Event) -> bool:
    if event.at - before.at > _RETOLD_WITHIN or _words(before.entry) == _words(event.entry):
        return False
    return before.batch_id == event.batch_id or not (before.batch_id and event.batch_id)


def _words(entry: LogEntry) -> str:
    found = _LINE.search(entry.message[:_LONGEST_MESSAGE])
    return found.group() if found else ""


def without_copies(entries: Iterable[LogEntry]) -> Iterator[LogEntry]:
    """The lines, each warning once: services write those to stdout and to stderr, two copies of each."""
    last_seen: dict[tuple[str, str, str], datetime] = {}
    for entry in entries:
        if is_warning(entry):
            line = (entry.service, entry.instance, entry.message)
            before = last_seen.pop(line, None)
            if before is not None and entry.timestamp - before <= _COPIES_WITHIN:
                continue
            last_seen[line] = entry.timestamp
        yield entry


def is_warning(entry: LogEntry) -> bool:
    """Whether the line was logged as a warning or worse, by severity or by its words."""
    words = _words(entry)
    told = bool(words) and ANCHORS[words] in _WARNED
    return told or entry.severity == "WARNING" or is_error(entry)


def is_error(entry: LogEntry) -> bool:
    """Whether the line is an error, by severity or, in plain text lines, by its words."""
    if entry.severity in ERROR_SEVERITIES:
        return True
    return entry.severity == "DEFAULT" and any(word in entry.message[:_LONGEST_MESSAGE] for word in ERROR_WORDS)


def is_lock_service_error(entry: LogEntry) -> bool:
    """Whether the line tells that the lock service refused or did not answer (quota, permission).

    That a lock is held by another is no error of the lock service.
    """
    message = entry.message[:_LONGEST_MESSAGE]
    if (found := _LINE.search(message)) and ANCHORS[found.group()] is EventKind.ACQUISITION_FAILED:
        message = message if "is held by" not in message else ""
    if not _LOCK_SERVICE.search(message) or _NOT_INSTALLED.search(message):
        return False
    # Services write plain text without a severity; a refusal is one whatever it was logged as.
    return bool(_REFUSAL.search(message)) or (is_warning(entry) and bool(_FAULT.search(message)))


def _game_date(message: str) -> date | None:
    for text in _GAME_DATE.findall(message):
        try:
            return iso_date(text)
        except ValueError:
            continue
    return None


def _integer(pattern: re.Pattern[str], message: str) -> int | None:
    found = pattern.search(message)
    return int(found.group(1)) if found else None


def _number(pattern: re.Pattern[str], message: str) -> float | None:
    found = pattern.search(message)
    return float(found.group(1)) if found else None


def _waited_seconds(entry: LogEntry, message: str) -> float | None:
    waited_ms = entry.fields.get("waited_ms")
    # A field is as little to be trusted as a line: NaN fits in no range, and a number may have any size.
    if isinstance(waited_ms, int | float) and not isinstance(waited_ms, bool) and 0 <= waited_ms < _LONGEST_WAIT_MS:
        return waited_ms / 1000
    return _number(_WAITED_SECONDS, message)
