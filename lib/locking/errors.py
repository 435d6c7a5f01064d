"""Errors of locks.

LockError
├── LockAcquisitionError   another holds it until a known time; try again then
├── LeaseLost              we held it and no longer do; stop writing
├── LeaseStillLive         a forced release was refused: the lease has not expired
├── NothingToRelease       a forced release found no lock
├── FenceNotMoved          a lock was released by force, but its holder is not shut out yet
└── LockServiceUnavailable the store did not answer; nothing is known about the lock
    └── LockOutcomeUnknown a write was sent and its answer was lost
"""

from __future__ import annotations

from datetime import datetime

from lib.errors import RunbookError, Unavailable, UserError


class LockError(RunbookError):
    """Base of all lock errors."""


class LockAcquisitionError(LockError):
    """Another holds the lock, and did not release it in the time allowed.

    Attributes:
        lock_key: The requested lock.
        held_by: Batch and host of the holder seen last.
        held_until: When its lease expires unless it is renewed, by the store's clock.
        waited_seconds: How long the caller waited.
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
    """The lease expired or was taken over during the work: stop writing."""


class LeaseStillLive(LockError, UserError):
    """The lease has not expired, and is released only with `steal`."""


class NothingToRelease(LockError, UserError):
    """There is no lock under that key."""


class FenceNotMoved(LockError):
    """The lock was removed and the audit entry filed, but the fence does not shut its holder out yet."""


class LockServiceUnavailable(LockError, Unavailable):
    """The lock store could not be reached or returned an error; who holds the lock is unknown."""


class LockOutcomeUnknown(LockServiceUnavailable):
    """A write was sent and its answer was lost: it may have taken effect."""
