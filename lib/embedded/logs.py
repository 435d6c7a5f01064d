"""The services' logs on the embedded platform: one file of JSON lines per service.

Many processes append to one file, each line with one write. The reader streams a file and keeps only the
requested lines, so a file may be larger than memory. A line is a JSON object that begins with its timestamp;
any other line is plain text, which may begin with an ISO 8601 timestamp.
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.errors import SourceUnavailable
from lib.ports.log_export import parse_time, time_at_start
from lib.ports.logs import ERROR_SEVERITIES, LogEntry, check_service_name, is_asked_for
from lib.words.brief import brief

if TYPE_CHECKING:
    import ahocorasick

LONGEST_LINE_BYTES = 1_000_000
_OUR_TIME = re.compile(rb'\{"timestamp": "(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00)", ')
_STANDARD_FIELDS = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})


def log_path(home: Path, service: str) -> Path:
    """Return the service's log file in the state folder. Raises `SourceUnavailable` for an invalid name."""
    check_service_name(service)
    return home / "logs" / f"{service}.jsonl"


def append_entries(home: Path, service: str, entries: Iterable[LogEntry]) -> None:
    """Add entries of any age to a service's log, to stage a history."""
    append_lines(log_path(home, service), b"".join(map(encode, entries)))


def append_lines(path: Path, lines: bytes) -> None:
    """Append encoded lines to a log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # One write with O_APPEND, so that lines of several processes never mix.
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, lines)
    finally:
        os.close(file)


class JsonLinesHandler(logging.Handler):
    """Writes log records as a service would.

    The file is opened for each line, because the state folder may be moved at any time.

    Args:
        path: The service's log file; see `log_path`.
        service: Name of the service.
        revision: Name of the revision; empty if none is deployed.
    """

    def __init__(self, path: Path, *, service: str, revision: str = "") -> None:
        super().__init__()
        self.path = path
        self._service = service
        self._revision = revision
        self._has_failed = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            append_lines(self.path, encode(self._entry(record)))
        except OSError as error:
            self._complain_once(error)
        except Exception:
            self.handleError(record)

    def _entry(self, record: logging.LogRecord) -> LogEntry:
        return LogEntry(
            timestamp=datetime.fromtimestamp(record.created, UTC),
            message=record.getMessage(),
            service=self._service,
            revision=self._revision,
            instance=f"{socket.gethostname()}:{record.process}",
            severity=record.levelname,
            fields=_extra(record),
        )

    def _complain_once(self, error: OSError) -> None:
        if not self._has_failed:
            sys.stderr.write(f"the log {self.path} cannot be written: {error.strerror or error}\n")
        self._has_failed = True


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    extra = {name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS}
    if record.exc_info and record.exc_info[1] is not None:
        extra["exception"] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
    return extra


class FileLogReader:
    """A `LogReader` over the log files in the state folder."""

    __repr__ = brief()

    def __init__(self, home: Path) -> None:
        self._home = home

    def entries(
        self,
        services: Sequence[str],
        *,
        since: datetime,
        until: datetime,
        containing: Sequence[str] = (),
        or_errors: bool = False,
    ) -> Iterable[LogEntry]:
        found = [
            entry
            for service in dict.fromkeys(services)
            for entry in self._matching(service, containing, or_errors)
            if since <= entry.timestamp < until
        ]
        return sorted(found, key=lambda entry: entry.timestamp)

    def newest(self, service: str, *, since: datetime) -> datetime | None:
        moments = (_time_of(line, service) for line in read_lines(log_path(self._home, service)))
        return max((moment for moment in moments if moment and moment >= since), default=None)

    def _matching(self, service: str, containing: Sequence[str], or_errors: bool) -> Iterator[LogEntry]:
        telling = _filter_words(containing, or_errors)
        dated, at = b"", None
        for line in read_lines(log_path(self._home, service)):
            if next(telling.iter(line.decode("latin-1")), None) is None:
                dated = line if line.startswith(b"{") else dated
                continue
            entry = decode(line, service, None)
            if entry is None:  # it takes its time from the line before
                before = decode(dated, service, at)
                entry = decode(line, service, before.timestamp if before else at)
            if entry is None:
                continue
            dated, at = b"", entry.timestamp
            if is_asked_for(entry, containing, or_errors):
                yield entry


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a log, with newlines; a line longer than `LONGEST_LINE_BYTES` is split."""
    try:
        with path.open("rb") as file:
            yield from iter(lambda: file.readline(LONGEST_LINE_BYTES), b"")
    except FileNotFoundError:
        return
    except OSError as error:
        raise SourceUnavailable(f"the log {path} cannot be read: {error.strerror or error}") from error


def _time_of(line: bytes, service: str) -> datetime | None:
    """Return the time in a line; a line that this library wrote is not decoded for that."""
    if ours := _OUR_TIME.match(line):
        return parse_time(ours[1].decode())
    entry = decode(line, service, None)
    return entry.timestamp if entry else None


def _filter_words(containing: Sequence[str], or_errors: bool) -> ahocorasick.Automaton:
    """Return a filter that finds every requested line, and few others, in one pass however many words there are.

    Its words have only characters that JSON never escapes.
    """
    import ahocorasick

    words = [max(re.findall(r"[A-Za-z0-9 _.:,()=-]+", text, re.ASCII), key=len, default="") for text in containing]
    severities = sorted(ERROR_SEVERITIES) if words and or_errors else []
    found = ahocorasick.Automaton()
    # If a text has no such word, or there are no texts, every line may match.
    for word in (*words, *severities) if all(words) and words else map(chr, range(256)):
        found.add_word(word, True)
    found.make_automaton()
    return found


def encode(entry: LogEntry) -> bytes:
    """Return the entry as a line, with its newline."""
    record = {
        "timestamp": entry.timestamp.astimezone(UTC).isoformat(timespec="microseconds"),
        "severity": entry.severity,
        "message": entry.message,
        "service": entry.service,
        "revision": entry.revision,
        "instance": entry.instance,
        "fields": entry.fields,
    }
    # A lone surrogate is valid in Python's strings but not in UTF-8.
    return (json.dumps(record, ensure_ascii=False, default=str) + "\n").encode("utf-8", "replace")


def decode(line: bytes, service: str, at: datetime | None) -> LogEntry | None:
    """Return the entry of a line.

    Args:
        line: The line as read from the file.
        service: The service of the log; takes precedence over what the line says.
        at: Time of the line before, for lines without a time, such as the rest of a traceback.

    Returns:
        None if the line has no time or is empty.
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
        revision=sys.intern(_text(record.get("revision") or "")),
        instance=sys.intern(_text(record.get("instance") or "")),
        severity=sys.intern(_text(record.get("severity") or "DEFAULT")),
        fields=fields if isinstance(fields, dict) else {},
    )


def _text(value: object) -> str:
    """Replace lone surrogates, which JSON escapes allow but a report cannot contain."""
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
    own = time_at_start(text)
    timestamp, message = own or (at, text)
    return LogEntry(timestamp, message, service) if timestamp and message else None
