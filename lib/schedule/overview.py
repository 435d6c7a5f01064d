"""What the schedule says and what became of it, entry by entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from lib.archive.store import Store
from lib.schedule.due import why_paused
from lib.schedule.firing_record import Occurrence
from lib.schedule.firings import Ledger
from lib.schedule.missed import MissedRun, missed
from lib.schedule.planning import next_times, why_inactive
from lib.schedule.settings import Entry, Schedule
from lib.schedule.values import planned_values


@dataclass(frozen=True)
class Upcoming:
    """A firing to come.

    Attributes:
        planned_at: When (UTC).
        parameters: As they will be.
    """

    planned_at: datetime
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Overview:
    """One entry.

    Attributes:
        entry: Which.
        rests: Why it does not run at present; empty when it does.
        upcoming: The next firings, the first one first.
        last: What became of the newest time that is on record; None: there is none.
        missed: See `lib.schedule.missed`.
    """

    entry: Entry
    rests: str
    upcoming: tuple[Upcoming, ...]
    last: Occurrence | None
    missed: tuple[MissedRun, ...]


def overviews(schedule: Schedule, store: Store, now: datetime, count: int) -> Iterator[Overview]:
    """Every entry of the schedule.

    Args:
        schedule: What is planned.
        store: The archive's.
        now: The moment (UTC).
        count: How many firings to come are shown of each.

    Raises:
        Unavailable: The store cannot be read.
    """
    ledger = Ledger(store)
    missing = missed(schedule, store, now)
    for entry in schedule.entries.values():
        runbook = entry.checked_runbook()
        times = islice(next_times(entry, now), count)
        yield Overview(
            entry=entry,
            rests=why_inactive(entry, now) or why_paused(entry, ledger, now),
            upcoming=tuple(Upcoming(time, planned_values(entry, runbook, time)) for time in times),
            last=next(ledger.newest(entry), None),
            missed=tuple(run for run in missing if run.entry == entry),
        )
