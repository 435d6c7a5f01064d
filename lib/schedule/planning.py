"""Which firings are due: a pure function of the schedule, of what is on record, and of the moment.

Of the times that have passed and are not on record, the newest runs if it is not too late; those
that it stands in for are coalesced, and those that came too long before now are missed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile

from lib.schedule.firing_record import State
from lib.schedule.settings import Entry

# What is older than that, nobody asks for any more.
LOOK_BACK = timedelta(days=7)
_MOST_TIMES = 200


@dataclass(frozen=True)
class Firing:
    """A planned time that is to run now."""

    entry: Entry
    planned_at: datetime


@dataclass(frozen=True)
class Lapse:
    """A planned time that will not run.

    Attributes:
        planned_at: Which (UTC).
        state: SKIPPED, COALESCED or MISSED.
    """

    planned_at: datetime
    state: State
    reason: str


def due(
    entry: Entry, since: datetime, recorded: Collection[datetime], now: datetime, *, paused: str = ""
) -> tuple[Firing | None, list[Lapse]]:
    """What is to be done now about an entry's planned times.

    Args:
        since: Times up to that moment are not expected.
        recorded: The planned times that something has become of already.
        now: The moment; all are UTC.
        paused: Why the entry does not run at present; empty when it does.

    Returns:
        What to run, at most one; and the times to put on record as not run, oldest first.
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
            lapses.append(Lapse(planned_at, State.MISSED, "nobody ran the schedule then"))
        elif planned_at != newest:
            lapses.append(Lapse(planned_at, State.COALESCED, f"late: {newest:%Y-%m-%d %H:%M} UTC stands for it"))
        elif paused:
            lapses.append(Lapse(planned_at, State.SKIPPED, paused))
        else:
            firing = Firing(entry, planned_at)
    return firing, lapses


def past_times(entry: Entry, since: datetime, now: datetime) -> list[datetime]:
    """The planned times after `since` and up to now, newest first; of the last seven days, at most 200."""
    if entry.window is None:
        return []
    start, end = entry.window
    floor = max(since, now - LOOK_BACK)
    times = takewhile(lambda moment: moment > floor and moment >= start, entry.times.until(now))
    return list(islice((moment for moment in times if moment < end), _MOST_TIMES))


def next_times(entry: Entry, after: datetime) -> Iterator[datetime]:
    """The planned times after a moment, the next one first; none when its days are over."""
    if entry.window is None:
        return iter(())
    start, end = entry.window
    # The start itself may be a planned time.
    first = max(after, start - timedelta(microseconds=1)) if after < start else after
    return takewhile(lambda moment: moment < end, entry.times.after(first))


def first_expected(entry: Entry, now: datetime) -> datetime:
    """Since when (UTC) the times of an entry that is seen for the first time are expected.

    That of the present firing is: a scheduler that a clock started for it comes a little after it.
    """
    newest = next(iter(past_times(entry, now - LOOK_BACK, now)), None)
    if newest is None or is_too_late(entry, newest, now):
        return now
    return newest - timedelta(microseconds=1)


def is_too_late(entry: Entry, planned_at: datetime, now: datetime) -> bool:
    """Whether that time may no longer begin to run."""
    return now - planned_at > timedelta(seconds=entry.catch_up_seconds)


def why_inactive(entry: Entry, now: datetime) -> str:
    """Why no further time of the entry is planned; empty when one is."""
    if entry.window is None:
        return "deployed_at is not set"
    if next(next_times(entry, now), None) is None:
        return f"days {entry.days_since_deploy} since the deployment are over"
    return ""
