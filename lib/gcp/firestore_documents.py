"""Converts lock records and audit entries to and from Firestore documents.

All decisions use the server's metadata: a document's ``create_time`` and ``update_time`` and a read's
``read_time``, in microseconds. The timestamp fields are only for people, dashboards and the TTL policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud.firestore import SERVER_TIMESTAMP, DocumentSnapshot

from lib.locking.lease import LOCK_TIMEOUT_SECONDS
from lib.locking.store import AuditEntry, Claim, LockRecord, Observation
from lib.ports.approvals import KEPT_DAYS, LONGEST_ENTRY, Entry

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEPT_AFTER_EXPIRY = timedelta(days=7)
_LONGEST_LEASE_SECONDS = 1e9
_LONGEST_TEXT = 2_000


def lock_fields(claim: Claim) -> dict[str, Any]:
    """Return the fields of a new lock document; the services' own lock reads the holder from ``operation_id``."""
    return {
        **asdict(claim),
        "operation_id": claim.batch_id,
        "acquired_at": SERVER_TIMESTAMP,
        **renewal_fields(claim),
    }


def renewal_fields(claim: Claim) -> dict[str, Any]:
    """Return the fields that a heartbeat sets.

    ``expires_at`` and ``purge_after`` use this machine's clock: the TTL policy has days of margin, and
    this library ignores both. The services' own lock takes over after ``expires_at``, so each heartbeat
    moves it.
    """
    expires_at = datetime.now(UTC) + timedelta(seconds=claim.lease_seconds)
    return {
        "renewed_at": SERVER_TIMESTAMP,
        "expires_at": expires_at,
        "purge_after": expires_at + _KEPT_AFTER_EXPIRY,
    }


def audit_fields(removed: LockRecord, *, actor: str, reason: str, was_live: bool, approval: str = "") -> dict[str, Any]:
    """Return the fields of the audit document of a forced release."""
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
        "approval": approval,
    }


def approval_fields(entry: Entry) -> dict[str, Any]:
    """Return the fields of the document of a plan that awaits approval; a TTL policy on ``purge_after`` deletes it."""
    purge_after = datetime.now(UTC) + timedelta(days=KEPT_DAYS)
    return {**asdict(entry), "added_at": SERVER_TIMESTAMP, "purge_after": purge_after}


def approval_entry(document: DocumentSnapshot[Any]) -> Entry:
    """Return the entry stored in the document of a plan that awaits approval."""
    fields = document.to_dict() or {}
    kind, text = _text(fields.get("kind")), _text(fields.get("text"), most=LONGEST_ENTRY)
    return Entry(_text(fields.get("plan")), kind, text)


def observation(document: DocumentSnapshot[Any]) -> Observation:
    """Return the observation from a read of a lock document."""
    read_at = plain(document.read_time)
    if not document.exists:
        return Observation(None, read_at)
    created_at, updated_at = plain(document.create_time), plain(document.update_time)
    claim = _claim(document.id, document)
    acquired_at = _acquired_at(document, created_at, updated_at)
    return Observation(LockRecord(claim, token(created_at), acquired_at, updated_at, version(updated_at)), read_at)


def written_record(claim: Claim, committed_at: datetime) -> LockRecord:
    """Return the record as created by a commit."""
    return LockRecord(claim, token(committed_at), committed_at, committed_at, version(committed_at))


def renewed_record(record: LockRecord, committed_at: datetime) -> LockRecord:
    """Return the record as renewed by a commit."""
    return replace(record, renewed_at=committed_at, version=version(committed_at))


def audit_entry(document: DocumentSnapshot[Any]) -> AuditEntry:
    """Return an audit document as an entry; a foreign document becomes an entry with that as its reason."""
    fields = document.to_dict() or {}
    released_at = plain(document.create_time)
    number = fields.get("token")
    removed = LockRecord(
        _claim(_text(fields.get("lock_key"), document.id), document),
        number if isinstance(number, int) else 0,
        _moment(fields.get("acquired_at")) or released_at,
        _moment(fields.get("renewed_at")) or released_at,
        _text(fields.get("version")),
    )
    reason = _text(fields.get("reason"), f"not a forced release of this library: {_names(fields)}")
    actor, was_live = _text(fields.get("actor"), "unknown"), fields.get("was_live") is True
    approval = _text(fields.get("approval"), most=LONGEST_ENTRY)
    return AuditEntry(removed, actor, reason, was_live, released_at, token(released_at), approval)


def plain(stamp: datetime) -> datetime:
    """Convert the client's subclass of datetime to a datetime, exactly."""
    return _EPOCH + (stamp - _EPOCH)


def token(committed_at: datetime) -> int:
    """Return a commit time as a fencing token: microseconds since 1970."""
    return (committed_at - _EPOCH) // timedelta(microseconds=1)


def version(updated_at: datetime) -> str:
    """Return the version of a document: the time of its last write."""
    return updated_at.isoformat()


def _claim(lock_key: str, document: DocumentSnapshot[Any]) -> Claim:
    """Return the claim in a lock document, also if another program wrote it.

    Documents of the services' own lock lack host and lease; newer ones have ``operation_id`` and
    ``lock_type`` instead of ``batch_id``.
    """
    fields = document.to_dict() or {}
    operation = _text(fields.get("operation_id"))
    is_lock = bool(operation) or isinstance(fields.get("holder_id"), str)
    unknown = "unknown" if is_lock else f"(not a lock of this library: {_names(fields)})"
    lock_type = _text(fields.get("lock_type"))
    return Claim(
        lock_key=lock_key,
        holder_id=_text(fields.get("holder_id"), operation),
        batch_id=_text(fields.get("batch_id"), operation or unknown),
        lease_seconds=_lease_seconds(fields, plain(document.update_time)),
        host=_text(fields.get("host"), f"unknown host, a {lock_type} lock" if lock_type else "unknown host"),
    )


def _acquired_at(document: DocumentSnapshot[Any], created_at: datetime, updated_at: datetime) -> datetime:
    """Return when the holder acquired the lock: not its creation, as the services reuse an expired document."""
    fields = document.to_dict() or {}
    recorded = None if "lease_seconds" in fields else _moment(fields.get("acquired_at"))
    return recorded if recorded and created_at <= recorded <= updated_at else created_at


def _lease_seconds(fields: Mapping[str, Any], updated_at: datetime) -> float:
    """Return the lease; an implausible value must not lock a date permanently.

    The services' old lock records no lease, only when it expires by its holder's clock.
    """
    lease, ends_at = fields.get("lease_seconds"), _moment(fields.get("expires_at"))
    if lease is None and ends_at is not None:
        lease = (ends_at - updated_at).total_seconds()
    if isinstance(lease, int | float) and not isinstance(lease, bool) and 0 < lease <= _LONGEST_LEASE_SECONDS:
        return lease
    return LOCK_TIMEOUT_SECONDS


def _moment(value: object) -> datetime | None:
    return plain(value) if isinstance(value, datetime) else None


def _text(value: object, otherwise: str = "", *, most: int = _LONGEST_TEXT) -> str:
    return value[:most] if isinstance(value, str) else otherwise


def _names(fields: Mapping[str, Any]) -> str:
    """Describe the fields of a foreign document, for people."""
    named = ", ".join(f"{name!r:.40}" for name in sorted(fields)[:5])
    return f"it has the fields {named}" if named else "it is empty"
