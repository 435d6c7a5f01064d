"""Lock records and audit entries to and from Firestore documents.

What decides anything is the server's metadata: ``create_time`` and ``update_time`` of a
document and ``read_time`` of a reading, in microseconds. The timestamp fields beside
them are for people, dashboards and a TTL policy.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud.firestore import SERVER_TIMESTAMP, DocumentSnapshot

from lib.locking.lease import LOCK_TIMEOUT_SECONDS
from lib.locking.store import AuditEntry, Claim, LockRecord, Observation

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEPT_AFTER_EXPIRY = timedelta(days=7)
_LONGEST_LEASE_SECONDS = 1e9


def lock_fields(claim: Claim) -> dict[str, Any]:
    """The fields of a new lock document."""
    return {**asdict(claim), "acquired_at": SERVER_TIMESTAMP, **renewal_fields(claim)}


def renewal_fields(claim: Claim) -> dict[str, Any]:
    """The fields that a heartbeat sets.

    ``expires_at`` and ``purge_after`` are by this machine's clock: people read them, and
    the TTL policy has days of room. No lock is judged by them.
    """
    expires_at = datetime.now(UTC) + timedelta(seconds=claim.lease_seconds)
    return {
        "renewed_at": SERVER_TIMESTAMP,
        "expires_at": expires_at,
        "purge_after": expires_at + _KEPT_AFTER_EXPIRY,
    }


def audit_fields(removed: LockRecord, *, actor: str, reason: str, was_live: bool) -> dict[str, Any]:
    """The fields of the audit document of a forced release."""
    return {
        **asdict(removed.claim),
        "token": removed.token,
        "acquired_at": removed.acquired_at,
        "renewed_at": removed.renewed_at,
        "version": removed.version,
        "actor": actor,
        "reason": reason,
        "was_live": was_live,
        "released_at": SERVER_TIMESTAMP,
    }


def observation(document: DocumentSnapshot[Any]) -> Observation:
    """What a reading of a lock document says."""
    record = _lock_record(document) if document.exists else None
    return Observation(record, plain(document.read_time))


def written_record(claim: Claim, committed_at: datetime) -> LockRecord:
    """The record as the commit that created it left it."""
    return LockRecord(claim, token(committed_at), committed_at, committed_at, version(committed_at))


def renewed_record(record: LockRecord, committed_at: datetime) -> LockRecord:
    """The record as the commit that renewed it left it."""
    return replace(record, renewed_at=committed_at, version=version(committed_at))


def audit_entry(document: DocumentSnapshot[Any]) -> AuditEntry:
    """An audit document, read back."""
    fields = document.to_dict() or {}
    removed = LockRecord(
        _claim(str(fields["lock_key"]), fields),
        fields["token"],
        plain(fields["acquired_at"]),
        plain(fields["renewed_at"]),
        fields["version"],
    )
    released_at = plain(document.create_time)
    return AuditEntry(removed, fields["actor"], fields["reason"], fields["was_live"], released_at, token(released_at))


def plain(stamp: datetime) -> datetime:
    """The client's own subclass of datetime as a datetime, exactly."""
    return _EPOCH + (stamp - _EPOCH)


def token(committed_at: datetime) -> int:
    """A commit time as a fencing token: microseconds since 1970."""
    return (committed_at - _EPOCH) // timedelta(microseconds=1)


def version(updated_at: datetime) -> str:
    """The version of a document: when it was last written."""
    return updated_at.isoformat()


def _lock_record(document: DocumentSnapshot[Any]) -> LockRecord:
    created_at, updated_at = plain(document.create_time), plain(document.update_time)
    claim = _claim(document.id, document.to_dict() or {})
    return LockRecord(claim, token(created_at), created_at, updated_at, version(updated_at))


def _claim(lock_key: str, fields: dict[str, Any]) -> Claim:
    """Documents of the guide's own lock lack host and lease, and must be readable too."""
    return Claim(
        lock_key=lock_key,
        holder_id=str(fields.get("holder_id", "")),
        batch_id=str(fields.get("batch_id", "unknown")),
        lease_seconds=_lease_seconds(fields.get("lease_seconds")),
        host=str(fields.get("host", "unknown host")),
    )


def _lease_seconds(value: object) -> float:
    """A field that is no sensible duration must not keep a date locked for good."""
    if isinstance(value, int | float) and 0 < value <= _LONGEST_LEASE_SECONDS:
        return value
    return LOCK_TIMEOUT_SECONDS
