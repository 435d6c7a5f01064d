"""The port to what the coordinator records of its batches: what is done, what is missing, since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from lib.words.brief import brief

MOST_BATCHES = 100
"""So many batches are read at once; a date has a few dozen."""
MOST_PLAYERS = 5_000
"""A list of more is not read as names."""


@dataclass(frozen=True)
class BatchState:
    """One batch, as its document has it. Hostile input: ids and names may be any text.

    Attributes:
        batch_id: Its document's name.
        game_date: None: not recorded.
        expected: How many items it should write rows of; None: not recorded.
        expected_names: Who they are; None: not recorded.
        completed: How many are done, by the larger of the figures that there are; None: not recorded.
        missing: Who is not done, sorted; None: their names are not recorded.
        failed: Who failed at least once, in the document's order.
        predictions: How many rows it made; None: not recorded.
        is_complete: Whether the coordinator has marked it complete.
        started_at, completed_at, updated_at: As recorded (UTC); None: not recorded.
        last_done_at: When the last item was done (UTC); None: not recorded.
        faults: What in the document could not be read, a line each.
    """

    batch_id: str
    game_date: date | None = None
    expected: int | None = None
    expected_names: tuple[str, ...] | None = None
    completed: int | None = None
    missing: tuple[str, ...] | None = None
    failed: tuple[str, ...] = ()
    predictions: int | None = None
    is_complete: bool = False
    started_at: datetime | None = None
    completed_at: datetime | None = None
    updated_at: datetime | None = None
    last_done_at: datetime | None = None
    faults: tuple[str, ...] = ()

    __repr__ = brief("batch_id", "game_date", "completed", "expected")

    @property
    def missing_count(self) -> int | None:
        """None: not known."""
        if self.missing is not None:
            return len(self.missing)
        if self.expected == 0:
            return 0
        return None if self.expected is None or self.completed is None else max(0, self.expected - self.completed)

    @property
    def is_done(self) -> bool:
        """Whether it is complete: marked so, or nobody is missing."""
        return self.is_complete or self.missing_count == 0

    @property
    def percent(self) -> float | None:
        """The share of the items that are done; None: not known."""
        if not self.expected or self.missing_count is None:
            return None
        return 100 * (self.expected - self.missing_count) / self.expected

    @property
    def ended_at(self) -> datetime | None:
        """When it was complete, as far as that is recorded."""
        return self.completed_at or self.moved_at

    @property
    def moved_at(self) -> datetime | None:
        """When it last moved: its last item was done or, where that is not recorded, its document was written."""
        return self.last_done_at or self.updated_at or self.started_at


class BatchStates(Protocol):
    """Read access to the batches' documents.

    Both forms are read: `completed_players` as a list, and `completed_count` with a document for each item. A
    document that does not fit is a state with `faults`, and never an error. At most `MOST_BATCHES` are returned, newest
    first; those without a start come last. Each call raises `SourceUnavailable`.
    """

    @property
    def place(self) -> str:
        """Where the documents are, for people, and the setting that says so."""
        ...

    def of_date(self, game_date: date) -> list[BatchState]:
        """The batches of a date; where there are more, which ones are left out is not promised."""
        ...

    def since(self, moment: datetime) -> list[BatchState]:
        """Those that started then (UTC) or later; those without a start are left out."""
        ...

    def batch(self, batch_id: str) -> BatchState | None:
        """One batch; None: there is none of that id, or it cannot be an id of a batch that has staging tables."""
        ...


def newest_first(states: list[BatchState]) -> list[BatchState]:
    """The `MOST_BATCHES` newest by their start, those without one last."""
    dated = sorted((state for state in states if state.started_at), key=lambda state: str(state.started_at))
    return [*reversed(dated), *(state for state in states if not state.started_at)][:MOST_BATCHES]


def is_cut(states: list[BatchState]) -> bool:
    """Whether some may be missing."""
    return len(states) >= MOST_BATCHES
