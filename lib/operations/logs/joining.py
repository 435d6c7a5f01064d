"""Joins log events to runs: each line goes to the run that expects it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from lib.operations.logs.events import EXPECTED_ORDER, Event, EventKind
from lib.operations.logs.timeline import FAILURES, RESULTS, Consolidation

_ONE_CONSOLIDATION = timedelta(hours=1)
_REPEATED_WITHIN = timedelta(seconds=10)

_ENDED_BY = frozenset({EventKind.ACQUISITION_FAILED, EventKind.LOST})
_COMPLETE = frozenset(EXPECTED_ORDER)
_MAY_COME_LATE = frozenset(
    {EventKind.VALIDATING, EventKind.VALIDATED, EventKind.VALIDATION_FAILED, EventKind.CLEANED, *RESULTS}
)
_REPEATED = frozenset({EventKind.WAITING, EventKind.LOCK_SERVICE_ERROR, EventKind.CLEANED})
_BEGIN = frozenset({EventKind.TRIGGERED, EventKind.STARTING, EventKind.ACQUIRING})
# A line of these kinds alone does not begin a consolidation.
_OPENS_NONE = frozenset(
    {
        *_REPEATED,
        EventKind.NOT_VALIDATED,
        EventKind.INACTIVE_DUPLICATES,
        EventKind.ALREADY_RELEASED,
        EventKind.NO_LOCK,
        EventKind.RELEASE_FAILED,
    }
)
_NOT_OF_A_RUN = frozenset(
    {
        EventKind.DETAIL,
        EventKind.TOOK_OVER,
        EventKind.FORCE_RELEASED,
        EventKind.STAGED,
        EventKind.STAGING_FAILED,
        EventKind.SCHEMA_MISMATCH,
    }
)

_CALLED = (EventKind.TRIGGERED, EventKind.STARTING)
_ASKING = (EventKind.ACQUIRING, EventKind.WAITING, EventKind.LOCK_SERVICE_ERROR)
_CHECKED = (EventKind.VALIDATED, EventKind.INACTIVE_DUPLICATES, EventKind.NOT_VALIDATED, EventKind.CLEANED)
_NO_ROWS = (EventKind.NOTHING_STAGED, EventKind.ALREADY_DONE, EventKind.MERGE_EMPTY, EventKind.MERGE_FAILED)
_HELD = (EventKind.ACQUIRED, EventKind.LOCK_DISABLED)
_LOCK_GONE = (EventKind.RELEASED, EventKind.ALREADY_RELEASED, EventKind.NO_LOCK, EventKind.RELEASE_FAILED)
# The lines of a run that each line may follow.
_AFTER: Mapping[EventKind, Sequence[EventKind]] = {
    EventKind.STARTING: _CALLED[:1],
    EventKind.ACQUIRING: _CALLED,
    EventKind.WAITING: _ASKING,
    EventKind.LOCK_SERVICE_ERROR: _ASKING,
    EventKind.ACQUIRED: _ASKING,
    EventKind.ACQUISITION_FAILED: (*_ASKING, *_CALLED),
    EventKind.LOCK_DISABLED: _CALLED,
    EventKind.NOTHING_STAGED: (*_HELD, *_CALLED),
    EventKind.ALREADY_DONE: _HELD,
    EventKind.MERGING: _HELD,
    EventKind.MERGED: (EventKind.MERGING,),
    EventKind.MERGE_FAILED: (*_HELD, *_CALLED, EventKind.MERGING),
    EventKind.MERGE_EMPTY: (EventKind.MERGED, *_CALLED),
    EventKind.VALIDATING: (EventKind.MERGED,),
    EventKind.NOT_VALIDATED: (EventKind.VALIDATING,),
    EventKind.VALIDATED: (EventKind.VALIDATING, EventKind.NOT_VALIDATED),
    EventKind.INACTIVE_DUPLICATES: (EventKind.VALIDATING,),
    EventKind.VALIDATION_FAILED: (EventKind.VALIDATING, *_CALLED),
    EventKind.CLEANED: _CHECKED,
    EventKind.RELEASED: (*_CHECKED, *_NO_ROWS, EventKind.VALIDATION_FAILED, *_HELD),
    EventKind.ALREADY_RELEASED: (*_CHECKED, *_NO_ROWS, EventKind.VALIDATION_FAILED, *_HELD),
    EventKind.NO_LOCK: (*_CHECKED, *_NO_ROWS, EventKind.VALIDATION_FAILED, *_HELD),
    EventKind.RELEASE_FAILED: (*_CHECKED, *_NO_ROWS, EventKind.VALIDATION_FAILED, *_HELD),
    EventKind.CONSOLIDATED: (*_CALLED, *_LOCK_GONE, *_CHECKED, *_NO_ROWS),
    EventKind.CONSOLIDATION_FAILED: (*_CALLED, *_LOCK_GONE, *_CHECKED, *_NO_ROWS, *FAILURES, *_HELD),
}
_ORDER = (
    *_CALLED,
    *_ASKING,
    *_HELD,
    *_NO_ROWS[:2],
    *EXPECTED_ORDER[2:4],
    *_NO_ROWS[2:],
    EventKind.VALIDATING,
    EventKind.NOT_VALIDATED,
    *_CHECKED,
    EventKind.VALIDATION_FAILED,
    *_LOCK_GONE,
)
# Loggers write several lines within one microsecond, and stores return them in any order.
_RANKS = {kind: _ORDER.index(kind) if kind in _ORDER else len(_ORDER) for kind in EventKind}


def build_timeline(events: Iterable[Event]) -> list[Consolidation]:
    """Return the consolidations that the events report, by start; events with the same time may be in any order."""
    runs: list[Consolidation] = []
    by_instance: dict[tuple[str, str], list[Consolidation]] = {}
    for event in sorted(events, key=lambda event: (event.at, _RANKS[event.kind])):
        if event.kind in _NOT_OF_A_RUN:
            continue
        source = (event.entry.service, event.entry.instance)
        of_instance = [known for known in by_instance.get(source, []) if not _is_over(known, event.at)]
        by_instance[source] = of_instance
        run = _own_run(event, of_instance)
        if run is None and event.kind in _OPENS_NONE:
            continue
        if run is None:
            run = Consolidation(*source)
            runs.append(run)
            of_instance.append(run)
        run.add(event)
    ran_at: dict[str, datetime] = {run.batch_id: run.started_at for run in runs if not _is_announced(run)}
    return [run for run in runs if not _ran_elsewhere(run, ran_at.get(run.batch_id))]


def _own_run(event: Event, runs: Sequence[Consolidation]) -> Consolidation | None:
    """Return the run that the line fits best; if several fit equally well, the youngest."""
    possible = [run for run in reversed(runs) if _can_be_of(event, run)]
    return max(possible, key=lambda run: _fit(event, run), default=None)


def _fit(event: Event, run: Consolidation) -> tuple[bool, bool, bool, bool]:
    is_of_batch = bool(event.batch_id) and event.batch_id == run.batch_id
    is_of_date = bool(event.game_date) and event.game_date == run.game_date
    is_of_rows = event.rows is not None and event.rows == run.rows
    return _is_repeated(event, run), is_of_batch, _comes_next(event, run), is_of_date or is_of_rows


def _can_be_of(event: Event, run: Consolidation) -> bool:
    """Whether nothing in the line belongs to another run, and this run has not logged such a line yet."""
    if event.batch_id and run.batch_id and event.batch_id != run.batch_id:
        return False
    if event.game_date and run.game_date and event.game_date != run.game_date:
        return False
    if event.kind in run.events and event.kind not in _REPEATED:
        return _is_repeated(event, run)
    if event.kind in _BEGIN:
        return bool(run.batch_id) and event.batch_id == run.batch_id and _comes_next(event, run)
    if run.has(*_ENDED_BY, EventKind.RELEASED) and event.kind not in _MAY_COME_LATE:
        return False
    return bool(event.batch_id) or not run.batch_id or _comes_next(event, run) or _is_repeated(event, run)


def _comes_next(event: Event, run: Consolidation) -> bool:
    is_late = event.kind in _MAY_COME_LATE and event.kind not in FAILURES and run.has(EventKind.MERGED)
    return run.latest in _AFTER.get(event.kind, ()) or is_late


def _is_repeated(event: Event, run: Consolidation) -> bool:
    """Whether it reports the end of the run a second time, as callers do in other words."""
    if event.kind not in RESULTS or event.at - run.last_at > _REPEATED_WITHIN:
        return False
    has_ended = run.has(EventKind.CONSOLIDATED) if event.kind is EventKind.CONSOLIDATED else run.failure is not None
    return has_ended and event.anchor not in run.results


def _is_over(run: Consolidation, at: datetime) -> bool:
    """Whether no further line can belong to it."""
    has_ended = run.has(*_ENDED_BY) or run.events.keys() >= _COMPLETE
    return at - run.last_at > (_REPEATED_WITHIN if has_ended else _ONE_CONSOLIDATION)


def _is_announced(run: Consolidation) -> bool:
    """Whether its lines show only that the batch is complete, or that its consolidation is starting."""
    return not run.events.keys() - set(_CALLED)


def _ran_elsewhere(run: Consolidation, ran_at: datetime | None) -> bool:
    """Whether it was only announced here, and another instance, last at `ran_at`, consolidated the batch."""
    return bool(run.batch_id) and _is_announced(run) and ran_at is not None and ran_at >= run.started_at
