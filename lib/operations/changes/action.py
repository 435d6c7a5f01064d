"""The one shape of every change: planned, shown, approved by name, applied, read back, on record.

A plan shows what would be done and carries a digest of the live state that it was made
from. Nothing is done unless a person names the target, gives a reason and hands that
digest back; then the state is looked at again, and if it has moved the change is refused.
Where the environment asks for it, a person has to have signed the plan as well: `apply_plan`
looks for that, whichever command or notebook it is.
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
        after: Fact to its value afterwards.
        undo: The command that undoes it, if it is known better now than when it was planned.
        is_filed: It is on record as done, by the transaction that did it.
    """

    what: str
    after: Mapping[str, Value]
    undo: str = ""
    is_filed: bool = False

    __repr__ = brief("what")


class Action(Protocol):
    """Something that an operator may have done."""

    @property
    def keeps_own_record(self) -> bool:
        """Whether `apply` itself puts the change on record, in one commit with it."""
        ...

    def plan(self) -> Plan:
        """Look at the live state. Changes nothing."""
        ...

    def apply(self, plan: Plan, record: ActionRecord) -> Applied:
        """Do what the plan says, all of it or nothing.

        What the plan rests on may move until the very change, which must be conditional on it.

        Args:
            plan: Just made.
            record: Of the action that begins now; who keeps its own record files it.

        Raises:
            Finding: The state has moved; nothing was changed.
            UserError: It cannot be done; nothing was changed.
            Unavailable: It may or may not have taken effect.
        """
        ...

    def verify(self, plan: Plan, applied: Applied) -> str:
        """Read back what was changed; empty when it is as promised, else what is not."""
        ...


@dataclass(frozen=True)
class Request:
    """A change that the parameters of a notebook ask for.

    Attributes:
        action: What; None: nothing is to be changed.
        approval: What makes it be carried out, and not only shown.
    """

    action: Action | None
    approval: Approval

    __repr__ = brief("action", "approval")

    def carried_out(self, platform: Platform) -> Section:
        """See `carry_out`; nothing to show when nothing was asked for."""
        return carry_out(platform, self.action, self.approval) if self.action else Section(())


def carry_out(platform: Platform, action: Action, approval: Approval, *, now: datetime | None = None) -> Section:
    """Show the plan or, when it is approved, do what it says, read it back and show the record.

    Args:
        platform: Where.
        action: What.
        approval: `Approval.checked`; its target must be the plan's.
        now: The moment (UTC) that the plan's expiry is judged at; the clock's by default.

    Raises:
        UserError: Another target was named; nothing was changed.
        PlanOutdated: The plan has expired or no longer holds; nothing was changed.
        NotApproved: The environment asks for a person's approval, and there is none that holds; nothing was changed.
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
    """The plan, its digest, and the commands that approve and apply it. Changes nothing.

    Raises:
        LockServiceUnavailable: A person has to approve it, and it could not be kept for them.
    """
    if plan.nothing_to_do:
        return Section((_outcome(plan).passes(plan.nothing_to_do), *plan.cautions), plan.exhibits)
    offered = offer(platform, plan, now)
    digest = offered.digest
    expires = local_time(digest.expires_at, platform.environment.timezone)
    question = _outcome(plan, {"plan": digest.text, "holds until": expires, **plan.state})
    summary = f"planned, and nothing was changed: {plan.summary}"
    check = question.answer(Verdict.PASS, summary, offered.step, changes=offered.commands)
    state = facts(f"What the plan rests on: {plan.target}", plan.state)
    note = f"It holds until {expires}, and is refused when what it rests on has moved. To undo it: {plan.undo}"
    how = Table("To do what the plan says", ("Command",), [(each,) for each in offered.commands], note)
    return Section((check, *plan.cautions), (*plan.exhibits, state, how))


def apply_plan(platform: Platform, action: Action, plan: Plan, *, reason: str, digest: str = "") -> Section:
    """Do what an approved plan says, read it back, and show what is on record.

    Raises:
        NotApproved: The environment asks for a person's approval, and there is none that holds; nothing was changed.
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
    except RunbookError as error:  # a Finding, too: by now it is not a refusal
        return _broken_off(platform, plan, record, error, applied)


def ensure_made(change: Callable[[], None], is_made: Callable[[], bool]) -> None:
    """Make a change whose answer may be lost: it may have been made all the same, which a look shows.

    Raises:
        ChangedMeanwhile: It was refused; nothing was changed.
        SourceUnavailable: It failed and was not made, or that cannot be seen.
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
        known = progress_of(filed) if filed else "nothing"
    except RunbookError:
        known = "not readable now"
    check = _outcome(plan, {**plan.state, "undo": plan.undo}).unknown(
        f"broken off: {error}; on record: {known}",
        f"Look at the state again before anything else: {plan.look(platform.commands)}",
    )
    return Section((check, *plan.cautions), changed=(_changed(plan, record, applied),))


def _verified(platform: Platform, action: Action, plan: Plan, applied: Applied, record: ActionRecord) -> Section:
    wrong = action.verify(plan, applied)
    filed = record_of(platform, record)
    undo = applied.undo or plan.undo
    evidence = {**applied.after, "undo": undo, "audit record": filed.action_id if filed else "missing"}
    question = _outcome(plan, evidence)
    if wrong or filed is None:
        summary = f"could not be verified: {wrong or 'it is not on record'}"
        check = question.fails(summary, f"Look again before anything else. Undo: {undo}")
    else:
        check = question.passes(f"done, read back and on record: {in_one_line(applied.after)}", f"To undo it: {undo}")
    exhibits = (record_table(platform, filed),) if filed else ()
    return Section((check, *plan.cautions), exhibits, changed=(_changed(plan, record, applied),))


def _changed(plan: Plan, record: ActionRecord, applied: Applied | None) -> Change:
    """For the record of the run; without `applied` the change may or may not have been made."""
    undo = (applied.undo if applied else "") or plan.undo
    # An undo that is not a command by itself is a sentence about it, and may name commands that change something.
    is_command = isinstance(undo, Looking)
    return Change(
        action=plan.action,
        target=plan.target,
        what=applied.what if applied else f"broken off, see whether it took effect: {plan.summary}",
        actor=record.who,
        reason=record.reason,
        undo=undo if is_command else "",
        note="" if is_command else undo,
        is_certain=applied is not None,
    )
