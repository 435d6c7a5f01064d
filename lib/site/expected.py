"""What the schedule leads to expect: runs that should have happened, and when the next one is due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from lib.archive.store import Store
from lib.errors import UserError
from lib.runbooks.redaction import Redactor
from lib.runbooks.templating import in_zone

if TYPE_CHECKING:
    from lib.schedule.settings import Schedule

_OCCURRENCES = "_schedule"


@dataclass(frozen=True)
class Missed:
    """A run that should have happened and did not.

    Attributes:
        environment: Where it should have looked.
        runbook: What should have run.
        entry: Of the schedule.
        when: The planned time as the operators think of it.
        why: One line.
    """

    environment: str
    runbook: str
    entry: str
    when: str
    why: str


@dataclass(frozen=True)
class Expected:
    """By the schedule.

    Attributes:
        missed: Newest first.
        next_at: When the next run is due (UTC): a page that is older has outlived its scheduler.
            None when none is.
        problem: Why the schedule could not be read, in one line; empty when it could.
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
    from lib.schedule.missed import missed
    from lib.schedule.settings import load_schedule

    try:
        schedule = load_schedule()
    except UserError as error:
        return Expected(problem=Redactor().text(str(error)))
    found = tuple(
        Missed(
            environment=run.entry.environment,
            runbook=run.entry.runbook,
            entry=run.entry.name,
            when=in_zone(run.planned_at, run.entry.timezone),
            why=run.reason,
        )
        for run in missed(schedule, store, now)
    )
    return Expected(found, min(_next_times(schedule, store, now), default=None))


def _next_times(schedule: Schedule, store: Store, now: datetime) -> Iterator[datetime]:
    """Of each entry that somebody runs."""
    from lib.schedule.ledger import Ledger
    from lib.schedule.look import why_paused
    from lib.schedule.planning import next_times

    ledger = Ledger(store)
    for entry in schedule.entries.values():
        if ledger.since(entry) is not None and not why_paused(entry, ledger):
            yield from islice(next_times(entry, now), 1)
