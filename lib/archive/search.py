"""Finds runs by their properties and by words in their results."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from lib.archive.archive import Archive, DamagedRun, Run
from lib.archive.record import RUN_ID_MOMENT, RunRecord
from lib.archive.ruled_out import as_written, can_hold
from lib.verdict.verdict import Verdict
from lib.words.quantities import spoken

_AROUND_CHARS = 40


@dataclass(frozen=True)
class Selection:
    """Selects runs by the properties that are set.

    Attributes:
        verdict: The verdict as shown now.
        since: Earliest start (UTC), inclusive.
        until: Latest start (UTC), exclusive.
        has_changed: Only runs that changed something, or may have.
    """

    runbook: str = ""
    environment: str = ""
    verdict: Verdict | None = None
    since: datetime | None = None
    until: datetime | None = None
    has_changed: bool = False

    def runs(
        self, archive: Archive, may_matter: Callable[[bytes], bool] = lambda _: True
    ) -> Iterator[Run | DamagedRun]:
        """Yield the selected runs, newest first, reading each when it is needed and not ruled out by its bytes.

        Unreadable runs are included unless `verdict` or `has_changed` is set.
        """
        folder = f"{self.environment}/{self.runbook}" if self.environment and self.runbook else self.environment
        for place in filter(self._may_be, archive.places(folder)):
            run = archive.read_if(place, may_matter)
            if run and self._fits(run):
                yield run

    def _may_be(self, place: str) -> bool:
        environment, runbook, run_id = place.split("/")
        return (
            self.environment in ("", environment)
            and self.runbook in ("", runbook)
            and (self.since is None or run_id[:_MOMENT] >= f"{self.since:{RUN_ID_MOMENT}}")
            and (self.until is None or run_id[:_MOMENT] <= f"{self.until:{RUN_ID_MOMENT}}")
        )

    def _fits(self, run: Run | DamagedRun) -> bool:
        if isinstance(run, DamagedRun):
            return self.verdict is None and not self.has_changed
        started_at = run.record.started_at
        return (
            self.verdict in (None, run.record.verdict)
            and (self.since is None or started_at >= self.since)
            and (self.until is None or started_at < self.until)
            and (not self.has_changed or bool(run.record.changed))
        )


_MOMENT = 16  # its length


class Hit(NamedTuple):
    """A word found: the field of the record, such as ``headline`` or ``next step``, and the text around the word."""

    field: str
    text: str


def searched(archive: Archive, selection: Selection, text: str, limit: int) -> tuple[list[tuple[Run, list[Hit]]], int]:
    """Return the first `limit` runs that contain every word, with the hits, and the number of unreadable runs."""
    found: list[tuple[Run, list[Hit]]] = []
    damaged = 0
    for run in selection.runs(archive, can_hold(text)):
        if isinstance(run, DamagedRun):
            damaged += 1
        elif where := hits(run.record, text):
            found.append((run, where))
            if len(found) == limit:
                break
    return found, damaged


def hits(record: RunRecord, text: str) -> list[Hit]:
    """Find words in a run's results, ignoring case; all of them must be there.

    Returns:
        The first hit of each word; empty if a word is missing or there are no words.
    """
    fields = list(_fields(record))
    patterns = [re.compile(as_written(word), re.IGNORECASE) for word in text.split()]
    whole = "\n".join(value for _, value in fields)  # no word contains a newline
    if not all(pattern.search(whole) for pattern in patterns):
        return []
    return list(dict.fromkeys(_first(pattern, fields) for pattern in patterns))


def _first(pattern: re.Pattern[str], fields: Iterable[tuple[str, str]]) -> Hit:
    return next(Hit(name, _around(match)) for name, value in fields if (match := pattern.search(value)))


def _around(match: re.Match[str]) -> str:
    whole, start, end = match.string, max(0, match.start() - _AROUND_CHARS), match.end() + _AROUND_CHARS
    cut = " ".join(whole[start:end].split())
    return f"{'…' if start else ''}{cut}{'…' if end < len(whole) else ''}"


def _fields(record: RunRecord) -> Iterator[tuple[str, str]]:
    yield "headline", record.headline
    for check in record.checks:
        yield "check", f"{check.name}: {check.summary}"
        for label, value in check.evidence.items():
            yield "evidence", f"{check.name}: {label}: {spoken(value)}"
        yield "next step", f"{check.name}: {check.next_step}"
        for command in (*check.commands, *check.changes):
            yield "command", command
    yield from _fields_of_changes(record)
    if record.error:
        yield "error", f"{record.error.name} in {record.error.cell}: {record.error.message}"
    for name, value in record.parameters.items():
        yield "parameter", f"{name}={value}"
    for line in record.notifications:
        yield "notification", line
    for name in ("title", "runbook", "environment", "run_id", "status", "who", "host"):
        yield name, str(getattr(record, name))


def _fields_of_changes(record: RunRecord) -> Iterator[tuple[str, str]]:
    for change in record.changed:
        yield "change", f"{change.action} of {change.target}: {change.what}"
        yield "change", f"{change.actor}: {change.reason}"
        yield "undo", change.undo or change.note
