"""What the schedule leads to expect: runs that should have happened, and when the next one is due."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from lib.archive.store import Store
from lib.errors import UserError
from lib.words.pages import in_zone
from lib.words.secrets.redaction import Redactor

if TYPE_CHECKING:
    from lib.schedule.firings import Ledger
    from lib.schedule.settings import Entry

_OCCURRENCES = "_schedule"
_LOOK_AT_THE_SCHEDULE = "Look whether the scheduler lives, and what is due: runbook schedule list"
_ANOTHER_SCHEDULE = (
    "a schedule runs into this archive, and it is not the one here: no entry is the same. "
    "Build the site where it runs, or name its file in RUNBOOK_SCHEDULE"
)


@dataclass(frozen=True)
class Missed:
    """A run that should have happened and did not, or an entry that is paused.

    Attributes:
        environment: Where it should have looked.
        runbook: What should have run.
        entry: Of the schedule.
        when: The planned time as the operators think of it; of a paused entry, the newest.
        why: One line.
        is_paused: Whether the entry runs no more until it is told to.
    """

    environment: str
    runbook: str
    entry: str
    when: str
    why: str
    is_paused: bool = False

    @property
    def headline(self) -> str:
        if self.is_paused:
            return f"{self.runbook} does not run: its entry {self.entry} is paused"
        return f"{self.runbook} should have run at {self.when} and did not"

    @property
    def next_step(self) -> str:
        if self.is_paused:
            return f"Look at the run that paused it, then: runbook schedule resume {self.entry}"
        return _LOOK_AT_THE_SCHEDULE


@dataclass(frozen=True)
class Expected:
    """By the schedule.

    Attributes:
        missed: Paused entries, then missed runs, newest first.
        next_at: When the next run is due (UTC), or has been and may still begin: a page that is older
            has outlived its scheduler. None when none is.
        problem: Why nothing is known of it, in one line; empty when it is.
    """

    missed: tuple[Missed, ...] = ()
    next_at: datetime | None = None
    problem: str = ""


def expected_runs(store: Store, now: datetime) -> Expected:
    """What is expected of an archive; nothing when no schedule has ever run into it.

    Args:
        store: The archive's.
        now: The moment (UTC).

    Raises:
        Unavailable: The archive cannot be read.
    """
    if not store.children(_OCCURRENCES):
        return Expected()
    # Not at the top: what runs a schedule runs runbooks, and those build the site.
    from lib.schedule.firings import Ledger
    from lib.schedule.missed import missed
    from lib.schedule.settings import load_schedule

    try:
        schedule = load_schedule()
    except UserError as error:
        return Expected(problem=Redactor().text(str(error)))
    ledger = Ledger(store)
    entries = [entry for entry in schedule.entries.values() if ledger.since(entry) is not None]
    if not entries:
        return Expected(problem=_ANOTHER_SCHEDULE)
    found = [_missed(run.entry, run.planned_at, run.reason) for run in missed(schedule, store, now)]
    return Expected(
        missed=(*_paused(entries, ledger, now), *found),
        next_at=min(_next_times(entries, ledger, now), default=None),
    )


def _missed(entry: Entry, planned_at: datetime | None, why: str, *, is_paused: bool = False) -> Missed:
    when = in_zone(planned_at, entry.timezone)
    return Missed(entry.environment, entry.runbook, entry.name, when, why, is_paused)


def _paused(entries: Sequence[Entry], ledger: Ledger, now: datetime) -> Iterator[Missed]:
    """Entries that should run again and will not."""
    from lib.schedule.due import why_paused
    from lib.schedule.planning import why_inactive

    for entry in entries:
        if (why := why_paused(entry, ledger, now)) and not why_inactive(entry, now):
            yield _missed(entry, next(entry.times.until(now), None), why, is_paused=True)


def _next_times(entries: Sequence[Entry], ledger: Ledger, now: datetime) -> Iterator[datetime]:
    from lib.schedule.due import why_paused
    from lib.schedule.planning import is_too_late, next_times, past_times

    for entry in entries:
        if why_paused(entry, ledger, now):
            continue
        yield from islice(next_times(entry, now), 1)
        since = ledger.since(entry) or now
        for newest in past_times(entry, since, now)[:1]:
            # Nobody has taken it up, and it is not missed yet.
            if not is_too_late(entry, newest, now) and newest not in ledger.planned_times(entry):
                yield newest
