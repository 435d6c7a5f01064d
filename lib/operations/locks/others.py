"""Locks of other services in the same lock store. They are listed here, and only those services release them."""

from __future__ import annotations

from lib.locking.store import Observation
from lib.operations.scope import Scope
from lib.verdict.check import Question
from lib.verdict.section import Section, Table, section
from lib.words.dates import local_time
from lib.words.quantities import spoken_seconds

OTHER_LOCKS = Question(
    "other_locks",
    "Locks of other services",
    affects="services that wait for an expired lock",
    can_wait="yes: no consolidation waits for these locks",
)
_MOST_NAMED = 12


@section(OTHER_LOCKS)
def locks_of_others(scope: Scope) -> Section:
    """Show each lock's holder, start and expiry; WARN while one is expired. Empty where none are configured."""
    platform = scope.platform
    if not platform.adapters.other_lock_stores:
        return Section(())
    found = platform.locks_of_others()
    zone = platform.environment.timezone
    rows = [
        (
            collection,
            record.claim.lock_key,
            record.claim.batch_id,
            record.claim.host,
            local_time(record.acquired_at, zone),
            local_time(record.expires_at, zone),
            _left(seen),
        )
        for collection, seen in found
        if (record := seen.record)
    ]
    columns = ("Collection", "Lock", "Held by", "On", "Since", "Until", "Lease")
    table = Table("Locks of other services", columns, rows, "Not released from here.")
    expired = [
        f"{seen.record.claim.lock_key} in {collection}" for collection, seen in found if seen.record and seen.is_expired
    ]
    question = OTHER_LOCKS.on({"locks": len(found), "expired": expired[:_MOST_NAMED]})
    if not expired:
        return Section((question.passes(f"{len(found)} held, none expired"),), (table,))
    step = "Each belongs to another service: check whether it is running, and let it release its own lock."
    summary = f"{len(expired)} of {len(found)} expired: {', '.join(expired[:_MOST_NAMED])}"
    return Section((question.warns(summary, step),), (table,))


def _left(seen: Observation) -> str:
    left = seen.seconds_until_expiry
    return f"{spoken_seconds(left)} left" if left >= 0 else f"expired {spoken_seconds(-left)} ago"
