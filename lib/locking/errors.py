"""What can go wrong with a lock.

LockError
├── LockAcquisitionError   held by someone else until a known time; try again then
├── LeaseLost              it was ours and is not any more; stop writing
├── LeaseStillLive         a forced release was refused: the holder is alive
├── NothingToRelease       a forced release found no lock
├── FenceNotMoved          a lock was released by force, and its holder is not shut out yet
└── LockServiceUnavailable the store did not answer; nothing is known about the lock
    └── LockOutcomeUnknown a write was sent and its answer was lost
"""

from __future__ import annotations

from datetime import datetime

from lib.errors import RunbookError, Unavailable, UserError


class LockError(RunbookError):
    """Base of all lock errors."""


class LockAcquisitionError(LockError):
    """The lock is held by another and did not become free in the time allowed.

    Attributes:
        lock_key: The lock that was asked for.
        held_by: Batch and host of the holder seen last.
        held_until: When its lease ends unless it is renewed, by the store's clock.
    """

    def __init__(self, lock_key: str, *, held_by: str, held_until: datetime, waited_seconds: float) -> None:
        self.lock_key = lock_key
        self.held_by = held_by
        self.held_until = held_until
        self.waited_seconds = waited_seconds
        super().__init__(
            f"Cannot acquire consolidation lock: {lock_key} is held by {held_by} until "
            f"{held_until:%Y-%m-%d %H:%M:%S} UTC (waited {waited_seconds:.1f}s)"
        )


class LeaseLost(LockError):
    """The lease ended or was taken while the work went on: do not write any more."""


class LeaseStillLive(LockError, UserError):
    """A live lease is only released when told to steal it."""


class NothingToRelease(LockError, UserError):
    """There is no lock under that key."""


class FenceNotMoved(LockError):
    """The record is gone and the audit entry filed, but the fence still lets its holder pass."""


class LockServiceUnavailable(LockError, Unavailable):
    """The lock store could not be reached or answered with a fault.

    Says nothing about who holds the lock.
    """


class LockOutcomeUnknown(LockServiceUnavailable):
    """A write was sent and its answer was lost: it may have taken effect."""
