"""What the world saw happen, whatever its programs say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from lib.consolidation.warehouse import Row
from lib.locking.errors import LockAcquisitionError
from lib.locking.lease import Lease
from lib.locking.lock import ConsolidationLock
from proof.scheduler import Process


@dataclass(frozen=True)
class Violation:
    """Something that must never be.

    Attributes:
        what: A key of `proof.checks.PROMISES`.
        how: In words.
    """

    what: str
    how: str


@dataclass(frozen=True)
class HeldLease:
    """A lease that was handed out."""

    process: Process
    lease: Lease

    @property
    def lock_key(self) -> str:
        return self.lease.lock_key

    @property
    def holder_id(self) -> str:
        return self.lease.holder_id

    @property
    def is_believed(self) -> bool:
        """Whether its holder, asked now, would go on; asking changes nothing."""
        if self.process.is_dead or self.lease._is_released:
            return False
        before = self.lease._lost_because
        is_lost = self.lease.is_lost
        self.lease._lost_because = before
        return not is_lost


@dataclass(eq=False)
class OriginalLease:
    """The same of the original lock, whose holder believes until it has let go."""

    process: Process
    lock_key: str
    is_over: bool = False
    holder_id: str = ""

    @property
    def is_believed(self) -> bool:
        return not self.process.is_dead and not self.is_over


@dataclass(frozen=True)
class Staged:
    """Rows that a worker was told to have been written.

    Attributes:
        once: Whether they must not be merged a second time: nothing was added to their table.
    """

    batch_id: str
    rows: Sequence[Row]
    once: bool


@dataclass
class Witness:
    """All that was seen.

    Attributes:
        fences: The newest token that the fence has stood at, by date.
        shut_out: The token of the last forced release that was reported as done, by date.
    """

    staged: list[Staged] = field(default_factory=list)
    leases: list[HeldLease | OriginalLease] = field(default_factory=list)
    fences: dict[date, int] = field(default_factory=dict)
    shut_out: dict[date, int] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)

    def staged_ids(self, batch_id: str) -> set[Any]:
        """The rows of a batch that it is known by now were staged."""
        return {row["prediction_id"] for staged in self.staged if staged.batch_id == batch_id for row in staged.rows}


class ObservedLock(ConsolidationLock):
    """Tells of each lease that it hands out, and of each refusal."""

    def __init__(
        self, *args: Any, on_lease: Callable[[Lease], None], on_refusal: Callable[[date], None], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._on_lease = on_lease
        self._on_refusal = on_refusal

    def _take(
        self, game_date: date, batch_id: str, max_wait_seconds: float, before_waiting: Callable[[], None]
    ) -> Lease:
        try:
            lease = super()._take(game_date, batch_id, max_wait_seconds, before_waiting)
        except LockAcquisitionError:
            self._on_refusal(game_date)
            raise
        self._on_lease(lease)
        return lease
