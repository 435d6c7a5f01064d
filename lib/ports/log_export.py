"""Read a file of log lines as `LogEntry`: exports of Cloud Logging, JSON lines, plain text.

It reads the output of `gcloud logging read --format=json` (an array, or one object per line), our own log files,
and plain text as Python's logging writes it. The file is hostile input: parts that cannot be read are counted and
named, and reading continues. Source of the fields:
https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lib.errors import UserError
from lib.ports.logs import LogEntry

_LARGEST_BYTES = 500_000_000
_LONGEST_LINE = 1_000_000
_SHOWN = 120
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# Google's numbers: https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#LogSeverity
_SEVERITIES = {
    0: "DEFAULT",
    100: "DEBUG",
    200: "INFO",
    300: "NOTICE",
    400: "WARNING",
    500: "ERROR",
    600: "CRITICAL",
    700: "ALERT",
    800: "EMERGENCY",
}
_ARRAY = re.compile(r"\s*\[\s*(?:[\]{]|\Z)")
_BETWEEN = re.compile(r"[\s,]*")
# Day, `T` or one space, time, an optional fraction after a comma or point, an optional offset.
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?(?=[\s\]:]|\Z)", re.ASCII | re.IGNORECASE
)


@dataclass(frozen=True)
class Unread:
    """A part of the file that is not a log entry.

    Attributes:
        place: ``line 12`` or ``entry 3``.
        why: What is wrong with it, and its beginning.
    """

    place: str
    why: str


@dataclass(frozen=True)
class Export:
    """The content of a file.

    Attributes:
        entries: Its entries, oldest first. `service` is empty if the file does not name it.
        unread: Parts that could not be read, in the file's order.
        doubled: How many repeated entries (same `insertId`) were left out.
    """

    entries: tuple[LogEntry, ...]
    unread: tuple[Unread, ...]
    doubled: int = 0


def read_export(path: Path, without_time: datetime | None = None) -> Export:
    """Read a file of log lines.

    Args:
        path: The file.
        without_time: The time for plain lines at the beginning that have none; None leaves them unread.

    Raises:
        UserError: It cannot be opened, or is larger than 500 MB.
    """
    found: list[tuple[datetime, str, int, LogEntry]] = []
    unread: list[Unread] = []
    seen: set[tuple[str, ...]] = set()
    doubled = 0
    for place, part in _parts(_text(path), unread, without_time):
        entry = part if isinstance(part, LogEntry) else entry_of(part)
        if entry is None:
            unread.append(Unread(place, "it has no timestamp"))
            continue
        identity = () if isinstance(part, LogEntry) else _identity(part)
        if identity and identity in seen:
            doubled += 1
            continue
        seen.add(identity)
        found.append((entry.timestamp, identity[0] if identity else "", len(found), entry))
    return Export(_in_order(found), tuple(unread), doubled)


def _in_order(found: list[tuple[datetime, str, int, LogEntry]]) -> tuple[LogEntry, ...]:
    """Sort entries, oldest first; entries with the same time by their ids, as in Cloud Logging, or in file order.

    `gcloud logging read` writes the newest first by default.
    """
    have_ids = all(each[1] for each in found)
    backwards = bool(found) and found[0][0] > found[-1][0]
    ordered = sorted(found, key=lambda each: (each[0], each[1] if have_ids else "", -each[2] if backwards else each[2]))
    return tuple(each[-1] for each in ordered)


def entry_of(record: Mapping[str, Any]) -> LogEntry | None:
    """Return the entry that a JSON object of Cloud Logging or this library describes; None if it has no time."""
    timestamp = parse_time(record.get("timestamp")) or parse_time(record.get("receiveTimestamp"))
    if timestamp is None:
        return None
    labels, ours = _mapping(_mapping(record.get("resource")).get("labels")), _mapping(record.get("fields"))
    fields = dict(_mapping(record.get("jsonPayload")) or ours)
    return LogEntry(
        timestamp=timestamp,
        message=_message(record, fields),
        service=_word(labels.get("service_name") or record.get("service")),
        revision=_word(labels.get("revision_name") or record.get("revision")),
        instance=_word(_mapping(record.get("labels")).get("instanceId") or record.get("instance")),
        severity=_severity(record.get("severity")),
        fields=fields,
    )


def parse_time(value: object) -> datetime | None:
    """Parse an ISO 8601 time; without a zone it is UTC. None if it is not one."""
    if not isinstance(value, str) or not 10 < len(value) < 40:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def time_at_start(text: str) -> tuple[datetime, str] | None:
    """Return the time at the start of a plain text line, and the rest of the line; None if there is no time."""
    found = _TIME.match(text, 1 if text.startswith("[") else 0)
    moment = parse_time(found.group()) if found else None
    return (moment, text[found.end() :].lstrip("] ")) if found and moment else None


def _text(path: Path) -> str:
    try:
        if (size := path.stat().st_size) > _LARGEST_BYTES:
            raise UserError(f"{path} has {size:,} bytes, but at most {_LARGEST_BYTES:,} can be read; split it by time")
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    encoding = next((name for bom, name in _BOMS.items() if content.startswith(bom)), "utf-8")
    return content.decode(encoding, "replace")


def _parts(
    text: str, unread: list[Unread], without_time: datetime | None
) -> Iterator[tuple[str, Mapping[str, Any] | LogEntry]]:
    """Yield each JSON object, and each plain text line as an entry, with its place; add the rest to `unread`."""
    if _ARRAY.match(text):
        yield from _of_array(text, unread)
    elif text.lstrip()[:2] in ("{\n", "{\r"):
        yield from _objects(text, 0, unread)
    else:
        yield from _of_lines(text, unread, without_time)


def _of_array(text: str, unread: list[Unread]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from _objects(text, text.index("[") + 1, unread)


def _objects(text: str, start: int, unread: list[Unread]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield objects up to the first place that is not JSON, where a truncated export ends."""
    decoder, at, number = json.JSONDecoder(), start, 0
    while (at := _end(_BETWEEN, text, at)) < len(text) and text[at] != "]":
        number += 1
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            unread.append(Unread(f"entry {number}", f"not JSON from here on: {_begin(text[at : at + _SHOWN])}"))
            return
        if isinstance(value, dict):
            yield f"entry {number}", value
        else:
            unread.append(Unread(f"entry {number}", f"not an object: {_begin(str(value))}"))


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _of_lines(
    text: str, unread: list[Unread], at: datetime | None
) -> Iterator[tuple[str, Mapping[str, Any] | LogEntry]]:
    for number, line in enumerate(text.split("\n"), 1):
        place, line = f"line {number}", line.strip()
        if not line:
            continue
        if len(line) > _LONGEST_LINE:
            unread.append(Unread(place, f"longer than {_LONGEST_LINE:,} characters: {_begin(line)}"))
        elif line.startswith("{"):
            record = _object(line)
            if record is None:
                unread.append(Unread(place, f"not JSON: {_begin(line)}"))
                continue
            at = parse_time(record.get("timestamp")) or at
            yield place, record
        else:
            own = time_at_start(line)
            at = own[0] if own else at
            if at is None:
                unread.append(Unread(place, f"no time: {_begin(line)}"))
            else:
                yield place, LogEntry(at, _of_line(line, own), "")


def _of_line(line: str, own: tuple[datetime, str] | None) -> str:
    """Return the line as the service printed it: Cloud Logging keeps the time of a logger's own prefix in the text."""
    return own[1] if own and not own[1].startswith("- ") else line


def _object(line: str) -> Mapping[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _message(record: Mapping[str, Any], fields: dict[str, Any]) -> str:
    """Return the entry's text; in a structured entry it is one of the fields, which is removed from them."""
    if (text := record.get("textPayload") or record.get("message")) is not None:
        return _word(text)
    for name in ("message", "msg", "textPayload"):
        if isinstance(fields.get(name), str):
            return _word(fields.pop(name))
    request, proto = _mapping(record.get("httpRequest")), _mapping(record.get("protoPayload"))
    if request:
        return _word(f"HTTP {request.get('status')} {request.get('requestMethod')} {request.get('requestUrl')}")
    return _word(f"record of type {proto.get('@type')}") if proto else ""


def _severity(value: object) -> str:
    text = str(value).strip().upper() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if text.isdecimal() and len(text) < 4:
        return _SEVERITIES[max(number for number in _SEVERITIES if number <= int(text))]
    return text if text in _SEVERITIES.values() else "WARNING" if text == "WARN" else "DEFAULT"


def _identity(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what identifies an entry in Cloud Logging; empty if Cloud Logging did not write it."""
    names = ("insertId", "timestamp", "logName")
    return tuple(str(record.get(name)) for name in names) if record.get("insertId") else ()


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _word(value: object) -> str:
    """Return the value as text, without half surrogate pairs from JSON escapes, which cannot be written to a report."""
    return "" if value is None else str(value).encode("utf-8", "replace").decode()


def _begin(text: str) -> str:
    return repr(text[:_SHOWN])
