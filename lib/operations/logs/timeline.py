"""Consolidations, reconstructed from the lines that they logged.

Lines of one instance are joined by what they share: the batch, the date (which a lock key also contains) and the
time. A line that names no batch belongs to the run that expects such a line (`lib.operations.logs.joining`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import takewhile

from lib.operations.logs.events import EXPECTED_ORDER, CountsFrom, Event, EventKind
from lib.words.brief import brief
from lib.words.dates import date_in

_NEVER = datetime.max.replace(tzinfo=UTC)
# Each of these ends a run without its rows in the table, or with rows that should not be there.
FAILURES = frozenset(
    {
        EventKind.VALIDATION_FAILED,
        EventKind.ACQUISITION_FAILED,
        EventKind.LOST,
        EventKind.MERGE_EMPTY,
        EventKind.MERGE_FAILED,
        EventKind.CONSOLIDATION_FAILED,
    }
)
RESULTS = FAILURES | {EventKind.CONSOLIDATED}
_PRINTS = frozenset({EventKind.TRIGGERED, EventKind.STARTING, EventKind.CONSOLIDATED, EventKind.CONSOLIDATION_FAILED})
_LOCK_GONE = frozenset({EventKind.RELEASED, EventKind.ALREADY_RELEASED, EventKind.NO_LOCK, EventKind.RELEASE_FAILED})


class Progress(StrEnum):
    """How far a consolidation got."""

    COMPLETED = "completed"
    REPEATED = "already consolidated"
    NOTHING_STAGED = "nothing staged"
    NO_MERGE = "released without a MERGE"
    FAILED = "failed"
    RUNNING = "running"
    UNFINISHED = "unfinished"


@dataclass
class Consolidation:
    """One consolidation as its log lines describe it.

    Attributes:
        service: The service that ran it.
        instance: The service's instance; empty when unknown.
        batch_id: The batch; empty when no line named it.
        game_date: The date; None when no line named it.
        events: The first line of each kind, in the order in which they were logged.
        last_at: When its last line was logged.
        results: The words of the lines that reported its result.
        dialects: How many of its lines each dialect recognises.
    """

    service: str
    instance: str
    batch_id: str = ""
    game_date: date | None = None
    events: dict[EventKind, Event] = field(default_factory=dict)
    last_at: datetime = _NEVER
    results: set[str] = field(default_factory=set)
    dialects: Counter[str] = field(default_factory=Counter)

    __repr__ = brief("batch_id", "started_at", "latest")

    def add(self, event: Event) -> None:
        """Add a line to this run."""
        self.events.setdefault(event.kind, event)
        self.last_at = event.at
        self.batch_id = self.batch_id or event.batch_id
        self.game_date = self.game_date or event.game_date
        self.dialects.update(event.dialects)
        if event.kind in RESULTS:
            self.results.add(event.anchor)

    def at(self, kind: EventKind) -> datetime | None:
        event = self.events.get(kind)
        return event.at if event else None

    def has(self, *kinds: EventKind) -> bool:
        """Whether it logged a line of any of these kinds."""
        return not self.events.keys().isdisjoint(kinds)

    @property
    def started_at(self) -> datetime:
        return next(iter(self.events.values())).at

    @property
    def latest(self) -> EventKind:
        """The meaning of its latest line of a new kind."""
        return next(reversed(self.events))

    @property
    def likely_game_date(self) -> date | None:
        """The date that a line named, else the date in the batch's id."""
        return self.game_date or date_in(self.batch_id)

    @property
    def failure(self) -> Event | None:
        """The first line that reports why it failed; None: it did not."""
        return next((event for kind, event in self.events.items() if kind in FAILURES), None)

    @property
    def rows(self) -> int | None:
        """Rows affected by its MERGE."""
        of = self.events.get(EventKind.MERGED) or self.events.get(EventKind.CONSOLIDATED)
        return of.rows if of else None

    @property
    def staging_tables(self) -> int | None:
        of = self.events.get(EventKind.MERGING) or self.events.get(EventKind.CONSOLIDATED)
        return of.staging_tables if of else None

    @property
    def duplicates(self) -> int | None:
        """Duplicate keys that its validation reported; None: no validation ran, or it gave no figure."""
        if failed := self.events.get(EventKind.VALIDATION_FAILED):
            return failed.duplicates or 1
        if self.has(EventKind.NOT_VALIDATED):
            return None
        return 0 if self.has(EventKind.VALIDATED, EventKind.INACTIVE_DUPLICATES) else None

    @property
    def lock_wait_seconds(self) -> float | None:
        for kind in (EventKind.ACQUIRED, EventKind.ACQUISITION_FAILED):
            if kind in self.events and (waited := self.events[kind].waited_seconds) is not None:
                return waited
        ended = EventKind.ACQUIRED if self.has(EventKind.ACQUIRED) else EventKind.ACQUISITION_FAILED
        return self.between(EventKind.ACQUIRING, ended)

    @property
    def counts_from(self) -> CountsFrom:
        """When the duration of its MERGE begins, by the dialect that recognises most of its lines."""
        by_dialect = self.events[EventKind.MERGED].counts_from
        dialect = max(by_dialect, key=lambda name: self.dialects[name], default="")
        return by_dialect.get(dialect, CountsFrom.MERGE)

    @property
    def merge_seconds(self) -> float | None:
        """Duration of the MERGE alone, without a wait for the lock."""
        merged = self.events.get(EventKind.MERGED)
        if merged is None:
            return None
        if merged.duration_ms is not None and self.counts_from is CountsFrom.MERGE:
            return merged.duration_ms / 1000
        return self.between(EventKind.MERGING, EventKind.MERGED)

    @property
    def validation_seconds(self) -> float | None:
        ended = EventKind.VALIDATED if self.has(EventKind.VALIDATED) else EventKind.INACTIVE_DUPLICATES
        return self.between(EventKind.VALIDATING, ended)

    @property
    def work_seconds(self) -> float | None:
        """Duration from the acquisition to the last line, without waiting for others.

        If no lock line was logged, the duration of the MERGE.
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
        """Return how far it has got; after `silent_after_seconds` without a line it is unfinished."""
        for known, is_so in (
            (Progress.FAILED, self.failure is not None),
            (Progress.COMPLETED, self._is_complete),
            (Progress.REPEATED, self.has(EventKind.ALREADY_DONE)),
            (Progress.NOTHING_STAGED, self.has(EventKind.NOTHING_STAGED, EventKind.CONSOLIDATED)),
            (Progress.NO_MERGE, self.has(*_LOCK_GONE)),
        ):
            if is_so:
                return known
        is_silent = (now - self.last_at).total_seconds() > silent_after_seconds
        return Progress.UNFINISHED if is_silent else Progress.RUNNING

    @property
    def _is_complete(self) -> bool:
        if self.has(EventKind.MERGED):
            return self.has(*_LOCK_GONE, EventKind.CONSOLIDATED) or not self.has_lock_lines
        # The coordinator also reports success, with 0 rows, when it found nothing to merge.
        return self.has(EventKind.CONSOLIDATED) and bool(self.rows)

    @property
    def has_merge(self) -> bool:
        return self.has(EventKind.MERGING, EventKind.MERGED) or (self.has(EventKind.CONSOLIDATED) and bool(self.rows))

    @property
    def is_only_printed(self) -> bool:
        """Whether only the coordinator's print output was collected, so nothing shows what the lock did."""
        return self.has(*_PRINTS) and not self.has(*(kind for kind in EventKind if kind not in _PRINTS | FAILURES))

    @property
    def has_lock_lines(self) -> bool:
        return self.has(EventKind.ACQUIRING, EventKind.ACQUIRED, EventKind.RELEASED)

    @property
    def merged_without_lock(self) -> bool:
        """Whether its MERGE ran and no line shows that it held the lock."""
        return self.has(EventKind.MERGING, EventKind.MERGED) and not self.has(EventKind.ACQUIRED)

    @property
    def is_in_order(self) -> bool:
        """Whether its lines are in the expected order."""
        ranks = [EXPECTED_ORDER.index(kind) for kind in self.events if kind in EXPECTED_ORDER]
        return ranks == sorted(ranks)

    @property
    def missing(self) -> tuple[EventKind, ...]:
        """Expected lines that are missing; a validation may end with inactive duplicates instead of passing."""
        ended = EventKind.VALIDATED if self.has(EventKind.INACTIVE_DUPLICATES) else None
        return tuple(kind for kind in EXPECTED_ORDER if kind not in self.events and kind is not ended)


def batch_names(runs: Sequence[Consolidation]) -> str:
    """Return the first three batches: ``b1, b2, b3 and 2 more``."""
    names = list(dict.fromkeys(run.batch_id or "an unnamed batch" for run in runs))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


def overlapping_merges(runs: Sequence[Consolidation]) -> list[tuple[Consolidation, Consolidation]]:
    """Return pairs of consolidations of one date, or of one batch, whose MERGEs overlapped."""
    merging = sorted(
        (run for run in runs if run.has(EventKind.MERGING, EventKind.MERGED)), key=lambda run: merge_interval(run)[0]
    )
    pairs = []
    for number, first in enumerate(merging):
        ended_at = merge_interval(first)[1]
        overlapping = takewhile(lambda run: merge_interval(run)[0] < ended_at, merging[number + 1 :])  # noqa: B023
        pairs += [(first, second) for second in overlapping if _is_same_work(first, second)]
    return pairs


def _is_same_work(first: Consolidation, second: Consolidation) -> bool:
    if first.likely_game_date and second.likely_game_date:
        return first.likely_game_date == second.likely_game_date
    return bool(first.batch_id) and first.batch_id == second.batch_id


def merge_interval(run: Consolidation) -> tuple[datetime, datetime]:
    """Return when its MERGE began and ended, by its lines; if no line reports the end, its last line."""
    merging_at = run.at(EventKind.MERGING)
    ended_at = run.at(EventKind.MERGED) or run.at(EventKind.MERGE_FAILED) or run.last_at
    if merging_at is None:
        merging_at = ended_at - timedelta(seconds=run.merge_seconds or 0.0)
    return merging_at, ended_at
