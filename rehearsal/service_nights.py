"""Nights as the services logged them, replayed on an embedded platform for any date.

``data/nights`` holds them as Cloud Logging exports them: one consolidation each, in each of the services' dialects,
with made-up figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

from lib.ports.log_export import read_export
from lib.ports.logs import LogEntry

NIGHTS = Path(__file__).parent / "data" / "nights"
DIALECTS = ("a1", "a2", "b")
WORKER, COORDINATOR = "prediction-worker", "prediction-coordinator"
DAY = date(2026, 1, 17)
BATCH = "batch_2026-01-17_1768622400"
ROWS = 587
_LOOKED_AT_AFTER = timedelta(minutes=15)

Night = Sequence[LogEntry]


def night(dialect: str, name: str, *, day: date = DAY, batch: str = "", instance: str = "i-1") -> list[LogEntry]:
    """Return a night's lines for another date and batch; they begin at 04:05 UTC on the next day.

    Args:
        dialect: The dialect of the lines.
        name: The stored night.
        day: The date.
        batch: The batch; by default the stored one with the date replaced.
        instance: The instance that logs the lines.
    """
    own = batch or BATCH.replace(str(DAY), str(day))
    return [
        replace(
            entry,
            timestamp=entry.timestamp + (day - DAY),
            message=entry.message.replace(BATCH, own).replace(str(DAY), str(day)),
            instance=instance,
        )
        for entry in _stored(dialect, name)
    ]


@cache
def _stored(dialect: str, name: str) -> Sequence[LogEntry]:
    return read_export(NIGHTS / f"{dialect}_{name}.jsonl").entries


def delayed(entries: Night, seconds: float, since: str = "") -> list[LogEntry]:
    """Return the same lines, some of them delayed.

    Args:
        entries: The lines.
        seconds: The delay.
        since: Text of the first line that is delayed; all later lines are delayed too.
    """
    first = position(entries, since)
    late = timedelta(seconds=seconds)
    return [*entries[:first], *(replace(entry, timestamp=entry.timestamp + late) for entry in entries[first:])]


def position(entries: Night, text: str) -> int:
    """Return the index of the first line that contains the text."""
    return next(number for number, entry in enumerate(entries) if text in entry.message)


def killed(entries: Night) -> list[LogEntry]:
    """Return the same lines up to the start of the MERGE."""
    return list(entries[: 1 + position(entries, "Executing")])


def printed(entries: Night) -> list[LogEntry]:
    """Return only the lines that the coordinator prints, which were all that was collected for two weeks."""
    return [entry for entry in entries if any(word in entry.message for word in ("Triggering", "Starting", "SUCCESS"))]


def one_of_twelve_gave_up(dialect: str) -> list[Night]:
    """Return twelve consolidations of a date, ten minutes apart; the first did not get the lock."""
    others = [
        delayed(night(dialect, "clean", batch=f"{BATCH}{number}", instance=f"i-{number}"), 600 * number)
        for number in range(1, 12)
    ]
    return [night(dialect, "lock_not_acquired"), *others]


def write(home: Path, nights: Iterable[Night]) -> datetime:
    """Write the nights to the services' logs in the state folder. Returns the time to look from."""
    from lib.embedded.logs import append_entries

    entries = sorted((entry for lines in nights for entry in lines), key=lambda entry: entry.timestamp)
    append_entries(home, COORDINATOR, entries)
    append_entries(home, WORKER, [replace(entries[0], message="ready", service=WORKER)])
    return entries[-1].timestamp + _LOOKED_AT_AFTER
