"""Nights as the services wrote them: the samples, played on an embedded platform at any moment and date."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from lib.embedded.logs import append_entries
from lib.ports.log_export import read_export
from lib.ports.logs import LogEntry

SAMPLES = Path(__file__).parent / "samples"
DIALECTS = ("a1", "a2", "b")
WORKER, COORDINATOR = "prediction-worker", "prediction-coordinator"
DAY = date(2026, 1, 17)
BATCH = "batch_2026-01-17_1768622400"
LAST = timedelta(minutes=15)


def night(dialect: str, name: str, *, day: date = DAY, batch: str = "", instance: str = "i-1") -> list[LogEntry]:
    """The lines of a sample, for another date and batch; they begin at 04:05 UTC of the day after the date."""
    entries = read_export(SAMPLES / f"{dialect}_{name}.jsonl").entries
    own = batch or BATCH.replace(str(DAY), str(day))
    return [
        replace(
            entry,
            timestamp=entry.timestamp + (day - DAY),
            message=entry.message.replace(BATCH, own).replace(str(DAY), str(day)),
            instance=instance,
        )
        for entry in entries
    ]


def delayed(entries: list[LogEntry], seconds: float, since: str) -> list[LogEntry]:
    """The same lines, where all from the first one that holds the text on come later."""
    first = next(number for number, entry in enumerate(entries) if since in entry.message)
    late = timedelta(seconds=seconds)
    return [*entries[:first], *(replace(entry, timestamp=entry.timestamp + late) for entry in entries[first:])]


def write(home: Path, *nights: list[LogEntry]) -> datetime:
    """Write the nights to the coordinator's log, and a line of the workers; the moment to look from is returned."""
    entries = sorted((entry for lines in nights for entry in lines), key=lambda entry: entry.timestamp)
    append_entries(home, COORDINATOR, entries)
    staged = [replace(lines[0], message="ready", service=WORKER) for lines in nights]
    append_entries(home, WORKER, staged)
    return entries[-1].timestamp + LAST
