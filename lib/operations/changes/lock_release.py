"""The release of one lock: by name, with a reason, verified and recorded."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date

from lib.consolidation.upkeep.audit import ActionRecord
from lib.errors import UserError
from lib.locking.store import LockRecord, Observation
from lib.operations.changes.action import Applied, Request
from lib.operations.changes.audit import NO_UNDO_OF_A_RELEASE, RELEASE, audit_table, lock_facts, releases
from lib.operations.changes.plan import Approval, Plan
from lib.operations.fences import guard_of
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.verdict.check import Question
from lib.verdict.section import Section, facts, or_fault, section
from lib.words.dates import date_in, iso_date

LOCK_RELEASE = Question(
    "release",
    "Release",
    affects="consolidations of the lock's date: they may wait for the lock, or a live one may have been stopped",
    can_wait="until the next batch of that date",
)

_DATE_AT_END = re.compile(r"(\d{4}-\d{2}-\d{2})\Z", re.ASCII)


def checked_release(platform: Platform, release: str, reason: str, steal: bool = False, plan: str = "") -> Request:
    """Check the parameters, before anything is read, and return the change that they ask for.

    Args:
        platform: Where to release it.
        release: A date (``YYYY-MM-DD``) or a lock key; empty: release nothing.
        steal: Release it even from a live holder.
        plan, reason: As in `Approval`.

    Raises:
        UserError: It is not the name of a lock, or the approval is incomplete.
    """
    named = release.strip()
    if not named and steal:
        raise UserError("steal=True was given, but release names no lock; nothing was released")
    if not named:
        return Request(None, Approval("release", "", plan, reason).checked())
    game_date = locked_date(platform, named)
    approval = Approval("release", platform.locks.key_for(game_date), plan, reason).checked()
    return Request(LockRelease(platform, game_date, steal), approval)


def locked_date(platform: Platform, release: str) -> date:
    """Return the date of one of our locks, given its date or key.

    Raises:
        UserError: It is another service's lock, or not a lock.
    """
    locks = platform.locks
    found = _DATE_AT_END.search(release)
    try:
        # A lock that is not per date has one key for all dates.
        game_date = iso_date(found.group(1)) if found else date.min
    except ValueError:
        game_date = None
    if game_date is None or release not in (game_date.isoformat(), locks.key_for(game_date)):
        _refuse_of_others(platform, release)
        raise UserError(
            f"release={release!r:.80} names no lock; write its date (YYYY-MM-DD) or its key, such as "
            f"{locks.key_for(date(2026, 1, 17))}; nothing was released"
        )
    return game_date


def _refuse_of_others(platform: Platform, release: str) -> None:
    others, _ = or_fault(platform.locks_of_others)
    for collection, seen in others or []:
        if seen.record and seen.record.claim.lock_key == release:
            raise UserError(
                f"{release!r:.80} in {collection} is another service's lock, held by "
                f"{seen.record.claim.batch_id!r:.80}; only that service may release it; nothing was released"
            )


@dataclass(frozen=True)
class LockRelease:
    """Removes the lock of a date and moves the fence, which then refuses a holder that passes it.

    The lock store keeps its record, in one commit with the release: a release has to work
    while the warehouse is down.
    """

    platform: Platform
    game_date: date
    steal: bool = False
    keeps_own_record: bool = True

    def plan(self) -> Plan:
        """Raises `NothingToRelease` or `LeaseStillLive` if there is no lock that may be released."""
        found = release_plan(
            self.platform, self.platform.locks.releasable(self.game_date, steal=self.steal), self.steal
        )
        refused = guard_of(self.platform).refuses("later writes by its holder")
        return replace(found, exhibits=(facts("If its holder wakes up", {"then": refused}),))

    def apply(self, plan: Plan, record: ActionRecord) -> Applied:
        lock: LockRecord = plan.found
        entry = self.platform.locks.force_release(
            self.game_date,
            record.reason,
            steal=self.steal,
            actor=record.actor,
            expected=lock,
            approval=record.approval,
        )
        lease = "live, and stolen" if entry.was_live else "expired"
        after = {"released": plan.target, "from": lock.claim.holder, "its lease was": lease}
        return Applied("1 lock released", after)

    def verify(self, plan: Plan, applied: Applied) -> str:
        lock: LockRecord = plan.found
        held = self.platform.locks.store.read(plan.target).record
        return f"{plan.target} is still held by {held.claim.holder}" if held and held.is_held_by(lock.claim) else ""


def release_plan(platform: Platform, seen: Observation, steal: bool = False) -> Plan:
    """Return the plan to release a held lock."""
    lock = seen.record
    assert lock is not None
    key, batch_id = lock.claim.lock_key, lock.claim.batch_id
    lease = "has expired" if seen.is_expired else f"IS LIVE for another {seen.seconds_until_expiry:.0f} s"
    consolidate = platform.commands.consolidate(batch_id, date_in(key) or date_in(batch_id))
    return Plan(
        question=LOCK_RELEASE,
        runbook="stuck_lock_release",
        action=RELEASE,
        act=f"Release {key}",
        target=key,
        parameters={"release": key, **({"steal": True} if steal else {})},
        summary=f"release {key}, held by {lock.claim.holder}, whose lease {lease}",
        state=lock_facts(lock),
        undo=f"{NO_UNDO_OF_A_RELEASE}: {consolidate}",
        found=lock,
    )


@section(LOCK_RELEASE)
def release_lock(scope: Scope, request: Request) -> Section:
    """Show the plan of the requested release or, if it is approved, apply it.

    Raises:
        UserError: There is no such lock, or its lease is live and `steal` was not given.
        PlanOutdated: The lock has changed since its release was planned.
    """
    return request.carried_out(scope.platform)


@section(
    Question(
        "earlier_releases",
        "Earlier releases",
        affects="the list of releases: it is not shown",
        can_wait="yes: no row depends on it",
    )
)
def release_audit(scope: Scope) -> Section:
    """Show the recorded forced releases, newest first."""
    return Section((), (audit_table(scope.platform, releases(scope.platform)),))
