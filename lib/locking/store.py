"""The port to the store of lock records.

A store offers a few atomic, conditional writes and its own time; the lock algorithm is
written once, in `lib.locking.acquisition`. Client clocks decide nothing: every time in a
record or an observation is the store's.

Each call either returns within `LockStore.request_timeout_seconds`, or raises
`LockServiceUnavailable` (it did not take effect) or `LockOutcomeUnknown` (it may have).
That another client was first is a return value, never an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from lib.words.brief import brief


@dataclass(frozen=True)
class Claim:
    """What an attempt to take a lock writes into the record.

    Attributes:
        lock_key: The lock.
        holder_id: New for each attempt, so that two consolidations of one batch
            differ and an attempt whose answer was lost can recognise its record.
        batch_id: What the lock is for; shown to people.
        lease_seconds: How long the lease lasts after it was acquired or renewed.
        host: Machine and process; shown to people.
    """

    lock_key: str
    holder_id: str
    batch_id: str
    lease_seconds: float
    host: str

    __repr__ = brief("lock_key", "batch_id", "host", "lease_seconds")

    @property
    def holder(self) -> str:
        """The holder, for messages."""
        return f"batch {self.batch_id} on {self.host}"


@dataclass(frozen=True)
class LockRecord:
    """A lock as the store holds it.

    Attributes:
        claim: Who holds it and for how long.
        token: Fencing token: the store's commit time of the acquisition, in
            microseconds since 1970. It only ever increases for a given key.
        acquired_at: The store's time of the acquisition.
        renewed_at: The store's time of the last heartbeat.
        version: Changes with each write; opaque, only compared for equality.
    """

    claim: Claim
    token: int
    acquired_at: datetime
    renewed_at: datetime
    version: str

    __repr__ = brief("claim.lock_key", "claim.batch_id", "claim.host", "expires_at")

    @property
    def expires_at(self) -> datetime:
        """When the lease expires unless it is renewed, by the store's clock."""
        return self.renewed_at + timedelta(seconds=self.claim.lease_seconds)

    def is_held_by(self, claim: Claim) -> bool:
        return self.claim.holder_id == claim.holder_id


@dataclass(frozen=True)
class Observation:
    """A record (None: the lock is free) and the store's time of the reading."""

    record: LockRecord | None
    read_at: datetime

    __repr__ = brief("record", "read_at")

    @property
    def is_expired(self) -> bool:
        """Whether the lease has expired; at the exact instant of its expiry it is still held."""
        return self.record is not None and self.read_at > self.record.expires_at

    @property
    def seconds_until_expiry(self) -> float:
        """Seconds until the lease expires; negative if it has expired, 0 if the lock is free."""
        if self.record is None:
            return 0.0
        return (self.record.expires_at - self.read_at).total_seconds()

    def as_data(self) -> Mapping[str, Any]:
        """Return the observation as JSON values; empty if the lock is free."""
        record = self.record
        if record is None:
            return {}
        return {
            "lock_key": record.claim.lock_key,
            "batch_id": record.claim.batch_id,
            "holder_id": record.claim.holder_id,
            "host": record.claim.host,
            "token": record.token,
            "acquired_at": record.acquired_at.isoformat(),
            "renewed_at": record.renewed_at.isoformat(),
            "expires_at": record.expires_at.isoformat(),
            "is_expired": self.is_expired,
            "seconds_until_expiry": round(self.seconds_until_expiry, 3),
        }


@dataclass(frozen=True)
class AuditEntry:
    """A forced release: what was removed, who removed it and why.

    Attributes:
        removed: The record that was removed.
        actor: Who released it.
        reason: Why, in the operator's words.
        was_live: Whether the lease had not expired, so that the lock was stolen.
        released_at: The store's commit time.
        token: `released_at` in microseconds: greater than the removed record's
            token, and not greater than that of any later acquisition.
        approval: A person's signed approval, as JSON; empty if none was needed.
    """

    removed: LockRecord
    actor: str
    reason: str
    was_live: bool
    released_at: datetime
    token: int
    approval: str = ""

    __repr__ = brief("removed.claim.lock_key", "removed.claim.batch_id", "actor", "released_at")

    def as_data(self) -> Mapping[str, Any]:
        return {
            "lock_key": self.removed.claim.lock_key,
            "batch_id": self.removed.claim.batch_id,
            "holder_id": self.removed.claim.holder_id,
            "host": self.removed.claim.host,
            "acquired_at": self.removed.acquired_at.isoformat(),
            "renewed_at": self.removed.renewed_at.isoformat(),
            "lease_seconds": self.removed.claim.lease_seconds,
            "token": self.removed.token,
            "was_live": self.was_live,
            "actor": self.actor,
            "reason": self.reason,
            "released_at": self.released_at.isoformat(),
            "approval": self.approval,
        }


class LockStore(Protocol):
    """Atomic conditional writes on lock records."""

    @property
    def request_timeout_seconds(self) -> float:
        """The longest that one call takes before it raises."""
        ...

    def create(self, claim: Claim) -> LockRecord | None:
        """Write the record if its key is free; None if it is not."""
        ...

    def take_over(self, expired: LockRecord, claim: Claim) -> LockRecord | None:
        """Replace exactly this version of a record with a new one, in one commit.

        The caller has checked that it has expired. None if it has changed since.
        """
        ...

    def renew(self, record: LockRecord) -> LockRecord | None:
        """Set `renewed_at` to now on exactly this version; None if it has changed."""
        ...

    def delete(self, record: LockRecord) -> bool:
        """Remove exactly this version; False if it has changed or is gone."""
        ...

    def delete_audited(
        self, record: LockRecord, *, actor: str, reason: str, was_live: bool, approval: str = ""
    ) -> AuditEntry | None:
        """Remove exactly this version and file the audit entry, in one commit.

        None if the record has changed or is gone; nothing was written then.

        Args:
            record: The record to remove.
            actor: Who releases it.
            reason: Why, in the operator's words.
            was_live: Whether its lease had not expired.
            approval: A signed approval, as JSON; may be empty.
        """
        ...

    def read(self, lock_key: str) -> Observation:
        """Return the record under the key."""
        ...

    def read_all(self) -> list[Observation]:
        """Return all records, ordered by key."""
        ...

    def audit_entries(self) -> list[AuditEntry]:
        """Return all forced releases, newest first."""
        ...

    def wait_for_change(self, seen: LockRecord, timeout_seconds: float) -> None:
        """Return as soon as the record differs from `seen`, or after the timeout.

        May also return early; the caller reads again.
        """
        ...
