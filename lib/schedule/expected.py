"""What the schedule expects: missed runs, and when the next ones are due.

Every call raises `lib.errors.Unavailable` if the archive cannot be read.
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

# How long a missed run is shown even though its entry runs again.
_SHOWN_FOR = timedelta(days=1)
_ANOTHER_SCHEDULE = (
    "a different schedule runs into this archive: it shares no entry with this one. "
    "Build the site where that schedule runs, or set RUNBOOK_SCHEDULE to its file"
)


@dataclass(frozen=True)
class MissedRun:
    """A missed run, or a paused entry.

    Attributes:
        entry: The schedule entry.
        planned_at: The planned time (UTC); for a paused entry, the newest one.
        reason: Why it did not run, as far as known; one line.
        is_paused: Whether the entry is paused until someone resumes it.
    """

    entry: Entry
    planned_at: datetime
    reason: str
    is_paused: bool = False

    @property
    def when(self) -> str:
        """The planned time in the entry's time zone."""
        return local_time(self.planned_at, self.entry.timezone)

    @property
    def headline(self) -> str:
        if self.is_paused:
            return f"{self.entry.runbook} is not run: schedule entry {self.entry.name} is paused"
        return f"{self.entry.runbook} missed its run at {self.when}"

    @property
    def next_step(self) -> str:
        if self.is_paused:
            return f"Check the run that paused it, then: runbook schedule resume {self.entry.name}"
        return "Check that the scheduler is running, and what is due: runbook schedule list"


@dataclass(frozen=True)
class Expected:
    """What the schedule expects.

    Attributes:
        missed: Paused entries, then missed runs, newest first.
        next_at: When the next run is due (UTC), or was due and may still begin; a page built before then is
            out of date later. None if no run is due.
        problem: Why nothing is known, in one line; empty if there is no problem.
    """

    missed: tuple[MissedRun, ...] = ()
    next_at: datetime | None = None
    problem: str = ""


@dataclass(frozen=True)
class Upcoming:
    """An upcoming firing, at a time in UTC."""

    planned_at: datetime
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Overview:
    """One entry.

    Attributes:
        entry: The entry.
        rests: Why it does not currently run; empty if it does.
        upcoming: The next firings, in order.
        last: The newest recorded occurrence; None if there is none.
        missed: Its missed runs, newest first.
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
    """Return what is expected of an archive now (UTC); nothing if no schedule has ever run into it."""
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
    """Yield an overview of every entry.

    Args:
        schedule: The schedule.
        store: The archive's store.
        now: The current time (UTC).
        count: Number of upcoming firings per entry.
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
    """Return the runs that are missed as of now (UTC), newest first.

    A missed run is shown for a day, and after that until a later run of its entry has ended. This works
    without a running scheduler: a time that has passed without a record is missed.

    Args:
        schedule: The schedule.
        store: The archive's store.
        now: The current time (UTC).
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
                yield MissedRun(entry, planned_at, "no scheduler has run since")
            continue
        occurrence = ledger.read(entry, planned_at)
        has_run_since = has_run_since or occurrence.state is State.ENDED
        if occurrence.state in (State.MISSED, State.DAMAGED) or occurrence.is_orphaned(now):
            yield MissedRun(entry, planned_at, occurrence.reason or "its scheduler was killed")


def _paused(entries: Sequence[Entry], ledger: Ledger, now: datetime) -> Iterator[MissedRun]:
    """Yield entries that should run again but are paused."""
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
            # Not claimed yet, but not missed yet either.
            if not is_too_late(entry, newest, now) and newest not in ledger.planned_times(entry):
                yield newest
