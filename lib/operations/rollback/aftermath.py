"""After a rollback: is it as it was left, and is all well since? The guide's list, read back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lib.consolidation.upkeep.audit import ActionRecord, ActionStatus, as_json
from lib.operations import by_hand
from lib.operations.changes import lock_switch, traffic
from lib.operations.changes.audit import audit_table, changes, spoken_state
from lib.operations.locks.stuck import lock_states
from lib.operations.logs.history import LogHistory
from lib.operations.logs.monitoring import errors
from lib.operations.quality.duplicates import duplicates
from lib.verdict.check import Check
from lib.verdict.section import Section, section
from lib.verdict.verdict import Verdict

if TYPE_CHECKING:
    from lib.operations.changes.plan import Approval
    from lib.operations.scope import Scope
    from lib.platform import Platform

_ACTIONS = (lock_switch.ACTION, traffic.ACTION)


def rollbacks(scope: Scope) -> list[ActionRecord]:
    """Rollbacks of the period that are on record, newest first. Raises `Unavailable`."""
    return [
        record
        for record in changes(scope.platform)
        if record.action in _ACTIONS and record.status != ActionStatus.FAILED and record.filed_at >= scope.since
    ]


@section("After the rollback")
def after_rollback(scope: Scope, approval: Approval) -> Section:
    """What has to be so after the rollbacks of the period.

    Nothing is to be checked without one, nor in the very run that carries one out.
    """
    found = rollbacks(scope)
    table = replace(audit_table(scope.platform, found), caption="Rollbacks of the period on record")
    if not found or approval.is_given:
        return Section((), (table,))
    newest = {(record.action, record.target): record for record in reversed(found)}
    as_left = Section(tuple(_as_left(scope.platform, record) for record in newest.values()), (table,))
    history = LogHistory(scope.platform, found[0].filed_at, scope.now)
    parts = (
        as_left,
        errors(scope, history),
        lock_states(scope.platform),
        duplicates(scope.platform, scope.day_before, scope.game_date),
    )
    return Section(
        tuple(check for part in parts for check in part.checks),
        tuple(exhibit for part in parts for exhibit in part.exhibits),
    )


def _as_left(platform: Platform, record: ActionRecord) -> Check:
    """Whether it is now what the record says that it was after the rollback."""
    name = f"{record.action.capitalize()} of {record.target} as it was left"
    evidence = {"by": record.actor, "reason": record.reason, "undo": record.undo}
    if record.status != ActionStatus.DONE:
        step = "See above whether it took effect; then do it again, or undo it."
        return Check(name, Verdict.UNKNOWN, ActionStatus(record.status).words, evidence, step)
    is_switch = record.action == lock_switch.ACTION
    now = lock_switch.switch_now(platform) if is_switch else traffic.traffic_now(platform, record.target)
    left, found = spoken_state(record.after), spoken_state(as_json(now))
    if found == left:
        return Check(name, Verdict.PASS, found, evidence)
    step = f"Find out who changed it since: {by_hand.describe_service(platform.environment, record.target)}"
    return Check(name, Verdict.WARN, f"{found}, but it was left so: {left}", evidence, step)
