"""The port to the coordinator's records of its batches: what is done, what is missing, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from lib.words.brief import brief

MOST_BATCHES = 100
"""The maximum number of batches read at once; a date has a few dozen."""
MOST_PLAYERS = 5_000
"""The names in a longer list are not read."""


@dataclass(frozen=True)
class BatchState:
    """One batch, as described by its document. Hostile input: ids and names may be any text.

    Attributes:
        batch_id: The document's name.
        game_date: The date; None if not recorded.
        expected: How many items should have rows; None if not recorded.
        expected_names: Their names; None if not recorded.
        completed: How many are done, by the largest recorded figure; None if not recorded.
        missing: Names of items that are not done, sorted; None if names are not recorded.
        failed: Names of items that failed at least once, in the document's order.
        predictions: How many rows it produced; None if not recorded.
        is_complete: Whether the coordinator has marked it complete.
        started_at, completed_at, updated_at: As recorded (UTC); None if not recorded.
        last_done_at: When the last item was done (UTC); None if not recorded.
        faults: A line for each part of the document that could not be read.
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
        """How many items are not done; None if unknown."""
        if self.missing is not None:
            return len(self.missing)
        if self.expected == 0:
            return 0
        return None if self.expected is None or self.completed is None else max(0, self.expected - self.completed)

    @property
    def is_done(self) -> bool:
        """Whether it is complete: it is marked so, or no item is missing."""
        return self.is_complete or self.missing_count == 0

    @property
    def percent(self) -> float | None:
        """The share of items that are done, 0 to 100; None if unknown."""
        if not self.expected or self.missing_count is None:
            return None
        return 100 * (self.expected - self.missing_count) / self.expected

    @property
    def ended_at(self) -> datetime | None:
        """When it was completed, as far as recorded."""
        return self.completed_at or self.moved_at

    @property
    def moved_at(self) -> datetime | None:
        """When it last made progress: its last item was done or, if not recorded, its document was written."""
        return self.last_done_at or self.updated_at or self.started_at


class BatchStates(Protocol):
    """Read access to the batches' documents.

    Both forms are supported: `completed_players` as a list, and `completed_count` with a document for each item. An
    invalid document gives a state with `faults`, never an error. At most `MOST_BATCHES` are returned, newest first;
    those without a start come last. Each call may raise `SourceUnavailable`.
    """

    @property
    def place(self) -> str:
        """The documents' location and the setting that names it, for people."""
        ...

    def of_date(self, game_date: date) -> list[BatchState]:
        """Return the batches of a date; if there are too many, any of them may be left out."""
        ...

    def since(self, moment: datetime) -> list[BatchState]:
        """Return the batches that started at that time (UTC) or later, without those that have no start."""
        ...

    def batch(self, batch_id: str) -> BatchState | None:
        """Return one batch; None if there is no batch with that id, or if it is not a valid batch id."""
        ...


def newest_first(states: list[BatchState]) -> list[BatchState]:
    """Return the `MOST_BATCHES` newest by their start, those without a start last."""
    dated = sorted((state for state in states if state.started_at), key=lambda state: str(state.started_at))
    return [*reversed(dated), *(state for state in states if not state.started_at)][:MOST_BATCHES]


def is_cut(states: list[BatchState]) -> bool:
    """Return whether some batches may be missing."""
    return len(states) >= MOST_BATCHES
