"""Exports of logs into the log files of the embedded platform: each line once, however often it is imported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from lib.embedded.logs import LONGEST_LINE_BYTES, append_lines, decode, encode, log_path, read_lines
from lib.errors import SourceUnavailable, UserError
from lib.ports.log_export import read_export
from lib.ports.logs import LogEntry, check_service_name

_MOST_SERVICES = 100
_LINES_A_WRITE = 1_000
# How each encoded line begins.
_TIME_BYTES = len('{"timestamp": "2026-01-17T12:00:00.000000+00:00"')
_YEARS = range(1970, 9998)  # those that a runbook can look from


@dataclass(frozen=True)
class UnreadLine:
    """What is not a log line, or cannot be kept as one: in which file, where in it, and why."""

    file: Path
    place: str
    why: str

    def __str__(self) -> str:
        return f"{self.file}, {self.place}: {self.why}" if self.place else self.why


@dataclass(frozen=True)
class ServiceLines:
    """What was imported of one service.

    Attributes:
        added: Lines that its log did not hold.
        known: Lines that it held already.
        first: The time of the oldest line in the files (UTC).
        last: The time of the newest (UTC).
    """

    added: int
    known: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class LogImport:
    """What was imported.

    Attributes:
        services: By name.
        unread: What could not be, in the order of the files.
        doubled: Entries that a file holds more than once, by their `insertId`; imported once.
        without_service: Lines that name no service, and were taken for those of the one that was given.
    """

    services: dict[str, ServiceLines]
    unread: tuple[UnreadLine, ...]
    doubled: int
    without_service: int


def import_logs(home: Path, files: Sequence[Path], *, service: str) -> LogImport:
    """Add the lines of the files to the logs below the state folder.

    A line that two files hold, or a file and the log, is one line; one that a file holds twice without an `insertId`
    counts as two.

    Args:
        home: The state folder.
        files: As `read_export` reads them.
        service: Whose lines those are that name no service.

    Raises:
        UserError: Nothing in the files could be read, or `service` is not a service's name; nothing was imported.
        SourceUnavailable: A log cannot be read.
    """
    try:
        check_service_name(service)
    except SourceUnavailable as error:
        raise UserError(f"nothing was imported: {error}") from error
    collected = _Collected(service)
    for file in files:
        collected.add(file)
    if not collected.lines:
        why = next(map(str, collected.unread), f"{files[0]} has no lines")
        raise UserError(f"nothing was imported: {why}")
    return LogImport(
        {name: _imported(home, name, lines) for name, lines in sorted(collected.lines.items())},
        tuple(collected.unread),
        collected.doubled,
        collected.without_service,
    )


class _Collected:
    """The encoded lines of several files, by service, with how often the file that has a line most has it."""

    def __init__(self, service: str) -> None:
        self._service = service
        self.lines: dict[str, Counter[bytes]] = {}
        self.unread: list[UnreadLine] = []
        self.doubled = 0
        self.without_service = 0

    def add(self, file: Path) -> None:
        try:
            export = read_export(file)
        except UserError as error:
            self.unread.append(UnreadLine(file, "", str(error)))
            return
        self.unread.extend(UnreadLine(file, part.place, part.why) for part in export.unread)
        self.doubled += export.doubled
        found: dict[str, Counter[bytes]] = {}
        for entry in export.entries:
            self.without_service += not entry.service
            named = replace(entry, service=entry.service or self._service)
            if line := self._line(file, named):
                found.setdefault(named.service, Counter())[line] += 1
        for name, lines in found.items():
            self.lines[name] = self.lines.get(name, Counter()) | lines

    def _line(self, file: Path, entry: LogEntry) -> bytes:
        """As the log holds it; empty, with the reason on record, if it cannot."""
        try:
            check_service_name(entry.service)
            if entry.service not in self.lines and len(self.lines) >= _MOST_SERVICES:
                raise SourceUnavailable(f"{entry.service}: at most {_MOST_SERVICES} services are imported at once")
            if entry.timestamp.year not in _YEARS:
                raise SourceUnavailable(f"its time is outside the years {_YEARS[0]} to {_YEARS[-1]}")
            line = encode(entry)
            if len(line) >= LONGEST_LINE_BYTES:
                raise SourceUnavailable(f"longer than {LONGEST_LINE_BYTES:,} bytes")
        except (SourceUnavailable, RecursionError) as error:
            self.unread.append(UnreadLine(file, f"entry of {entry.timestamp}", str(error)))
            return b""
        return line


def _imported(home: Path, service: str, lines: Counter[bytes]) -> ServiceLines:
    path = log_path(home, service)
    there = Counter(line for line in read_lines(path) if line in lines)
    # By time alone: the lines of one moment stay in the order in which they were read.
    missing = sorted((lines - there).elements(), key=lambda line: line[:_TIME_BYTES])
    for start in range(0, len(missing), _LINES_A_WRITE):
        append_lines(path, b"".join(missing[start : start + _LINES_A_WRITE]))
    first, last = _times(service, (min(lines), max(lines)))
    return ServiceLines(len(missing), lines.total() - len(missing), first, last)


def _times(service: str, lines: Sequence[bytes]) -> Iterator[datetime]:
    entries = (decode(line, service, None) for line in lines)
    return (entry.timestamp for entry in entries if entry)
