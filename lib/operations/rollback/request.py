"""What a run of the rollback runbook is asked to do, and doing it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from lib.errors import UserError
from lib.operations.changes.action import Action, carry_out
from lib.operations.changes.lock_switch import LockSwitching
from lib.operations.changes.plan import Approval
from lib.operations.changes.traffic import ROLLBACK_OPTION, TrafficRouting, wanted_traffic
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.verdict.section import Section, section
from lib.words.choices import ensure_one_of

Lock = Literal["", "off", "on"]


@dataclass(frozen=True)
class RollbackRequest:
    """An option, and what approves it.

    Attributes:
        action: The option that was asked for; None: only look.
        approval: What makes it be carried out, and not only shown.
    """

    action: Action | None
    approval: Approval


def checked_rollback(
    platform: Platform,
    *,
    lock: Lock = "",
    service: str = "",
    revision: str = "",
    plan: str = "",
    reason: str = "",
) -> RollbackRequest:
    """What the parameters ask for, checked before anything is looked at.

    Args:
        platform: Where.
        lock: Option A: the position to switch the lock to.
        service: The service to change, by its name.
        revision: Option B: where its traffic is to go (see `wanted_traffic`).
        plan: The digest of the plan that is to be applied; empty: only show the plan.
        reason: Why.

    Raises:
        UserError: They ask for both options, for a part of one, for another position of the lock,
            or name no service that there is.
    """
    ensure_one_of(Lock, lock=lock)
    service, revision = service.strip(), revision.strip()
    known = platform.environment.services.both
    if service and service not in known:
        raise UserError(f"service={service!r:.80} is none of {' and '.join(known)}; nothing was changed")
    if lock and revision:
        raise UserError("lock and revision are two options; ask for one at a time; nothing was changed")
    if revision and not service:
        raise UserError(f"revision={revision!r:.80} needs the service that it is of; nothing was changed")
    if service and not lock and not revision:
        raise UserError(f"service={service} says where, but neither lock nor revision says what to change there")
    approval = Approval("service", service, plan, reason).checked()
    return RollbackRequest(_action(platform, lock, service, revision), approval)


def _action(platform: Platform, lock: Lock, service: str, revision: str) -> Action | None:
    if lock:
        return LockSwitching(platform, lock)
    return TrafficRouting(platform, service, wanted_traffic(revision)) if revision else None


@section(ROLLBACK_OPTION)
def roll_back(scope: Scope, request: RollbackRequest) -> Section:
    """Show the plan of the option that was asked for or, when it is approved, carry it out.

    Raises:
        UserError: It would have no effect, or another service was named; nothing was changed.
        Finding: The plan no longer holds; nothing was changed.
    """
    if request.action is None:
        return Section(())
    done = carry_out(scope.platform, request.action, request.approval)
    caution = request.action.caution() if isinstance(request.action, TrafficRouting) else None
    return replace(done, checks=(*done.checks, caution)) if caution else done
