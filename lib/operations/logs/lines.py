"""Parses the services' log lines into events.

Services add prefixes, and write each warning to stdout and to stderr. A line is hostile input: it is truncated, and
matched only by patterns whose cost is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from lib.operations.logs.dialects import LONGEST_MESSAGE, Dialects
from lib.operations.logs.events import Event, EventKind
from lib.ports.logs import ERROR_SEVERITIES, LogEntry

ERROR_WORDS = ("ERROR", "CRITICAL", "Traceback (most recent call last)", "Exception")

_COPIES_WITHIN = timedelta(seconds=0.1)
# Services log these as warnings or errors, whatever the line's severity.
_WARNED = frozenset(
    {
        EventKind.VALIDATION_FAILED,
        EventKind.ACQUISITION_FAILED,
        EventKind.LOST,
        EventKind.TOOK_OVER,
        EventKind.FORCE_RELEASED,
        EventKind.LOCK_SERVICE_ERROR,
        EventKind.MERGE_EMPTY,
        EventKind.MERGE_FAILED,
        EventKind.NOT_VALIDATED,
        EventKind.NOTHING_STAGED,
        EventKind.STAGING_FAILED,
        EventKind.SCHEMA_MISMATCH,
    }
)
# A line with this meaning is not an error, whatever its severity: another line reports the cause.
_NO_ERROR = frozenset({EventKind.DETAIL, EventKind.WAITING})
# The prefixes of Python's logging: `asctime - module - LEVEL - `, or `LEVEL:module:` by default.
_PREFIX = re.compile(
    r"(?:\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[,.]\d{1,9}+)?+ - [\w.]{1,200}+ - )?+"
    r"(DEBUG|INFO|WARNING|ERROR|CRITICAL)(?: - |:[\w.]{1,200}+:)",
    re.ASCII,
)
_LOCK_SERVICE = re.compile(r"firestore|consolidation_lock|heartbeat of consolidation|lock (?:file|service|store)", re.I)
_REFUSAL = re.compile(r"quota exceeded|resource.?exhausted|permission.?denied|insufficient permissions", re.I)
_FAULT = re.compile(r"quota|unavailable|failed|cannot be used", re.I)
# A missing client library is a fault of the deployment: the lock service was never called.
_NOT_INSTALLED = re.compile(r"ModuleNotFoundError|ImportError")


def parse_events(entries: Iterable[LogEntry], dialects: Dialects) -> list[Event]:
    """Return the events in the lines, in order; a warning that was written twice counts once."""
    return [event for entry in without_copies(entries, dialects) if (event := dialects.event(entry))]


def without_copies(entries: Iterable[LogEntry], dialects: Dialects) -> Iterator[LogEntry]:
    """Yield the lines, each warning once: services write warnings to both stdout and stderr."""
    last_seen: dict[tuple[str, str, str], datetime] = {}
    for entry in entries:
        if is_warning(entry, dialects):
            line = (entry.service, entry.instance, entry.message)
            before = last_seen.pop(line, None)
            if before is not None and entry.timestamp - before <= _COPIES_WITHIN:
                continue
            last_seen[line] = entry.timestamp
        yield entry


def level_of(entry: LogEntry) -> str:
    """Return the line's severity; for a plain text line, the level in its prefix, else ``DEFAULT``."""
    found = _PREFIX.match(entry.message) if entry.severity == "DEFAULT" else None
    return found[1] if found else entry.severity


def without_prefix(message: str) -> str:
    """Return the line without the time, module and level that a logger writes before it."""
    found = _PREFIX.match(message)
    return message[found.end() :] if found else message


def is_warning(entry: LogEntry, dialects: Dialects) -> bool:
    """Whether the line is a warning or worse, by its severity or its words."""
    if level_of(entry) == "WARNING" or _says_error(entry):
        return True
    found = dialects.found(entry.message)
    return found is not None and found[1] in _WARNED


def is_error(entry: LogEntry, dialects: Dialects) -> bool:
    """Whether the line is an error, by its severity or, for plain text, by its prefix or words."""
    if not _says_error(entry):
        return False
    found = dialects.found(entry.message)
    return found is None or found[1] not in _NO_ERROR


def _says_error(entry: LogEntry) -> bool:
    level = level_of(entry)
    if level == "DEFAULT":
        return any(word in entry.message[:LONGEST_MESSAGE] for word in ERROR_WORDS)
    return level in ERROR_SEVERITIES


def is_lock_service_error(entry: LogEntry, dialects: Dialects) -> bool:
    """Whether the line reports that the lock service refused or did not answer (quota, permission).

    A lock that another run holds is not an error of the lock service.
    """
    message, found = entry.message[:LONGEST_MESSAGE], dialects.found(entry.message)
    kind = found[1] if found else None
    if kind is EventKind.LOCK_SERVICE_ERROR:
        return True
    if kind is EventKind.WAITING or not _LOCK_SERVICE.search(message) or _NOT_INSTALLED.search(message):
        return False
    if kind is EventKind.ACQUISITION_FAILED:
        return bool(_REFUSAL.search(message)) and "is held by" not in message
    # Services write plain text without a severity; a refusal counts whatever its severity.
    return bool(_REFUSAL.search(message)) or (is_warning(entry, dialects) and bool(_FAULT.search(message)))
