"""Is a rollback advised, the option that was asked for, and is all well after one?

Advised by the criteria over live evidence; afterwards, what the record says is read back.
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
    affects="each consolidation by what is deployed now",
    can_wait="no longer than it takes to see whether a rollback helps",
)
AFTER_ROLLBACK = Question(
    "after_rollback",
    "After the rollback",
    affects="the rollback: it may not be in effect as it was left",
    can_wait="as long as what was rolled back is not served again",
)

Lock = Literal["", "off", "on"]

_ACTIONS = (lock_switch.ACTION, traffic.ACTION)
_OF_THE_LOCK = ("lock_acquisition_failures", "lock_cycle_faults", "lock_failure_percent")
_WORDS: dict[Kind, tuple[str, str]] = {"rollback": ("not met", "met"), "success": ("met", "not met")}


@section(ROLLBACK)
def rollback_advice(scope: Scope, approval: Approval) -> Section:
    """Each criterion as met, not met or UNKNOWN; a rollback is advised when one for it is met.

    The run that carries a rollback out shows the advice without a check.
    """
    evidence, since = _evidence(scope)
    rollback, success = _judged(scope, "rollback", evidence), _judged(scope, "success", evidence)
    tables = (_table("rollback", f"Roll back if{since}", rollback), _table("success", f"Successful if{since}", success))
    return Section(() if approval.is_given else (_advice(scope, rollback),), tables, leads=True)


def _evidence(scope: Scope) -> tuple[Evidence, str]:
    """Lines from before the last rollback say nothing about how it is since."""
    earlier, _ = or_fault(partial(rollbacks, scope))
    if not earlier:
        return scope.evidence, ""
    note = f", judged since the rollback of {local_time(earlier[0].filed_at, scope.platform.environment.timezone)}"
    return replace(scope.evidence, history=_history_since(scope, earlier[0])), note


def _history_since(scope: Scope, change: ActionRecord) -> LogHistory:
    """Until now: in JupyterLab, a change may be later than the moment that the run looks from."""
    return scope.history_between(change.filed_at, max(scope.now, places.now()))


def _judged(scope: Scope, kind: Kind, evidence: Evidence) -> list[Judged]:
    """As `judged`; nobody can expect that a lock is taken that is switched off."""
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
        # Against the only known defence no criterion of the lock is an argument.
        advised = "NOT ADVISED, though" if [*remedies] == ["lock"] and not scope.guard.holds else "ADVISED,"
        step = " ".join(_remedy(scope, remedy) for remedy in remedies)
        return question.fails(f"{advised} {counted} {'is' if len(decisive) == 1 else 'are'} met: {texts}", step)
    if verdict is Verdict.PASS:
        return question.passes(f"not advised, none of {len(criteria)} criteria is met")
    bases = "; ".join(found.basis for _, found in decisive) or "the file of criteria holds none"
    step = f"Get the figures first, and roll back on none of these alone: {bases}."
    part = "could be judged in part only" if verdict is Verdict.WARN else "could not be judged"
    return question.answer(verdict, f"not known to be advised, {counted} {part}: {texts}", step)


def _remedy(scope: Scope, option: str) -> str:
    commands = scope.platform.commands
    if option == "lock" and not scope.guard.holds:
        see = commands.run("stuck_lock_release")
        return f"The lock may be the only defence, so it stays on: {scope.guard.words}. See why it fails: {see}"
    if option == "lock":
        plan = commands.run("rollback", {"lock": "off"})
        return f"Option A stops the waiting, and the fence goes on guarding the rows; see its plan: {plan}"
    diagnosis = commands.run("duplicate_diagnosis", {"date": scope.game_date})
    return (
        f"Find out first who writes them: {diagnosis}. No rollback removes duplicates; option A takes a defence "
        "away, and option B helps only towards a revision that has the fence (see the revisions)."
    )


def _table(kind: Kind, caption: str, criteria: Sequence[Judged]) -> Table:
    rows = [
        (criterion.text, _answer(kind, criterion, found), figure(criterion, found), criterion.limit, found.basis)
        for criterion, found in criteria
    ]
    return Table(caption, ("Criterion", "Met", "Figure", "Healthy", "Made of"), rows)


def _answer(kind: Kind, criterion: Criterion, found: Measurement) -> str:
    verdict = criterion.judge(found)
    if verdict is Verdict.UNKNOWN:
        return str(verdict)
    if found.value is None:
        return "nothing to judge"
    healthy, unhealthy = _WORDS[kind]
    if not criterion.is_healthy(found.value):
        return unhealthy
    return f"{healthy}, seen in part" if verdict is Verdict.WARN else healthy


def checked_rollback(
    platform: Platform,
    *,
    lock: Lock = "",
    service: str = "",
    revision: str = "",
    plan: str = "",
    reason: str = "",
) -> Request:
    """What the parameters ask for, checked before anything is looked at.

    Args:
        platform: Where.
        lock: Option A: the position to switch the lock to.
        service: The service to change, by its name.
        revision: Option B: where its traffic is to go (see `wanted_traffic`).
        plan, reason: As in `Approval`.

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
    return Request(_action(platform, lock, service, revision), approval)


def _action(platform: Platform, lock: Lock, service: str, revision: str) -> Action | None:
    if lock:
        return LockSwitching(platform, lock)
    return TrafficRouting(platform, service, wanted_traffic(revision)) if revision else None


@section(ROLLBACK_OPTION)
def roll_back(scope: Scope, request: Request) -> Section:
    """Show the plan of the option that was asked for or, when it is approved, carry it out.

    Raises:
        UserError: It would have no effect, or another service was named; nothing was changed.
        Finding: The plan no longer holds; nothing was changed.
    """
    return request.carried_out(scope.platform)


def rollbacks(scope: Scope) -> list[ActionRecord]:
    """Rollbacks of the period that are on record, newest first. Raises `Unavailable`."""
    return [
        record
        for record in changes(scope.platform)
        if record.action in _ACTIONS and record.status != ActionStatus.FAILED and record.filed_at >= scope.since
    ]


@section(AFTER_ROLLBACK)
def after_rollback(scope: Scope, approval: Approval) -> Section:
    """What has to be so after the rollbacks of the period.

    Without one there is nothing to check, nor in the very run that carries one out.
    """
    found = rollbacks(scope)
    table = replace(audit_table(scope.platform, found), caption="Rollbacks of the period on record")
    if not found or approval.is_given:
        return Section((), (table,))
    # Another environment over the same table has services of its own, which cannot be looked at from here.
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
    """Whether it is now what the record says that it was after the rollback."""
    question = _left(platform, record).on({"by": record.who, "reason": record.reason, "undo": record.undo})
    if record.status != ActionStatus.DONE:
        step = "See whether it took effect; then do it again, or undo it."
        return question.unknown(ActionStatus(record.status).words, step)
    is_switch = record.action == lock_switch.ACTION
    now = lock_switch.switch_now(platform) if is_switch else traffic.traffic_now(platform, record.target)
    left, found = spoken_state(record.after), spoken_state(as_json(now))
    if found == left:
        return question.passes(found)
    step = f"Find out who changed it since: {platform.commands.describe_service(record.target)}"
    return question.warns(f"{found}, but it was left so: {left}", step)


def _left(platform: Platform, record: ActionRecord) -> Question:
    name = f"{record.action.capitalize()} of {record.target} as it was left"
    if record.action == lock_switch.ACTION:
        return replace(AFTER_ROLLBACK, id="lock_switch_as_left", name=name)
    role = platform.environment.services.role_of(record.target)
    return replace(AFTER_ROLLBACK, id=f"traffic_of_{role}_as_left", name=name)
