"""What actually happened in the world, independent of what its programs report."""

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
    """A broken promise.

    Attributes:
        what: A key of `proof.checks.PROMISES`.
        how: How it was broken.
    """

    what: str
    how: str


@dataclass(frozen=True)
class HeldLease:
    """A lease that was granted."""

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
        """Return whether its holder would continue now; changes nothing."""
        if self.process.is_dead or self.lease._is_released:
            return False
        before = self.lease._lost_because
        is_lost = self.lease.is_lost
        self.lease._lost_because = before
        return not is_lost


@dataclass(eq=False)
class OriginalLease:
    """The same for the original lock, whose holder believes in it until it releases it."""

    process: Process
    lock_key: str
    is_over: bool = False
    holder_id: str = ""

    @property
    def is_believed(self) -> bool:
        return not self.process.is_dead and not self.is_over


@dataclass(frozen=True)
class Staged:
    """Rows whose writing was acknowledged to a worker.

    Attributes:
        once: Whether they must not be merged twice, because nothing was added to their table.
    """

    batch_id: str
    rows: Sequence[Row]
    once: bool


@dataclass
class Witness:
    """All recorded events.

    Attributes:
        fences: The newest token of the fence, by date.
        shut_out: The token of the last forced release that has returned, by date.
    """

    staged: list[Staged] = field(default_factory=list)
    leases: list[HeldLease | OriginalLease] = field(default_factory=list)
    fences: dict[date, int] = field(default_factory=dict)
    shut_out: dict[date, int] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)

    def staged_ids(self, batch_id: str) -> set[Any]:
        """Return the rows of a batch that are known to be staged by now."""
        return {row["prediction_id"] for staged in self.staged if staged.batch_id == batch_id for row in staged.rows}


class ObservedLock(ConsolidationLock):
    """Records each lease that it grants, and each refusal."""

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
