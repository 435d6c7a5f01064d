"""One line of a log file: how it is written and what is made of a line read back.

A line is a JSON object that begins with its timestamp. Any other line is taken as plain
text; it may begin with an ISO 8601 timestamp.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lib.ports.logs import LogEntry


def encode(entry: LogEntry) -> bytes:
    """The line, its end included."""
    record = {
        "timestamp": entry.timestamp.astimezone(UTC).isoformat(timespec="microseconds"),
        "severity": entry.severity,
        "message": entry.message,
        "service": entry.service,
        "revision": entry.revision,
        "instance": entry.instance,
        "fields": entry.fields,
    }
    # A lone surrogate is text in Python and none in UTF-8.
    return (json.dumps(record, ensure_ascii=False, default=str) + "\n").encode("utf-8", "replace")


def decode(line: bytes, service: str, at: datetime | None) -> LogEntry | None:
    """The entry of a line.

    Args:
        line: As read from the file.
        service: Whose log it is, whatever the line says.
        at: The time of the line before; a line without a time of its own, such as the
            rest of a traceback, has the same.

    Returns:
        None when the line has no time, or is empty.
    """
    text = line.decode("utf-8", "replace").strip()
    record = _json_object(text)
    if record is None:
        return _plain(text, service, at)
    timestamp = parse_time(record.get("timestamp")) or at
    if timestamp is None:
        return None
    fields = record.get("fields")
    return LogEntry(
        timestamp=timestamp,
        message=_text(record.get("message", "")),
        service=service,
        revision=_text(record.get("revision") or ""),
        instance=_text(record.get("instance") or ""),
        severity=_text(record.get("severity") or "DEFAULT"),
        fields=fields if isinstance(fields, dict) else {},
    )


def _text(value: object) -> str:
    """An escape in JSON may be half a surrogate pair, which no report could be written with."""
    return str(value).encode("utf-8", "replace").decode()


def _json_object(text: str) -> Mapping[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _plain(text: str, service: str, at: datetime | None) -> LogEntry | None:
    first, _, rest = text.partition(" ")
    own = parse_time(first)
    timestamp, message = (own, rest) if own else (at, text)
    return LogEntry(timestamp, message, service) if timestamp and message else None


def parse_time(value: object) -> datetime | None:
    """An ISO 8601 moment; without a zone it is UTC. None when it is none."""
    if not isinstance(value, str) or not 10 < len(value) < 40:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
