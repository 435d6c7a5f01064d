"""The release of one lock: by name, with a reason, verified and on record."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from lib.errors import UserError
from lib.locking.store import AuditEntry
from lib.operations import by_hand
from lib.operations.dates import date_in, local_time
from lib.operations.section import Section, section
from lib.operations.tables import Table, facts
from lib.operations.verdict import Check, Verdict

if TYPE_CHECKING:
    from lib.environment import Environment
    from lib.locking.lock import ConsolidationLock
    from lib.platform import Platform

_DATE_AT_END = re.compile(r"(\d{4}-\d{2}-\d{2})\Z", re.ASCII)


@dataclass(frozen=True)
class ReleaseRequest:
    """Which lock to release, and why. None is asked for while `lock_key` is empty.

    Attributes:
        lock_key: The lock.
        game_date: The date that it locks.
        reason: Kept in the audit record.
        steal: Whether to take it from a live holder.
    """

    lock_key: str = ""
    game_date: date = date.min
    reason: str = ""
    steal: bool = False


def checked_release(locks: ConsolidationLock, release: str, reason: str, steal: bool) -> ReleaseRequest:
    """What the parameters ask for, checked before anything is done.

    Args:
        locks: Whose lock.
        release: A game date (``YYYY-MM-DD``) or a lock key; empty: release nothing.
        reason: Why.
        steal: Take it even from a live holder.

    Raises:
        UserError: No reason, no such name of a lock, or a reason for nothing.
    """
    release, reason = release.strip(), reason.strip()
    if not release:
        if reason or steal:
            raise UserError("a reason or steal=True was given, but release names no lock; nothing was released")
        return ReleaseRequest()
    if not reason:
        raise UserError(
            f"releasing {release!r:.80} needs a reason; it is kept in the audit record; nothing was released"
        )
    game_date = _locked_date(locks, release)
    return ReleaseRequest(locks.key_for(game_date), game_date, reason, steal)


def _locked_date(locks: ConsolidationLock, release: str) -> date:
    found = _DATE_AT_END.search(release)
    try:
        # A lock that is wider than a date has one key for all dates.
        game_date = date.fromisoformat(found.group(1)) if found else date.min
    except ValueError:
        game_date = None
    if game_date is None or release not in (game_date.isoformat(), locks.key_for(game_date)):
        raise UserError(
            f"release={release!r:.80} names no lock; write its game date (YYYY-MM-DD) or its key, such as "
            f"{locks.key_for(date(2026, 1, 17))}; nothing was released"
        )
    return game_date


@section("Release")
def release_lock(platform: Platform, request: ReleaseRequest) -> Section:
    """Release the lock that was asked for, and see that it is gone and on record.

    Raises:
        UserError: There is no such lock, or it is alive and `steal` was not given.
    """
    if not request.lock_key:
        return Section(())
    entry = platform.locks.force_release(request.game_date, request.reason, steal=request.steal)
    still_there = [
        seen.record
        for seen in platform.locks.locks()
        if seen.record and seen.record.claim.holder_id == entry.removed.claim.holder_id
    ]
    on_record = any(known.token == entry.token for known in platform.locks.store.audit_entries())
    check = _release_check(platform.environment, request, entry, is_gone=not still_there, on_record=on_record)
    return Section((check,), (facts("Audit record", entry.as_data()),))


def _release_check(
    environment: Environment, request: ReleaseRequest, entry: AuditEntry, *, is_gone: bool, on_record: bool
) -> Check:
    name = f"Release of {request.lock_key}"
    evidence = {
        "holder": f"{entry.removed.claim.batch_id} on {entry.removed.claim.host}",
        "reason": entry.reason,
        "released by": entry.actor,
        "was live": entry.was_live,
        "gone": is_gone,
        "audit record": "filed" if on_record else "missing",
    }
    if not is_gone or not on_record:
        step = f"Look at the lock again before anything else: {by_hand.command(environment, 'locks', 'list')}"
        return Check(name, Verdict.FAIL, "the release could not be verified", evidence, step)
    batch = entry.removed.claim.batch_id
    # A lock that is wider than a date tells none; the batch may.
    game_date = request.game_date if request.game_date != date.min else date_in(batch)
    step = f"Consolidate its batch: {by_hand.consolidate(environment, batch, game_date)}"
    return Check(name, Verdict.PASS, "released, gone, and on record", evidence, step)


@section("Earlier releases")
def release_audit(platform: Platform) -> Section:
    """Forced releases on record, newest first."""
    zone = platform.environment.timezone
    rows = [
        (
            local_time(entry.released_at, zone),
            entry.removed.claim.lock_key,
            entry.removed.claim.batch_id,
            entry.actor,
            entry.reason,
            "stolen from a live holder" if entry.was_live else "expired",
        )
        for entry in platform.locks.store.audit_entries()
    ]
    columns = ("Released", "Lock", "Batch", "By", "Reason", "Lease")
    return Section((), (Table("Forced releases on record", columns, rows, shown=10),))
