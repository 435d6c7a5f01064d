"""A lease on a lock.

A lease does not guarantee that only its holder writes: a holder that was paused may wake
up after another has taken the lock over. A resource must check the fencing token to
refuse such a writer. The lease only avoids wasted work.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from lib.errors import UserError
from lib.locking.errors import LeaseLost, LockOutcomeUnknown
from lib.locking.store import LockRecord, LockStore
from lib.words.brief import brief

LOCK_TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class LeaseTiming:
    """How long a lease lasts and how often it is renewed, in seconds.

    ``lease > renewal deadline > heartbeat``: a holder gives its lease up before the store
    lets another take it, and has several heartbeats to renew it before that.

    Attributes:
        lease_seconds: Another may take the lock this long after the last renewal.
        renewal_deadline_seconds: The holder stops trusting its lease this long after
            it sent the last successful renewal. Default: two thirds of the lease.
        heartbeat_seconds: Pause between renewals. Default: a sixth of the lease.
    """

    lease_seconds: float = LOCK_TIMEOUT_SECONDS
    renewal_deadline_seconds: float = 0.0
    heartbeat_seconds: float = 0.0

    def __post_init__(self) -> None:
        deadline = self.renewal_deadline_seconds or self.lease_seconds * 2 / 3
        heartbeat = self.heartbeat_seconds or self.lease_seconds / 6
        object.__setattr__(self, "renewal_deadline_seconds", deadline)
        object.__setattr__(self, "heartbeat_seconds", heartbeat)
        if not self.lease_seconds > deadline > heartbeat > 0:
            raise UserError(
                f"lock timing is impossible: lease {self.lease_seconds:g}s must be longer than the renewal "
                f"deadline {deadline:g}s, and that longer than the heartbeat {heartbeat:g}s"
            )

    def check_request_timeout(self, request_timeout_seconds: float) -> None:
        """Check that a hanging renewal times out before the lease expires.

        Raises:
            UserError: The lease is too short.
        """
        if request_timeout_seconds >= self.lease_seconds - self.renewal_deadline_seconds:
            raise UserError(
                f"a lease of {self.lease_seconds:g}s with a renewal deadline of {self.renewal_deadline_seconds:g}s "
                f"is too short for a lock request of up to {request_timeout_seconds:g}s; use a longer lease"
            )


class Lease:
    """The right to work on one date, from `ConsolidationLock.acquire`.

    Attributes:
        token: Fencing token, in microseconds since 1970; pass it to the resource that is written to.
        waited_seconds: How long the acquisition took.
        had_to_wait: Whether another held the lock at first.
    """

    __repr__ = brief("record.claim.lock_key", "record.claim.batch_id")

    def __init__(
        self,
        store: LockStore,
        record: LockRecord,
        timing: LeaseTiming,
        *,
        sent_at: float,
        waited_seconds: float,
        had_to_wait: bool,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._record = record
        self._timing = timing
        self._monotonic = monotonic
        self._trusted_until = sent_at + timing.renewal_deadline_seconds
        self._lost_because = ""
        self._is_released = False
        self.token = record.token
        self.waited_seconds = waited_seconds
        self.had_to_wait = had_to_wait

    @property
    def lock_key(self) -> str:
        return self._record.claim.lock_key

    @property
    def holder_id(self) -> str:
        return self._record.claim.holder_id

    @property
    def batch_id(self) -> str:
        return self._record.claim.batch_id

    @property
    def is_lost(self) -> bool:
        """Whether the lease is gone, or can no longer be trusted."""
        if not self._lost_because and self._monotonic() > self._trusted_until:
            self._lost_because = (
                f"it could not be renewed for {self._timing.renewal_deadline_seconds:g}s "
                "(the process was paused, or the lock service did not answer)"
            )
        return bool(self._lost_because)

    def ensure_held(self) -> None:
        """Raise `LeaseLost` unless the lease is held. Call it before each write."""
        if self.is_lost:
            raise LeaseLost(
                f"The lease on {self.lock_key} (batch={self.batch_id}) was lost: {self._lost_because}; "
                "nothing may be written under it"
            )

    def renew(self) -> None:
        """Renew the lease once, or mark it as lost if the record is no longer ours.

        Raises:
            LockServiceUnavailable: The store did not answer; the lease stays valid until
                its renewal deadline.
        """
        if self.is_lost:
            return
        sent_at = self._monotonic()
        renewed = self._store.renew(self._record) or self._renew_own_record()
        if renewed is None:
            self._lost_because = "another holder took it, or it was released by force"
            return
        self._record = renewed
        self._trusted_until = sent_at + self._timing.renewal_deadline_seconds

    def _renew_own_record(self) -> LockRecord | None:
        """Renew the current record if it is ours: an earlier renewal may have succeeded but its answer was lost."""
        found = self._store.read(self.lock_key).record
        if found is None or not found.is_held_by(self._record.claim):
            return None
        return self._store.renew(found)

    def release(self) -> bool:
        """Remove the record if it is still ours.

        Returns:
            False when the record was no longer ours.

        Raises:
            LockServiceUnavailable: The store did not answer; the record expires by itself.
        """
        self._is_released = True
        answer_was_lost = False
        try:
            if self._store.delete(self._record):
                return True
        except LockOutcomeUnknown:
            answer_was_lost = True
        found = self._store.read(self.lock_key).record
        if found is not None and found.is_held_by(self._record.claim):
            return self._store.delete(found)
        if not answer_was_lost:
            self._lost_because = self._lost_because or "another holder took it, or it was released by force"
        return answer_was_lost
