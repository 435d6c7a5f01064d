"""What a scheduler does first each time: close orphans, report missed runs, and find what is due."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from lib.archive.archive import Archive
from lib.archive.record import RunStatus
from lib.environment import load_environment, redactor_of
from lib.runbooks.notification import Message, needs_notice, send
from lib.schedule.firing_record import Attempt, Occurrence, State, runs_of
from lib.schedule.firings import Ledger
from lib.schedule.planning import Firing, due, first_expected
from lib.schedule.settings import Entry
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time

_CLOCKS_DIFFER_BY = timedelta(days=1)
_MOST_LINES = 20


def look(
    entries: Iterable[Entry],
    archive: Archive,
    ledger: Ledger,
    now: datetime,
    show_change: Callable[[], None] | None = None,
) -> list[Firing]:
    """Record occurrences that will no longer run, notify people of missed runs, and return what is due.

    Args:
        entries: The entries to check.
        archive: Where runs are kept.
        ledger: Its record of occurrences.
        now: The current time (UTC).
        show_change: Called if something was recorded.

    Raises:
        Unavailable: The archive cannot be read or written.
    """
    firings: list[Firing] = []
    over: list[Occurrence] = []
    has_new_entry = False
    for entry in entries:
        over += _closed_orphans(entry, ledger, archive, now)
        since = ledger.since(entry)
        if since is None:
            has_new_entry = True
            since = first_expected(entry, now)
            ledger.expect(entry, since)
        elif since - now > _CLOCKS_DIFFER_BY:
            # Another machine, whose clock was ahead, saw the entry first. Which times it has run is unknown.
            since = now
            ledger.expect(entry, since)
        firing, lapsed = _due(entry, since, ledger, now)
        over += lapsed
        if firing:
            firings.append(firing)
    if missing := [occurrence for occurrence in over if occurrence.state is State.MISSED]:
        _notify_of_missed(missing)
    if show_change and (over or has_new_entry):
        show_change()
    return firings


def forget_old(entries: Iterable[Entry], ledger: Ledger, now: datetime) -> None:
    """Remove old records of occurrences; their runs stay.

    Args:
        entries: The entries.
        ledger: The records.
        now: The current time (UTC).
    """
    for entry in entries:
        ledger.forget(entry, now)


def _due(entry: Entry, since: datetime, ledger: Ledger, now: datetime) -> tuple[Firing | None, list[Occurrence]]:
    paused = why_paused(entry, ledger, now)
    firing, lapses = due(entry, since, set(ledger.planned_times(entry)), now, paused=paused)
    occurrences = (Occurrence.of(entry, lapse.planned_at, lapse.state, now, lapse.reason) for lapse in lapses)
    return firing, [occurrence for occurrence in occurrences if ledger.claim(occurrence)]


def why_paused(entry: Entry, ledger: Ledger, now: datetime) -> str:
    """Return why the entry is paused until someone resumes it; empty if it is not.

    Args:
        entry: The entry.
        ledger: The records.
        now: The current time (UTC); later planned times do not count.
    """
    if entry.on_failure != "pause":
        return ""
    resumed_at = ledger.resumed_at(entry)
    for occurrence in ledger.newest(entry):
        if resumed_at is not None and occurrence.planned_at <= resumed_at:
            return ""
        if occurrence.state is State.ENDED and occurrence.planned_at <= now:
            why = f"paused since its run at {occurrence.planned_at:%Y-%m-%d %H:%M} UTC was {occurrence.verdict}"
            return f"{why}: runbook schedule resume {entry.name}" if occurrence.exit_code else ""
    return ""


def _closed_orphans(entry: Entry, ledger: Ledger, archive: Archive, now: datetime) -> list[Occurrence]:
    """Close occurrences whose scheduler is gone, according to their runs' records; return those closed here."""
    closed = []
    planned_times = ledger.planned_times(entry)
    newest = next((planned_at for planned_at in planned_times if planned_at <= now), now)
    for planned_at in planned_times:
        occurrence = ledger.read(entry, planned_at)
        if occurrence.is_orphaned(now):
            # Read again: it may have ended after the first read, before its scheduler was gone.
            found = ledger.read(entry, planned_at)
            if found.state is State.CLAIMED and (end := _end_of(found, archive, now)) and ledger.close(end):
                closed.append(end)
        if occurrence.give_up_at < newest:
            break  # older ones were closed at that time
    return closed


def _end_of(orphan: Occurrence, archive: Archive, now: datetime) -> Occurrence | None:
    runs = runs_of(archive, orphan)
    if any(run.record.status is RunStatus.RUNNING for run in runs):
        return None
    if not runs:
        return orphan.ended(State.MISSED, now, "its scheduler was killed before it ran")
    attempts = tuple(map(Attempt.of, runs))
    return orphan.ended(State.ENDED, now, "its scheduler was killed; result taken from the archive", attempts)


def _notify_of_missed(occurrences: Sequence[Occurrence]) -> None:
    """Notify people of missed runs, in one message per environment and channel.

    Only the scheduler that recorded them does so, so nobody is notified twice.
    """
    by_environment = sorted(occurrences, key=lambda occurrence: (occurrence.environment, occurrence.planned_at))
    for environment, group in groupby(by_environment, key=lambda occurrence: occurrence.environment):
        settings, missing = load_environment(environment), list(group)
        notifications = settings.notifications
        channels = [
            each for each in notifications.channels if needs_notice(each, before=Verdict.PASS, now=Verdict.UNKNOWN)
        ]
        lines = [
            f"{occurrence.runbook} ({occurrence.entry}), planned for "
            f"{local_time(occurrence.planned_at, settings.timezone)}: {occurrence.reason}"
            for occurrence in missing[-_MOST_LINES:]
        ]
        if len(missing) > len(lines):
            lines.insert(0, f"{len(missing) - len(lines)} earlier runs, and:")
        what = "a scheduled run was" if len(missing) == 1 else f"{len(missing)} scheduled runs were"
        message = Message(f"UNKNOWN: {what} missed ({environment})", "\n".join(lines), Verdict.UNKNOWN)
        send(message, channels, redactor_of(settings), timeout_seconds=notifications.timeout_seconds)
