"""The picture of an incident: consolidations side by side, where their MERGEs overlap, and who held the lock.

It shows what was logged, also reads the lock store and the services, and judges nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from lib.locking.store import LockRecord
from lib.operations.logs.events import EventKind
from lib.operations.logs.history import LogHistory
from lib.operations.logs.timeline import Consolidation, Progress
from lib.operations.pictures.findings import finding_of, is_about_overlap
from lib.operations.pictures.locks import lock_lanes
from lib.operations.pictures.marks import marks_of
from lib.operations.pictures.overlaps import Shared, shared_merges
from lib.operations.pictures.parts import Drawn, drawn_run
from lib.operations.pictures.zoom import Span, bars_of, rows_of, span_of, window
from lib.verdict.section import or_fault
from lib.verdict.timeline.data import (
    LONGEST_NOTE,
    MOST_OVERLAPS,
    Ending,
    Mark,
    Overview,
    Timeline,
    shortened,
)
from lib.verdict.timeline.drawing import Picture
from lib.words.nouns import counted
from lib.words.text import one_line

_BINS = 120


def pictures(found: Timeline | None) -> tuple[Picture, ...]:
    """Return the picture as exhibits of a step; empty: there is none."""
    return (Picture(found),) if found else ()


def timeline_of_runs(
    history: LogHistory, runs: Sequence[Consolidation], about: Sequence[Consolidation] = ()
) -> Timeline | None:
    """Draw these consolidations; None: there are none.

    Args:
        history: Where they were logged.
        runs: By their start.
        about: What must be visible; by default those that overlapped, else the last failed one, else the last one.
    """
    if not runs:
        return None
    held, faults = _held(history, runs)
    drawn = _drawn(history, runs, held)
    shared = shared_merges(drawn)
    chosen = [one for one in drawn if any(one.run is run for run in about)] or _interesting(drawn, shared)
    return _pictured(history, drawn, shared, chosen, held, faults)


def timeline_of_locks(history: LogHistory, held: Sequence[LockRecord]) -> Timeline | None:
    """Draw the locks that are held now, from the first acquisition on; None: none is held.

    If the logs cannot be read, a note replaces the consolidations.
    """
    if not held:
        return None
    held = sorted(held, key=lambda record: record.expires_at)
    runs, fault = or_fault(lambda: history.consolidations)
    drawn = _drawn(history, runs or [], held)
    batches = {record.claim.batch_id for record in held}
    holders = [one for one in drawn if one.run.batch_id in batches and not one.run.has(EventKind.RELEASED)]
    faults = [f"The logs could not be read: {fault}"] if fault else []
    return _pictured(history, drawn, shared_merges(drawn), holders, held, faults)


def _drawn(history: LogHistory, runs: Sequence[Consolidation], held: Sequence[LockRecord]) -> list[Drawn]:
    expired = {record.claim.batch_id for record in held if record.expires_at < history.until}
    return [drawn_run(history, run, lease_expired=run.batch_id in expired) for run in runs]


def _interesting(drawn: Sequence[Drawn], shared: Sequence[Shared]) -> list[Drawn]:
    if shared:
        return shared[0].runs
    bad = [one for one in drawn if one.ending in (Ending.FAILED, Ending.UNFINISHED)]
    return [(bad or drawn)[-1]]


def _pictured(
    history: LogHistory,
    drawn: Sequence[Drawn],
    shared: Sequence[Shared],
    chosen: Sequence[Drawn],
    held: Sequence[LockRecord],
    faults: Sequence[str],
) -> Timeline:
    alike = [one for each in shared for one in each.members] if is_about_overlap(chosen, shared) else []
    seen = window(_span(history, chosen, held), alike, drawn)
    inside = [one for one in drawn if one.start <= seen[1] and one.end >= seen[0]]
    rows = rows_of(inside, [one for one in chosen if one in inside])
    locks, more_locks = lock_lanes(history, [one.run for one in inside], held, seen)
    marks, unmarked = marks_of(history.platform, history.since, history.until, with_changes=bool(shared))
    overlaps = [one.in_lanes(rows) for one in shared if one.start <= seen[1] and one.end >= seen[0]]
    more_overlaps = len(overlaps) - MOST_OVERLAPS
    notes = [
        *faults,
        *([f"{counted(more_locks, 'more lock', 'is')} not shown."] if more_locks else []),
        *([f"{counted(more_overlaps, 'more overlap', 'is')} not shown."] if more_overlaps > 0 else []),
        *unmarked,
    ]
    return Timeline(
        finding=_bounded(finding_of(shared, chosen, held)),
        timezone=history.platform.environment.timezone,
        since=seen[0],
        until=seen[1],
        lanes=tuple(row.lane for row in rows),
        bars=bars_of(rows, seen),
        overlaps=tuple(overlaps[:MOST_OVERLAPS]),
        locks=tuple(locks),
        marks=tuple(marks),
        overview=_overview(drawn, marks, seen),
        notes=tuple(map(_bounded, notes)),
    )


def _bounded(text: str) -> str:
    return shortened(one_line(text), LONGEST_NOTE)


def _held(history: LogHistory, runs: Sequence[Consolidation]) -> tuple[list[LockRecord], list[str]]:
    """Return the locks that are held now, and why that is not known; read only if a run may hold one."""
    silent = [run for run in runs if history.progress(run) in (Progress.UNFINISHED, Progress.RUNNING)]
    if not silent:
        return [], []
    found, fault = or_fault(history.platform.locks.locks)
    keys = {history.platform.table.lock_key(day) for run in silent if (day := run.likely_game_date)}
    records = [seen.record for seen in found or [] if seen.record and seen.record.claim.lock_key in keys]
    return records, [f"The present holder of the lock could not be read: {fault}"] if fault else []


def _span(history: LogHistory, chosen: Sequence[Drawn], held: Sequence[LockRecord]) -> Span:
    """What must be visible: the chosen consolidations, and the locks that they hold, until now."""
    batches = {one.run.batch_id for one in chosen}
    held_since = [record.acquired_at for record in held if not chosen or record.claim.batch_id in batches]
    spans = [*([span_of(chosen)] if chosen else []), *((since, max(since, history.until)) for since in held_since)]
    return min(start for start, _ in spans), max(end for _, end in spans)


def _overview(drawn: Sequence[Drawn], marks: Sequence[Mark], seen: Span) -> Overview | None:
    """The whole period, if the picture does not show all of it."""
    starts = [one.start for one in drawn]
    moments = [*starts, *(one.run.last_at for one in drawn), *(mark.at for mark in marks)]
    since, until = min([*moments, seen[0]]), max([*moments, seen[1]])
    if since >= seen[0] and until <= seen[1]:
        return None
    counts = [0] * _BINS
    for start in starts:
        counts[min(_BINS - 1, int(_BINS * ((start - since) / (until - since))))] += 1
    return Overview(since, until, tuple(counts))
