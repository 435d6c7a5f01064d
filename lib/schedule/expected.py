"""What the schedule leads to expect: runs that should have happened, and when the next ones are due.

An archive that cannot be read is `lib.errors.Unavailable`, in every call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from lib.archive.store import Store
from lib.errors import UserError
from lib.schedule.due import why_paused
from lib.schedule.firing_record import Occurrence, State
from lib.schedule.firings import FOLDER, Ledger
from lib.schedule.planning import is_too_late, next_times, past_times, why_inactive
from lib.schedule.settings import Entry, Schedule, load_schedule
from lib.words.dates import local_time
from lib.words.secrets.redaction import Redactor

# So long it is shown though its entry runs again.
_SHOWN_FOR = timedelta(days=1)
_ANOTHER_SCHEDULE = (
    "a schedule runs into this archive, and it is not the one here: no entry is the same. "
    "Build the site where it runs, or name its file in RUNBOOK_SCHEDULE"
)


@dataclass(frozen=True)
class MissedRun:
    """A planned run that did not happen, or an entry that is paused.

    Attributes:
        planned_at: When it should have been (UTC); of a paused entry the newest time.
        reason: Why not, as far as it is known; one line.
        is_paused: Whether the entry runs no more until somebody resumes it.
    """

    entry: Entry
    planned_at: datetime
    reason: str
    is_paused: bool = False

    @property
    def when(self) -> str:
        """The planned time as the operators think of it."""
        return local_time(self.planned_at, self.entry.timezone)

    @property
    def headline(self) -> str:
        if self.is_paused:
            return f"{self.entry.runbook} does not run: its entry {self.entry.name} is paused"
        return f"{self.entry.runbook} should have run at {self.when} and did not"

    @property
    def next_step(self) -> str:
        if self.is_paused:
            return f"Look at the run that paused it, then: runbook schedule resume {self.entry.name}"
        return "Check that the scheduler is alive, and what is due: runbook schedule list"


@dataclass(frozen=True)
class Expected:
    """By the schedule.

    Attributes:
        missed: Paused entries, then missed runs, newest first.
        next_at: When the next run is due (UTC), or has been and may still begin: a page that is older
            has outlived its scheduler. None when none is.
        problem: Why nothing is known of it, in one line; empty when it is.
    """

    missed: tuple[MissedRun, ...] = ()
    next_at: datetime | None = None
    problem: str = ""


@dataclass(frozen=True)
class Upcoming:
    """A firing to come, at a moment in UTC."""

    planned_at: datetime
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Overview:
    """One entry.

    Attributes:
        rests: Why it does not run at present; empty when it does.
        upcoming: The next firings, the first one first.
        last: The newest time on record; None: there is none.
    """

    entry: Entry
    rests: str
    upcoming: tuple[Upcoming, ...]
    last: Occurrence | None
    missed: tuple[MissedRun, ...]

    @property
    def is_neglected(self) -> bool:
        """Whether no scheduler has taken up the newest time: none is running, or it hangs."""
        newest = self.missed[0].planned_at if self.missed and not self.rests else None
        return newest is not None and (self.last is None or self.last.planned_at < newest)


def expected_runs(store: Store, now: datetime) -> Expected:
    """What is expected of an archive now (UTC); nothing when no schedule has ever run into it."""
    if not store.children(FOLDER):
        return Expected()
    try:
        schedule = load_schedule()
    except UserError as error:
        return Expected(problem=Redactor().text(str(error)))
    ledger = Ledger(store)
    entries = [entry for entry in schedule.entries.values() if ledger.since(entry) is not None]
    if not entries:
        return Expected(problem=_ANOTHER_SCHEDULE)
    return Expected(
        missed=(*_paused(entries, ledger, now), *missed(schedule, store, now)),
        next_at=min(_next_times(entries, ledger, now), default=None),
    )


def overviews(schedule: Schedule, store: Store, now: datetime, count: int) -> Iterator[Overview]:
    """Every entry of the schedule.

    Args:
        now: The moment (UTC).
        count: How many firings to come are shown of each.
    """
    ledger = Ledger(store)
    missing = missed(schedule, store, now)
    for entry in schedule.entries.values():
        runbook = entry.checked_runbook()
        times = islice(next_times(entry, now), count)
        yield Overview(
            entry=entry,
            rests=why_inactive(entry, now) or why_paused(entry, ledger, now),
            upcoming=tuple(Upcoming(time, entry.planned_values(runbook, time)) for time in times),
            last=next(ledger.newest(entry), None),
            missed=tuple(run for run in missing if run.entry == entry),
        )


def missed(schedule: Schedule, store: Store, now: datetime) -> list[MissedRun]:
    """The runs that are missing now (UTC), newest first.

    A miss is shown for a day, and beyond that until a later run of its entry has ended. It needs
    no scheduler that works: a time that has passed and is not on record is missed.
    """
    ledger = Ledger(store)
    found = [run for entry in schedule.entries.values() for run in _missed(entry, ledger, now)]
    return sorted(found, key=lambda run: run.planned_at, reverse=True)


def _missed(entry: Entry, ledger: Ledger, now: datetime) -> Iterator[MissedRun]:
    since = ledger.since(entry)
    if since is None:
        return
    recorded = set(ledger.planned_times(entry))
    has_run_since = False
    for planned_at in past_times(entry, since, now):
        if has_run_since and now - planned_at > _SHOWN_FOR:
            return
        if planned_at not in recorded:
            if is_too_late(entry, planned_at, now):
                yield MissedRun(entry, planned_at, "no scheduler has looked at it since")
            continue
        occurrence = ledger.read(entry, planned_at)
        has_run_since = has_run_since or occurrence.state is State.ENDED
        if occurrence.state in (State.MISSED, State.DAMAGED) or occurrence.is_orphaned(now):
            yield MissedRun(entry, planned_at, occurrence.reason or "its scheduler was killed")


def _paused(entries: Sequence[Entry], ledger: Ledger, now: datetime) -> Iterator[MissedRun]:
    """Entries that should run again and will not."""
    for entry in entries:
        if (why := why_paused(entry, ledger, now)) and not why_inactive(entry, now):
            yield MissedRun(entry, next(entry.times.until(now), now), why, is_paused=True)


def _next_times(entries: Sequence[Entry], ledger: Ledger, now: datetime) -> Iterator[datetime]:
    for entry in entries:
        if why_paused(entry, ledger, now):
            continue
        yield from islice(next_times(entry, now), 1)
        since = ledger.since(entry) or now
        for newest in past_times(entry, since, now)[:1]:
            # Nobody has taken it up, and it is not missed yet.
            if not is_too_late(entry, newest, now) and newest not in ledger.planned_times(entry):
                yield newest
