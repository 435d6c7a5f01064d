"""Decide which firings are due: a pure function of the schedule, the records and the current time.

Of the past times without a record, the newest runs if it is not too late, and replaces earlier ones, which are
coalesced. Times that are too long ago are missed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile

from lib.schedule.firing_record import State
from lib.schedule.settings import Entry

# Older times are ignored.
LOOK_BACK = timedelta(days=7)
_MOST_TIMES = 200


@dataclass(frozen=True)
class Firing:
    """A planned time that is due now."""

    entry: Entry
    planned_at: datetime


@dataclass(frozen=True)
class Lapse:
    """A planned time that will not run.

    Attributes:
        planned_at: The planned time (UTC).
        state: SKIPPED, COALESCED or MISSED.
        reason: Why, in one line.
    """

    planned_at: datetime
    state: State
    reason: str


def due(
    entry: Entry, since: datetime, recorded: Collection[datetime], now: datetime, *, paused: str = ""
) -> tuple[Firing | None, list[Lapse]]:
    """Decide what to do now about an entry's planned times. All times are UTC.

    Args:
        entry: The entry.
        since: Times up to this time are not expected.
        recorded: The planned times that already have a record.
        now: The current time.
        paused: Why the entry is paused; empty if it is not.

    Returns:
        The firing to run, if any, and the times to record as not run, oldest first.
    """
    times = past_times(entry, since, now)
    missing = [planned_at for planned_at in times if planned_at not in recorded]
    if not missing:
        return None, []
    newest = times[0]
    firing = None
    lapses = []
    for planned_at in reversed(missing):
        if is_too_late(entry, planned_at, now):
            lapses.append(Lapse(planned_at, State.MISSED, "no scheduler was running"))
        elif planned_at != newest:
            lapses.append(
                Lapse(planned_at, State.COALESCED, f"late: replaced by the run at {newest:%Y-%m-%d %H:%M} UTC")
            )
        elif paused:
            lapses.append(Lapse(planned_at, State.SKIPPED, paused))
        else:
            firing = Firing(entry, planned_at)
    return firing, lapses


def past_times(entry: Entry, since: datetime, now: datetime) -> list[datetime]:
    """Return past planned times (UTC), newest first: at most 200 of the last seven days.

    Args:
        entry: The entry.
        since: Excluded, as are all earlier times.
        now: The current time, included.
    """
    if entry.window is None:
        return []
    start, end = entry.window
    floor = max(since, now - LOOK_BACK)
    times = takewhile(lambda moment: moment > floor and moment >= start, entry.times.until(now))
    return list(islice((moment for moment in times if moment < end), _MOST_TIMES))


def next_times(entry: Entry, after: datetime) -> Iterator[datetime]:
    """Yield the planned times (UTC) after a time, in order; none if the entry's days have passed."""
    if entry.window is None:
        return iter(())
    start, end = entry.window
    # The start itself may be a planned time.
    first = max(after, start - timedelta(microseconds=1)) if after < start else after
    return takewhile(lambda moment: moment < end, entry.times.after(first))


def first_expected(entry: Entry, now: datetime) -> datetime:
    """Return since when (UTC) an entry that is seen for the first time is expected to run.

    The present firing is included, because a scheduler that cron starts for it begins slightly later.
    """
    newest = next(iter(past_times(entry, now - LOOK_BACK, now)), None)
    if newest is None or is_too_late(entry, newest, now):
        return now
    return newest - timedelta(microseconds=1)


def is_too_late(entry: Entry, planned_at: datetime, now: datetime) -> bool:
    """Return whether it is too late to begin the run of a planned time.

    Args:
        entry: The entry.
        planned_at: The planned time (UTC).
        now: The current time (UTC).
    """
    return now - planned_at > timedelta(seconds=entry.catch_up_seconds)


def why_inactive(entry: Entry, now: datetime) -> str:
    """Return why the entry has no further planned times; empty if it has."""
    if entry.window is None:
        return "deployed_at is not set"
    if next(next_times(entry, now), None) is None:
        return f"days {entry.days_since_deploy} after the deployment have passed"
    return ""
