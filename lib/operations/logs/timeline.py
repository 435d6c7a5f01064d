"""Consolidations put together again from the lines that they logged.

A line belongs to a consolidation of its instance and batch that waits for just such a line.
Two lines name no batch ("Running post-consolidation validation …" and its result); they
belong to the instance's consolidation that has come that far.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import takewhile

from lib.operations.logs.lines import EXPECTED_ORDER, Event, EventKind
from lib.words.dates import date_in

_ENDED_BY = frozenset({EventKind.ACQUISITION_FAILED, EventKind.LOST})
_COMPLETE = frozenset(EXPECTED_ORDER)
_FOLLOWED = frozenset({*EXPECTED_ORDER, *_ENDED_BY, EventKind.VALIDATION_FAILED, EventKind.ALREADY_DONE})
_MAY_COME_LATE = frozenset({EventKind.VALIDATING, EventKind.VALIDATED, EventKind.VALIDATION_FAILED})
_ONE_CONSOLIDATION = timedelta(hours=1)


class Progress(StrEnum):
    """How far a consolidation came."""

    COMPLETED = "completed"
    REPEATED = "already consolidated"
    NO_MERGE = "released without a MERGE"
    FAILED = "failed"
    RUNNING = "running"
    UNFINISHED = "unfinished"


@dataclass
class Consolidation:
    """One consolidation as its log lines tell it.

    Attributes:
        service: Which service ran it.
        instance: Which instance of it; empty when unknown.
        batch_id: The batch; empty when no line named it.
        game_date: The date; None when no line named it.
        events: Its lines by kind, in the order they came.
    """

    service: str
    instance: str
    batch_id: str = ""
    game_date: date | None = None
    events: dict[EventKind, Event] = field(default_factory=dict)

    def at(self, kind: EventKind) -> datetime | None:
        event = self.events.get(kind)
        return event.at if event else None

    @property
    def started_at(self) -> datetime:
        return next(iter(self.events.values())).at

    @property
    def last_at(self) -> datetime:
        return max(event.at for event in self.events.values())

    @property
    def likely_game_date(self) -> date | None:
        """The date that a line named, else the one in the batch's id."""
        return self.game_date or date_in(self.batch_id)

    @property
    def rows(self) -> int | None:
        """Rows affected by its MERGE."""
        return self.events[EventKind.MERGED].rows if EventKind.MERGED in self.events else None

    @property
    def staging_tables(self) -> int | None:
        return self.events[EventKind.MERGING].staging_tables if EventKind.MERGING in self.events else None

    @property
    def duplicates(self) -> int | None:
        """Duplicate keys that its validation reported; None: no validation, or no figure."""
        if failed := self.events.get(EventKind.VALIDATION_FAILED):
            return failed.duplicates or 1
        return 0 if EventKind.VALIDATED in self.events else None

    @property
    def lock_wait_seconds(self) -> float | None:
        for kind in (EventKind.ACQUIRED, EventKind.ACQUISITION_FAILED):
            if kind in self.events and (waited := self.events[kind].waited_seconds) is not None:
                return waited
        return self.between(EventKind.ACQUIRING, EventKind.ACQUIRED)

    @property
    def merge_seconds(self) -> float | None:
        merged = self.events.get(EventKind.MERGED)
        if merged is not None and merged.duration_ms is not None:
            return merged.duration_ms / 1000
        return self.between(EventKind.MERGING, EventKind.MERGED)

    @property
    def validation_seconds(self) -> float | None:
        return self.between(EventKind.VALIDATING, EventKind.VALIDATED)

    @property
    def work_seconds(self) -> float | None:
        """From the acquisition to the last line: what it took without waiting for others.

        Where no lock line was logged, the time of the MERGE.
        """
        acquired_at = self.at(EventKind.ACQUIRED)
        if acquired_at is None or EventKind.MERGED not in self.events:
            return self.merge_seconds
        return (self.last_at - acquired_at).total_seconds()

    def between(self, first: EventKind, last: EventKind) -> float | None:
        """Seconds from one line to another; None when either is missing."""
        started_at, ended_at = self.at(first), self.at(last)
        if started_at is None or ended_at is None:
            return None
        return max(0.0, (ended_at - started_at).total_seconds())

    def progress(self, now: datetime, silent_after_seconds: float) -> Progress:
        """How far it has come; without a line for that long it counts as unfinished."""
        if self.events.keys() & {EventKind.ACQUISITION_FAILED, EventKind.LOST, EventKind.VALIDATION_FAILED}:
            return Progress.FAILED
        if EventKind.MERGED in self.events and (EventKind.RELEASED in self.events or not self.has_lock_lines):
            return Progress.COMPLETED
        if EventKind.ALREADY_DONE in self.events:
            return Progress.REPEATED
        if EventKind.RELEASED in self.events:
            return Progress.NO_MERGE
        is_silent = (now - self.last_at).total_seconds() > silent_after_seconds
        return Progress.UNFINISHED if is_silent else Progress.RUNNING

    @property
    def has_merge(self) -> bool:
        return bool(self.events.keys() & {EventKind.MERGING, EventKind.MERGED})

    @property
    def has_lock_lines(self) -> bool:
        return bool(self.events.keys() & {EventKind.ACQUIRING, EventKind.ACQUIRED, EventKind.RELEASED})

    @property
    def merged_without_lock(self) -> bool:
        """Whether its MERGE ran though no line shows that it held the lock."""
        return self.has_merge and EventKind.ACQUIRED not in self.events

    @property
    def is_in_order(self) -> bool:
        """Whether its lines came in the order that the guide expects."""
        ranks = [EXPECTED_ORDER.index(kind) for kind in self.events if kind in EXPECTED_ORDER]
        return ranks == sorted(ranks)

    @property
    def missing(self) -> tuple[EventKind, ...]:
        """Lines that the guide expects and that did not come."""
        return tuple(kind for kind in EXPECTED_ORDER if kind not in self.events)


def build_timeline(events: Iterable[Event]) -> list[Consolidation]:
    """The consolidations that the events tell of, by their start.

    Args:
        events: Oldest first.
    """
    runs: list[Consolidation] = []
    by_instance: dict[tuple[str, str], list[Consolidation]] = {}
    for event in events:
        if event.kind not in _FOLLOWED:
            continue
        of_instance = by_instance.setdefault((event.entry.service, event.entry.instance), [])
        run = None if event.kind is EventKind.ACQUIRING else _waiting_for(event, of_instance)
        if run is None:
            run = Consolidation(event.entry.service, event.entry.instance)
            runs.append(run)
            of_instance.append(run)
        run.events[event.kind] = event
        run.batch_id = run.batch_id or event.batch_id
        run.game_date = run.game_date or event.game_date
        by_instance[event.entry.service, event.entry.instance] = [
            known for known in of_instance if not _is_over(known, event.at)
        ]
    return runs


def _waiting_for(event: Event, runs: Sequence[Consolidation]) -> Consolidation | None:
    """The youngest run whose next line this is; else one that lacks such a line."""
    lacking = [run for run in reversed(runs) if event.kind not in run.events and _can_be_of(event, run)]
    if event.kind in EXPECTED_ORDER:
        before = EXPECTED_ORDER[EXPECTED_ORDER.index(event.kind) - 1]
        for run in lacking:
            if next(reversed(run.events)) is before:
                return run
    return lacking[0] if lacking else None


def _can_be_of(event: Event, run: Consolidation) -> bool:
    if EventKind.RELEASED in run.events and event.kind not in _MAY_COME_LATE:
        return False
    if event.batch_id and run.batch_id and event.batch_id != run.batch_id:
        return False
    if event.game_date and run.game_date and event.game_date != run.game_date:
        return False
    return bool(event.batch_id) or EventKind.MERGED in run.events or not run.batch_id


def _is_over(run: Consolidation, at: datetime) -> bool:
    """Whether no further line can be its own."""
    has_ended = run.events.keys() & _ENDED_BY or run.events.keys() >= _COMPLETE
    return bool(has_ended) or at - run.last_at > _ONE_CONSOLIDATION


def batch_names(runs: Sequence[Consolidation]) -> str:
    """The first three batches: ``b1, b2, b3 and 2 more``."""
    names = list(dict.fromkeys(run.batch_id or "a batch without a name" for run in runs))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


def overlapping_merges(runs: Sequence[Consolidation]) -> list[tuple[Consolidation, Consolidation]]:
    """Pairs of consolidations of one date, or of one batch, whose MERGEs ran at once."""
    merging = sorted((run for run in runs if run.has_merge), key=lambda run: _merge_interval(run)[0])
    pairs = []
    for number, first in enumerate(merging):
        ended_at = _merge_interval(first)[1]
        overlapping = takewhile(lambda run: _merge_interval(run)[0] < ended_at, merging[number + 1 :])  # noqa: B023
        pairs += [(first, second) for second in overlapping if _is_same_work(first, second)]
    return pairs


def _is_same_work(first: Consolidation, second: Consolidation) -> bool:
    if first.likely_game_date and second.likely_game_date:
        return first.likely_game_date == second.likely_game_date
    return bool(first.batch_id) and first.batch_id == second.batch_id


def _merge_interval(run: Consolidation) -> tuple[datetime, datetime]:
    merging_at, merged_at = run.at(EventKind.MERGING), run.at(EventKind.MERGED)
    ended_at = merged_at or run.last_at
    if merging_at is None:
        merging_at = ended_at - timedelta(seconds=run.merge_seconds or 0.0)
    return merging_at, ended_at
