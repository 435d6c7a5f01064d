"""Imports log exports into the log files of the embedded platform; importing a line again changes nothing."""

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
# Each encoded line begins with its time.
_TIME_BYTES = len('{"timestamp": "2026-01-17T12:00:00.000000+00:00"')
_YEARS = range(1970, 9998)  # the years that runbooks can handle


@dataclass(frozen=True)
class UnreadLine:
    """A part of a file that was not imported, with its file, place and reason."""

    file: Path
    place: str
    why: str

    def __str__(self) -> str:
        return f"{self.file}, {self.place}: {self.why}" if self.place else self.why


@dataclass(frozen=True)
class ServiceLines:
    """The imported lines of one service.

    Attributes:
        added: Number of lines added to its log.
        known: Number of lines that its log had already.
        first: Time of the oldest line in the files (UTC).
        last: Time of the newest line in the files (UTC).
    """

    added: int
    known: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class LogImport:
    """The result of an import.

    Attributes:
        services: The lines of each service, ordered by name.
        unread: Parts that could not be imported, in the order of the files.
        doubled: Number of entries that a file repeats with the same `insertId`; each is imported once.
        without_service: Number of lines without a service, which were assigned to the given one.
    """

    services: dict[str, ServiceLines]
    unread: tuple[UnreadLine, ...]
    doubled: int
    without_service: int


def import_logs(home: Path, files: Sequence[Path], *, service: str) -> LogImport:
    """Add the lines of the files to the logs in the state folder.

    A line in two files, or in a file and the log, is one line. A line that one file repeats without an `insertId`
    counts as two.

    Args:
        home: The state folder.
        files: Files that `read_export` can read.
        service: The service of lines that name none.

    Raises:
        UserError: No line could be read, or `service` is not a valid name; nothing was imported.
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
    """The encoded lines of several files by service, each with its largest count in one file."""

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
        """Return the line for the log; if that is impossible, record the reason and return nothing."""
        try:
            check_service_name(entry.service)
            if entry.service not in self.lines and len(self.lines) >= _MOST_SERVICES:
                raise SourceUnavailable(f"{entry.service}: only {_MOST_SERVICES} services can be imported at once")
            if entry.timestamp.year not in _YEARS:
                raise SourceUnavailable(f"its time is not in the years {_YEARS[0]} to {_YEARS[-1]}")
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
    # Sort by time only, so that lines of the same time stay in the order in which they were read.
    missing = sorted((lines - there).elements(), key=lambda line: line[:_TIME_BYTES])
    for start in range(0, len(missing), _LINES_A_WRITE):
        append_lines(path, b"".join(missing[start : start + _LINES_A_WRITE]))
    first, last = _times(service, (min(lines), max(lines)))
    return ServiceLines(len(missing), lines.total() - len(missing), first, last)


def _times(service: str, lines: Sequence[bytes]) -> Iterator[datetime]:
    entries = (decode(line, service, None) for line in lines)
    return (entry.timestamp for entry in entries if entry)
