"""Runs that should have happened and did not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from lib.archive.store import Store
from lib.environment import load_environment, redactor_of
from lib.runbooks.notification import is_told
from lib.runbooks.notification_channels import Message, send
from lib.schedule.firing_record import Occurrence, State
from lib.schedule.firings import Ledger
from lib.schedule.planning import is_too_late, past_times
from lib.schedule.settings import Entry, Schedule
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time

# So long it is shown though its entry runs again.
_SHOWN_FOR = timedelta(days=1)
_MOST_LINES = 20


@dataclass(frozen=True)
class MissedRun:
    """A planned run that did not happen.

    Attributes:
        entry: Of the schedule.
        planned_at: When it should have been (UTC).
        reason: Why not, as far as it is known; one line.
    """

    entry: Entry
    planned_at: datetime
    reason: str


def missed(schedule: Schedule, store: Store, now: datetime) -> list[MissedRun]:
    """The runs that are missing, newest first.

    A miss is shown for a day, and beyond that until a later run of its entry has ended. It needs
    no scheduler that works: a time that has passed and is not on record is missed.

    Args:
        schedule: What was planned.
        store: The archive's.
        now: The moment (UTC).

    Raises:
        Unavailable: The store cannot be read.
    """
    ledger = Ledger(store)
    found = [run for entry in schedule.entries.values() for run in _missed(entry, ledger, now)]
    return sorted(found, key=lambda run: run.planned_at, reverse=True)


def tell_of_missed(occurrences: Sequence[Occurrence]) -> None:
    """Tell people of runs that were missed; whoever has put them on record does, and so once.

    Those of one environment are one message to each of its channels.
    """
    by_environment = sorted(occurrences, key=lambda occurrence: (occurrence.environment, occurrence.planned_at))
    for environment, missing in groupby(by_environment, key=lambda occurrence: occurrence.environment):
        _tell(environment, list(missing))


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


def _tell(environment: str, missing: Sequence[Occurrence]) -> None:
    settings = load_environment(environment)
    channels = [
        channel
        for channel in settings.notifications.channels
        if is_told(channel, before=Verdict.PASS, now=Verdict.UNKNOWN)
    ]
    if not channels:
        return
    lines = [
        f"{occurrence.runbook} ({occurrence.entry}), planned for "
        f"{local_time(occurrence.planned_at, settings.timezone)}: {occurrence.reason}"
        for occurrence in missing[-_MOST_LINES:]
    ]
    if len(missing) > len(lines):
        lines.insert(0, f"{len(missing) - len(lines)} earlier ones, and:")
    what = "a scheduled run did" if len(missing) == 1 else f"{len(missing)} scheduled runs did"
    message = Message(f"UNKNOWN: {what} not happen ({environment})", "\n".join(lines), Verdict.UNKNOWN)
    send(message, channels, redactor_of(settings), timeout_seconds=settings.notifications.timeout_seconds)
