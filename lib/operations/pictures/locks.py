"""Who held the lock and when: by log lines and, if it is held now, by the lock store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta

from lib.locking.store import LockRecord
from lib.operations.logs.events import EventKind
from lib.operations.logs.history import LogHistory
from lib.operations.logs.timeline import Consolidation
from lib.operations.pictures.parts import name_of
from lib.operations.pictures.zoom import Span
from lib.verdict.timeline.data import MOST_HOLDS, MOST_LOCKS, Hold, Lock
from lib.words.quantities import spoken_seconds

_GONE = (
    EventKind.RELEASED,
    EventKind.ALREADY_RELEASED,
    EventKind.NO_LOCK,
    EventKind.LOST,
)

# The lock store's clock may differ from the services' clocks.
_CLOCKS_DIFFER_BY = timedelta(seconds=5)


def lock_lanes(
    history: LogHistory, runs: Sequence[Consolidation], held: Sequence[LockRecord], seen: Span
) -> tuple[list[Lock], int]:
    """Return the locks of the dates in the picture, and how many more there are.

    Args:
        history: What was logged.
        runs: The consolidations in the picture.
        held: The locks that are held now.
        seen: The period that the picture shows.
    """
    table = history.platform.table
    dates = {day: table.lock_key(day) for run in runs if (day := run.likely_game_date)}
    keys = list(dict.fromkeys([*(record.claim.lock_key for record in held), *dates.values()]))
    days = {key: day for day, key in dates.items()}
    locks = [_lock(history, key, days.get(key), runs, held, seen) for key in keys[:MOST_LOCKS]]
    return locks, len(keys) - len(locks)


def _lock(
    history: LogHistory,
    key: str,
    day: date | None,
    runs: Sequence[Consolidation],
    held: Sequence[LockRecord],
    seen: Span,
) -> Lock:
    of_date = [run for run in history.consolidations if run.likely_game_date == day] if day else []
    record = next((record for record in held if record.claim.lock_key == key), None)
    holds = list(_holds(history, of_date))
    if record:
        now = max(history.until, record.acquired_at)
        holds = [hold for hold in holds if hold.start < record.acquired_at - _CLOCKS_DIFFER_BY or not hold.is_open]
        holds.append(Hold(record.acquired_at, now, name_of(record.claim.batch_id)))
        over = (now - record.expires_at).total_seconds()
        note = (
            f"held now, its lease expired {spoken_seconds(over)} ago"
            if over > 0
            else f"held now by {record.claim.batch_id}"
        )
    else:
        note = _without_lock([run for run in runs if run.likely_game_date == day])
    shown = [hold for hold in holds if hold.start <= seen[1] and hold.end >= seen[0]]
    return Lock(name_of(f"lock {key}"), tuple(shown[-MOST_HOLDS:]), name_of(note))


def _without_lock(runs: Sequence[Consolidation]) -> str:
    """Which runs had no lock; empty: all held it, or it is not known."""
    merged = [run for run in runs if run.has(EventKind.MERGING, EventKind.MERGED)]
    without = [run for run in merged if run.merged_without_lock]
    if not without:
        return ""
    if len(without) < len(merged):
        return f"{len(without)} of {len(merged)} ran without the lock"
    who = {1: "it", 2: "both"}.get(len(merged), f"all {len(merged)}")
    return f"never held: {who} ran without the lock"


def _holds(history: LogHistory, runs: Iterable[Consolidation]) -> Iterator[Hold]:
    """The holds, by log lines. An acquisition shows that the previous holder no longer held the lock."""
    holders = sorted(((at, run) for run in runs if (at := run.at(EventKind.ACQUIRED))), key=lambda pair: pair[0])
    later = [at for at, _ in holders[1:]]
    for number, (acquired_at, run) in enumerate(holders):
        gone_at = min((at for kind in _GONE if (at := run.at(kind))), default=None)
        lost_at = min([*later[number : number + 1], history.taken_at(run) or history.until])
        yield Hold(acquired_at, gone_at or lost_at, name_of(run.batch_id), is_open=gone_at is None)
