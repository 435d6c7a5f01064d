"""Rollbacks: whether one is advised, the requested option, and the state after one.

The advice comes from the criteria, judged by live evidence. After a rollback, the live state is
compared with the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from lib import places
from lib.consolidation.upkeep.audit import ActionRecord, ActionStatus, as_json
from lib.errors import UserError
from lib.operations.changes import lock_switch, traffic
from lib.operations.changes.action import Action, Request
from lib.operations.changes.audit import audit_table, changes, spoken_state
from lib.operations.changes.lock_switch import LockSwitching
from lib.operations.changes.plan import Approval
from lib.operations.changes.traffic import ROLLBACK_OPTION, TrafficRouting, wanted_traffic
from lib.operations.criteria.criteria import Criterion, Judged, Kind, evidence_of, figure, judged
from lib.operations.criteria.metrics import Evidence, Measurement
from lib.operations.duplicates.duplicates import duplicates
from lib.operations.locks.stuck import lock_states
from lib.operations.logs.history import LogHistory
from lib.operations.logs.monitoring import errors
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, or_fault, section
from lib.verdict.verdict import Verdict, worst
from lib.words.choices import ensure_one_of
from lib.words.dates import local_time

ROLLBACK = Question(
    "rollback",
    "Rollback",
    affects="every consolidation by the revisions that serve now",
    can_wait="only until you know whether a rollback helps",
)
AFTER_ROLLBACK = Question(
    "after_rollback",
    "After the rollback",
    affects="the rollback: it may no longer be in effect",
    can_wait="until what was rolled back is in use again",
)

Lock = Literal["", "off", "on"]

_ACTIONS = (lock_switch.ACTION, traffic.ACTION)
_OF_THE_LOCK = ("lock_acquisition_failures", "lock_cycle_faults", "lock_failure_percent")
_WORDS: dict[Kind, tuple[str, str]] = {"rollback": ("not met", "met"), "success": ("met", "not met")}


@section(ROLLBACK)
def rollback_advice(scope: Scope, approval: Approval) -> Section:
    """Show each criterion as met, not met or UNKNOWN; a rollback is advised if a rollback criterion is met.

    A run that applies a rollback shows the criteria without a check.
    """
    evidence, since = _evidence(scope)
    rollback, success = _judged(scope, "rollback", evidence), _judged(scope, "success", evidence)
    tables = (
        _table("rollback", f"Rollback criteria{since}", rollback),
        _table("success", f"Success criteria{since}", success),
    )
    return Section(() if approval.is_given else (_advice(scope, rollback),), tables, leads=True)


def _evidence(scope: Scope) -> tuple[Evidence, str]:
    """The evidence since the last rollback: earlier log lines say nothing about the present state."""
    earlier, _ = or_fault(partial(rollbacks, scope))
    if not earlier:
        return scope.evidence, ""
    note = f", judged since the rollback of {local_time(earlier[0].filed_at, scope.platform.environment.timezone)}"
    return replace(scope.evidence, history=_history_since(scope, earlier[0])), note


def _history_since(scope: Scope, change: ActionRecord) -> LogHistory:
    """Ends at the current time: in JupyterLab, a change may be later than the run's own time."""
    return scope.history_between(change.filed_at, max(scope.now, places.now()))


def _judged(scope: Scope, kind: Kind, evidence: Evidence) -> list[Judged]:
    """As `judged`, but criteria about the lock do not apply while it is switched off."""
    if lock_switch.switch_now(scope.platform)["lock"] != "off":
        return judged(kind, evidence)
    moot = Measurement(None, "the lock is switched off", is_moot=True)
    return [
        (criterion, moot if criterion.metric in _OF_THE_LOCK else found) for criterion, found in judged(kind, evidence)
    ]


def _advice(scope: Scope, criteria: Sequence[Judged]) -> Check:
    question = ROLLBACK.on(evidence_of(criteria))
    verdict = worst([criterion.judge(found) for criterion, found in criteria])
    decisive = [(criterion, found) for criterion, found in criteria if criterion.judge(found) is verdict]
    texts = "; ".join(criterion.text for criterion, _ in decisive)
    counted = f"{len(decisive)} of {len(criteria)} criteria"
    if verdict is Verdict.FAIL:
        remedies = dict.fromkeys(criterion.remedy for criterion, _ in decisive)
        # Failures of the lock do not justify switching off the only known defence.
        advised = "NOT ADVISED, though" if [*remedies] == ["lock"] and not scope.guard.holds else "ADVISED,"
        step = " ".join(_remedy(scope, remedy) for remedy in remedies)
        return question.fails(f"{advised} {counted} {'is' if len(decisive) == 1 else 'are'} met: {texts}", step)
    if verdict is Verdict.PASS:
        return question.passes(f"not advised, none of {len(criteria)} criteria is met")
    bases = "; ".join(found.basis for _, found in decisive) or "the criteria file has none"
    step = f"Get the missing figures first; do not roll back because of these alone: {bases}."
    part = "could be judged only in part" if verdict is Verdict.WARN else "could not be judged"
    return question.answer(verdict, f"no advice yet, {counted} {part}: {texts}", step)


def _remedy(scope: Scope, option: str) -> str:
    commands = scope.platform.commands
    if option == "lock" and not scope.guard.holds:
        see = commands.run("stuck_lock_release")
        return f"The lock may be the only defence, so it stays on: {scope.guard.words}. See why it fails: {see}"
    if option == "lock":
        plan = commands.run("rollback", {"lock": "off"})
        return f"Option A stops the waiting, and the fence still guards the rows; see its plan: {plan}"
    diagnosis = commands.run("duplicate_diagnosis", {"date": scope.game_date})
    return (
        f"First find out what writes the duplicates: {diagnosis}. A rollback removes no duplicates: option A takes a "
        "defence away, and option B helps only if the other revision has the fence (see the revisions)."
    )


def _table(kind: Kind, caption: str, criteria: Sequence[Judged]) -> Table:
    rows = [
        (criterion.text, _answer(kind, criterion, found), figure(criterion, found), criterion.limit, found.basis)
        for criterion, found in criteria
    ]
    return Table(caption, ("Criterion", "Met", "Figure", "Healthy", "Based on"), rows)


def _answer(kind: Kind, criterion: Criterion, found: Measurement) -> str:
    verdict = criterion.judge(found)
    if verdict is Verdict.UNKNOWN:
        return str(verdict)
    if found.value is None:
        return "nothing to judge"
    healthy, unhealthy = _WORDS[kind]
    if not criterion.is_healthy(found.value):
        return unhealthy
    return f"{healthy}, on partial data" if verdict is Verdict.WARN else healthy


def checked_rollback(
    platform: Platform,
    *,
    lock: Lock = "",
    service: str = "",
    revision: str = "",
    plan: str = "",
    reason: str = "",
) -> Request:
    """Check the parameters, before anything is read, and return the change that they ask for.

    Args:
        platform: Where to make it.
        lock: Option A: the position to switch the lock to.
        service: The name of the service to change.
        revision: Option B: where to send its traffic (see `wanted_traffic`).
        plan, reason: As in `Approval`.

    Raises:
        UserError: Both options, an incomplete option, an unknown position of the lock, or an unknown service.
    """
    ensure_one_of(Lock, lock=lock)
    service, revision = service.strip(), revision.strip()
    known = platform.environment.services.both
    if service and service not in known:
        raise UserError(f"service={service!r:.80} is not one of {' and '.join(known)}; nothing was changed")
    if lock and revision:
        raise UserError("give either lock or revision, not both; nothing was changed")
    if revision and not service:
        raise UserError(f"revision={revision!r:.80} needs service, whose revision it is; nothing was changed")
    if service and not lock and not revision:
        raise UserError(f"service={service} needs lock or revision, which says what to change; nothing was changed")
    approval = Approval("service", service, plan, reason).checked()
    return Request(_action(platform, lock, service, revision), approval)


def _action(platform: Platform, lock: Lock, service: str, revision: str) -> Action | None:
    if lock:
        return LockSwitching(platform, lock)
    return TrafficRouting(platform, service, wanted_traffic(revision)) if revision else None


@section(ROLLBACK_OPTION)
def roll_back(scope: Scope, request: Request) -> Section:
    """Show the plan of the requested option or, if it is approved, apply it.

    Raises:
        UserError: It would have no effect, or another service was named; nothing was changed.
        Finding: The plan no longer holds; nothing was changed.
    """
    return request.carried_out(scope.platform)


def rollbacks(scope: Scope) -> list[ActionRecord]:
    """Return the recorded rollbacks of the period, newest first. Raises `Unavailable`."""
    return [
        record
        for record in changes(scope.platform)
        if record.action in _ACTIONS and record.status != ActionStatus.FAILED and record.filed_at >= scope.since
    ]


@section(AFTER_ROLLBACK)
def after_rollback(scope: Scope, approval: Approval) -> Section:
    """Check that the rollbacks of the period are still in effect, and what has happened since.

    There is nothing to check without a rollback, or in the run that applies one.
    """
    found = rollbacks(scope)
    table = replace(audit_table(scope.platform, found), caption="Recorded rollbacks of the period")
    if not found or approval.is_given:
        return Section((), (table,))
    # Another environment with the same table has its own services, which cannot be read from here.
    here = [record for record in reversed(found) if record.target in scope.platform.environment.services.both]
    newest = {(record.action, record.target): record for record in here}
    as_left = Section(tuple(_as_left(scope.platform, record) for record in newest.values()), (table,))
    parts = (
        as_left,
        errors(scope, _history_since(scope, found[0])),
        lock_states(scope),
        duplicates(scope, scope.day_before, scope.game_date),
    )
    return Section(
        tuple(check for part in parts for check in part.checks),
        tuple(exhibit for part in parts for exhibit in part.exhibits),
    )


def _as_left(platform: Platform, record: ActionRecord) -> Check:
    """Check that the live state is the one recorded after the rollback."""
    question = _left(platform, record).on({"by": record.who, "reason": record.reason, "undo": record.undo})
    if record.status != ActionStatus.DONE:
        step = "Check whether it took effect; then repeat it or undo it."
        return question.unknown(ActionStatus(record.status).words, step)
    is_switch = record.action == lock_switch.ACTION
    now = lock_switch.switch_now(platform) if is_switch else traffic.traffic_now(platform, record.target)
    left, found = spoken_state(record.after), spoken_state(as_json(now))
    if found == left:
        return question.passes(found)
    step = f"Find out who changed it since: {platform.commands.describe_service(record.target)}"
    return question.warns(f"{found}, but after the rollback it was {left}", step)


def _left(platform: Platform, record: ActionRecord) -> Question:
    name = f"{record.action.capitalize()} of {record.target} since the rollback"
    if record.action == lock_switch.ACTION:
        return replace(AFTER_ROLLBACK, id="lock_switch_as_left", name=name)
    role = platform.environment.services.role_of(record.target)
    return replace(AFTER_ROLLBACK, id=f"traffic_of_{role}_as_left", name=name)
