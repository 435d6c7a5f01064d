"""The steps of every change: plan, show, approve by name, apply, verify, record.

A plan shows what would be done and carries a digest of the live state that it was made
from. Nothing is done unless a person names the target, gives a reason and hands that
digest back; then the state is read again, and the change is refused if it has changed.
Where the environment requires it, a person must also have signed the plan: `apply_plan`
checks that for every command and notebook.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from lib.consolidation.upkeep.audit import ActionRecord, AuditTrail, as_json
from lib.errors import Finding, RunbookError, SourceUnavailable, UserError
from lib.operations.changes.audit import progress_of, record_of, record_table
from lib.operations.changes.plan import Approval, Plan
from lib.operations.changes.plan_form import with_form
from lib.operations.changes.signed_approval import offer, use_approval
from lib.platform import Platform
from lib.verdict.change import Change
from lib.verdict.check import Looking, Question
from lib.verdict.section import Section, Table, facts
from lib.verdict.verdict import Verdict
from lib.words.brief import brief
from lib.words.dates import local_time
from lib.words.quantities import Value, in_one_line


@dataclass(frozen=True)
class Applied:
    """What an action has done.

    Attributes:
        what: What it did, in a few words with the figure: ``24 rows removed``.
        after: Facts and their values afterwards.
        undo: The command that undoes it, if it is known more exactly now than when it was planned.
        is_filed: Whether the transaction that made the change has also recorded it as done.
    """

    what: str
    after: Mapping[str, Value]
    undo: str = ""
    is_filed: bool = False

    __repr__ = brief("what")


class Action(Protocol):
    """A change that an operator can make."""

    @property
    def keeps_own_record(self) -> bool:
        """Whether `apply` itself records the change, in the same commit."""
        ...

    def plan(self) -> Plan:
        """Read the live state and plan the change. Changes nothing."""
        ...

    def apply(self, plan: Plan, record: ActionRecord) -> Applied:
        """Apply the whole plan or nothing.

        The state may change up to the last moment, so the change itself must be conditional on it.

        Args:
            plan: Just made.
            record: Of the action that begins now; filed by an action that keeps its own record.

        Raises:
            Finding: The state has changed; nothing was changed.
            UserError: It cannot be done; nothing was changed.
            Unavailable: It may or may not have taken effect.
        """
        ...

    def verify(self, plan: Plan, applied: Applied) -> str:
        """Read back the change; return what is wrong, or an empty text."""
        ...


@dataclass(frozen=True)
class Request:
    """A change that the parameters of a notebook ask for.

    Attributes:
        action: What to change; None: nothing.
        approval: If given, the change is made; otherwise its plan is only shown.
    """

    action: Action | None
    approval: Approval

    __repr__ = brief("action", "approval")

    def carried_out(self, platform: Platform) -> Section:
        """Call `carry_out`; without an action, the section is empty."""
        return carry_out(platform, self.action, self.approval) if self.action else Section(())


def carry_out(platform: Platform, action: Action, approval: Approval, *, now: datetime | None = None) -> Section:
    """Show the plan or, if it is approved, apply it, verify it and show the record.

    Args:
        platform: Where to make the change.
        action: The change.
        approval: `Approval.checked`; its target must be the plan's.
        now: The time (UTC) at which the plan's expiry is judged; the current time by default.

    Raises:
        UserError: Another target was named; nothing was changed.
        PlanOutdated: The plan has expired or no longer holds; nothing was changed.
        NotApproved: The environment requires a person's approval, and there is no valid one; nothing was changed.
        Finding: The change itself was refused; nothing was changed.
    """
    moment = now or datetime.now(UTC)
    plan = action.plan()
    if not approval.is_given:
        return with_form(platform, plan, shown(platform, plan, moment), moment, partial(carry_out, platform, action))
    approval.ensure_names(plan.target)
    plan.ensure_unmoved(platform, approval.plan, moment)
    return apply_plan(platform, action, plan, reason=approval.reason, digest=approval.plan)


def shown(platform: Platform, plan: Plan, now: datetime) -> Section:
    """Show the plan, its digest, and the commands that approve and apply it. Changes nothing.

    Raises:
        LockServiceUnavailable: A person has to approve it, and it could not be stored for them.
    """
    if plan.nothing_to_do:
        return Section((_outcome(plan).passes(plan.nothing_to_do), *plan.cautions), plan.exhibits)
    offered = offer(platform, plan, now)
    digest = offered.digest
    expires = local_time(digest.expires_at, platform.environment.timezone)
    question = _outcome(plan, {"plan": digest.text, "valid until": expires, **plan.state})
    summary = f"plan only, nothing was changed: {plan.summary}"
    check = question.answer(Verdict.PASS, summary, offered.step, changes=offered.commands)
    state = facts(f"State that the plan is based on: {plan.target}", plan.state)
    note = f"Valid until {expires}, and refused once the state above has changed. To undo it: {plan.undo}"
    how = Table("To apply the plan", ("Command",), [(each,) for each in offered.commands], note)
    return Section((check, *plan.cautions), (*plan.exhibits, state, how))


def apply_plan(platform: Platform, action: Action, plan: Plan, *, reason: str, digest: str = "") -> Section:
    """Apply an approved plan, verify it, and show its record.

    Args:
        platform: Where to make the change.
        action: The change.
        plan: Just made.
        reason: Why, in the operator's words.
        digest: The plan's digest, as the operator handed it back.

    Raises:
        NotApproved: The environment requires a person's approval, and there is no valid one; nothing was changed.
        Finding: It was refused; nothing was changed.
        UserError: It cannot be done, or there is nothing to do; nothing was changed.
    """
    if plan.nothing_to_do:
        raise UserError(f"{plan.nothing_to_do}; nothing was changed")
    approval = use_approval(platform, plan, digest)
    record = ActionRecord(
        action=plan.action,
        target=plan.target,
        environment=platform.name,
        actor=platform.actor,
        approver=approval.approver if approval else "",
        approval=approval.as_json() if approval else "",
        reason=reason,
        digest=digest,
        before=as_json(plan.state),
        undo=plan.undo,
    )
    try:
        applied = _applied(platform, action, plan, record)
    except (Finding, UserError):
        raise
    except RunbookError as error:
        return _broken_off(platform, plan, record, error, None)
    try:
        return _verified(platform, action, plan, applied, record)
    except RunbookError as error:  # also a Finding, since a refusal is not possible after the change
        return _broken_off(platform, plan, record, error, applied)


def ensure_made(change: Callable[[], None], is_made: Callable[[], bool]) -> None:
    """Make a change whose answer may be lost, and check whether it was made after all.

    Raises:
        ChangedMeanwhile: It was refused; nothing was changed.
        SourceUnavailable: It failed and was not made, or that cannot be checked.
    """
    try:
        change()
    except SourceUnavailable:
        if not is_made():
            raise


def _outcome(plan: Plan, evidence: Mapping[str, Value] | None = None) -> Question:
    return plan.question.named(plan.action.capitalize()).on(evidence or {})


def _applied(platform: Platform, action: Action, plan: Plan, record: ActionRecord) -> Applied:
    if action.keeps_own_record:
        return action.apply(plan, record)
    with AuditTrail(platform.warehouse, platform.table).filing(record) as filing:
        applied = action.apply(plan, record)
        filing.after, filing.undo, filing.is_filed = applied.after, applied.undo, applied.is_filed
    return applied


def _broken_off(
    platform: Platform, plan: Plan, record: ActionRecord, error: RunbookError, applied: Applied | None
) -> Section:
    try:
        filed = record_of(platform, record)
        known = progress_of(filed) if filed else "none"
    except RunbookError:
        known = "not readable now"
    check = _outcome(plan, {**plan.state, "undo": plan.undo}).unknown(
        f"interrupted: {error}; audit record: {known}",
        f"Check the current state before you do anything else: {plan.look(platform.commands)}",
    )
    return Section((check, *plan.cautions), changed=(_changed(plan, record, applied),))


def _verified(platform: Platform, action: Action, plan: Plan, applied: Applied, record: ActionRecord) -> Section:
    wrong = action.verify(plan, applied)
    filed = record_of(platform, record)
    undo = applied.undo or plan.undo
    evidence = {**applied.after, "undo": undo, "audit record": filed.action_id if filed else "missing"}
    question = _outcome(plan, evidence)
    if wrong or filed is None:
        summary = f"could not be verified: {wrong or 'it was not recorded'}"
        check = question.fails(summary, f"Check the current state before you do anything else. To undo it: {undo}")
    else:
        check = question.passes(f"done, verified and recorded: {in_one_line(applied.after)}", f"To undo it: {undo}")
    exhibits = (record_table(platform, filed),) if filed else ()
    return Section((check, *plan.cautions), exhibits, changed=(_changed(plan, record, applied),))


def _changed(plan: Plan, record: ActionRecord, applied: Applied | None) -> Change:
    """The change for the run's record; without `applied`, it may or may not have been made."""
    undo = (applied.undo if applied else "") or plan.undo
    # An undo that is not a command is a sentence about it, and may name commands that change something.
    is_command = isinstance(undo, Looking)
    return Change(
        action=plan.action,
        target=plan.target,
        what=applied.what if applied else f"interrupted, check whether it took effect: {plan.summary}",
        actor=record.who,
        reason=record.reason,
        undo=undo if is_command else "",
        note="" if is_command else undo,
        is_certain=applied is not None,
    )
