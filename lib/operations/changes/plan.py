"""A plan of a change, the digest that binds it to what it saw, and the approval that a person gives it.

``3f9a1c2b4d5e-20260117T2315Z-a109c7``: twelve digits over everything, the minute in UTC at
which it expires, and two digits for each fact, by which a refusal can name those that
moved. It is neither secret nor a signature: it keeps a person from applying what nobody looked at.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lib.errors import Finding, UserError
from lib.platform import Platform
from lib.ports.commands import Commands
from lib.verdict.check import Changing, Check, Looking, Question
from lib.words.brief import brief

WHY = "why it is safe"
LIFE = timedelta(minutes=15)
LIFE_WITH_APPROVAL = timedelta(hours=1)
"""So that another person can come; a signature holds no longer than the plan."""
_DIGEST = re.compile(r"([0-9a-f]{12})-(\d{8}T\d{4}Z)-((?:[0-9a-f]{2})+)", re.ASCII)
_MINUTE = "%Y%m%dT%H%MZ"

Facts = Mapping[str, int | str]


class PlanOutdated(Finding):
    """The plan has expired, or what it rests on has moved since; nothing was changed."""


@dataclass(frozen=True)
class PlanDigest:
    """A digest that a person was shown and has handed back.

    Attributes:
        text: As it is pasted.
        expires_at: The minute (UTC) at which it expires.
    """

    text: str
    expires_at: datetime

    __repr__ = brief("text", "expires_at")

    @classmethod
    def parse(cls, text: str) -> PlanDigest:
        """Raises `UserError` when it is not a digest."""
        found = _DIGEST.fullmatch(text.strip())
        try:
            expires_at = datetime.strptime(found[2], _MINUTE).replace(tzinfo=UTC) if found else None
        except ValueError:
            expires_at = None
        if expires_at is None:
            raise UserError(
                f"plan={text.strip()!r:.80} is not a digest of a plan; paste the one that the plan shows, such as "
                "3f9a1c2b4d5e-20260117T2315Z-a109c7; nothing was changed"
            )
        return cls(text.strip(), expires_at)

    def check(self, identity: Mapping[str, str], state: Facts, now: datetime) -> None:
        """Raise `PlanOutdated` unless it is the digest of exactly this, and still valid."""
        if now >= self.expires_at:
            raise PlanOutdated(
                f"the plan {self.text} has expired at {self.expires_at:%Y-%m-%d %H:%M} UTC; nothing was changed; "
                "look at a new plan"
            )
        expected = _text(identity, state, self.expires_at)
        if self.text == expected:
            return
        marks, expected_marks = _marks(self.text), _marks(expected)
        if len(marks) != len(expected_marks) or marks[0] != expected_marks[0]:
            what = f"is of something else than {', '.join(identity.values())}"
        else:
            facts = zip(state, marks[1:], expected_marks[1:], strict=True)
            moved = [f"{name} (now {state[name]!s:.80})" for name, mark, now_ in facts if mark != now_]
            what = f"no longer holds, since this has moved: {', '.join(moved) or 'the live state'}"
        raise PlanOutdated(f"the plan {self.text} {what}; nothing was changed; look at a new plan")


def digest_of(identity: Mapping[str, str], state: Facts, now: datetime, life: timedelta = LIFE) -> PlanDigest:
    """The digest of a plan that is shown at that moment.

    Args:
        identity: What is done to what, and where.
        state: The live facts that the plan rests on.
        now: The moment (UTC).
        life: How long it holds from then on.
    """
    expires_at = (now + life).replace(second=0, microsecond=0)
    return PlanDigest(_text(identity, state, expires_at), expires_at)


@dataclass(frozen=True)
class Plan:
    """What an action would do, and what it saw.

    Attributes:
        question: Which question of a runbook its outcome answers.
        runbook: The notebook that applies it; empty: a command does.
        action: What is done, such as ``repair``; stands in the record.
        act: The same as an order, for a button: ``Repair 2026-01-17``.
        target: What it is done to; the operator has to name exactly this.
        parameters: The notebook's parameters that ask for it, without plan and reason.
        summary: One line with the deciding figure.
        state: Live fact to its value: when one moves, the plan no longer holds.
        undo: The command that will undo it, or why there is none.
        exhibits: Tables to look at before approving.
        cautions: What it risks: answers of their own, before the change and after it.
        nothing_to_do: Why there is nothing to do; empty: there is.
        found: What the action has found, for its `apply`.
        words: Of the command that shows it, and applies it with plan and reason; empty: a notebook does.
        takes_reason: Whether that command takes a reason.
    """

    question: Question
    runbook: str
    action: str
    act: str
    target: str
    parameters: Mapping[str, object]
    summary: str
    state: Facts
    undo: str
    exhibits: tuple[Any, ...] = ()
    cautions: tuple[Check, ...] = ()
    nothing_to_do: str = ""
    found: Any = None
    words: tuple[str, ...] = ()
    takes_reason: bool = True

    __repr__ = brief("action", "target", "summary")

    def digest(self, platform: Platform, now: datetime) -> PlanDigest:
        """What a person hands back to approve this plan."""
        life = LIFE_WITH_APPROVAL if platform.environment.needs_approval else LIFE
        return digest_of(self.identity(platform), self.state, now, life)

    def ensure_unmoved(self, platform: Platform, digest: str, now: datetime) -> None:
        """Refuse a digest that is not of this very plan, or has expired.

        Raises:
            UserError: It is not a digest.
            PlanOutdated: It is one, and no longer holds.
        """
        PlanDigest.parse(digest).check(self.identity(platform), self.state, now)

    def command(self, commands: Commands, digest: PlanDigest) -> Changing:
        """What applies it."""
        if self.words:
            reason = ("--reason", WHY) if self.takes_reason else ()
            return commands.changing(*self.words, "--plan", digest.text, *reason)
        return commands.run_plan(self.runbook, self.parameters, plan=digest.text, reason=WHY)

    def approve_command(self, commands: Commands, digest: PlanDigest) -> Changing:
        """What a person types first, at a terminal, where a change needs a signature."""
        return commands.changing("approve", digest.text)

    def look(self, commands: Commands) -> Looking:
        """What shows it again, and changes nothing."""
        if self.words:
            return commands.looking(*self.words)
        return commands.run(self.runbook, self.parameters)

    def identity(self, platform: Platform) -> Mapping[str, str]:
        """What is done to what, and where: with the state, all that the digest binds."""
        return {
            "action": self.action,
            "target": self.target,
            "environment": f"{platform.name} ({platform.environment.project_id})",
            "table": str(platform.table.table),
            "asked for": ", ".join(f"{name}={value}" for name, value in self.parameters.items()),
        }


@dataclass(frozen=True)
class Approval:
    """What the parameters of a notebook say about a change. Without plan and reason it is only shown.

    Attributes:
        parameter: The parameter that names the target, for messages.
        target: What may be changed, and nothing else.
        plan: The digest of the plan that was looked at.
        reason: Why; kept in the record.
    """

    parameter: str
    target: str = ""
    plan: str = ""
    reason: str = ""

    __repr__ = brief("target", "plan", "reason")

    @property
    def is_given(self) -> bool:
        return bool(self.plan or self.reason)

    def checked(self) -> Approval:
        """The same, trimmed, if it is whole: all that can be checked before anything is looked at.

        Raises:
            UserError: A part is missing or malformed; nothing was changed.
        """
        trimmed = Approval(self.parameter, self.target.strip(), self.plan.strip(), self.reason.strip())
        if not trimmed.is_given:
            return trimmed
        if not trimmed.target:
            raise UserError(f"a plan or a reason was given, but {self.parameter} names nothing; nothing was changed")
        named = f"{self.parameter}={trimmed.target!r:.80}"
        if trimmed.reason in ("", WHY):
            raise UserError(f"{named} needs a reason of your own, which is kept in the record; nothing was changed")
        if not trimmed.plan:
            raise UserError(
                f"{named} needs plan=DIGEST, of the plan that you looked at; run it without a reason to see the plan; "
                "nothing was changed"
            )
        PlanDigest.parse(trimmed.plan)
        return trimmed

    def ensure_names(self, target: str) -> None:
        """Raise `UserError` unless exactly this was named."""
        if self.target != target:
            raise UserError(
                f"{self.parameter}={self.target!r:.80} does not name what would be changed; write "
                f"{self.parameter}={target}; nothing was changed"
            )


def is_digest(text: str) -> bool:
    """Whether it has the form of one."""
    return _DIGEST.fullmatch(text) is not None


def _text(identity: Mapping[str, str], state: Facts, expires_at: datetime) -> str:
    until = expires_at.strftime(_MINUTE)
    marks = [_hash(identity, 2), *(_hash({name: value}, 2) for name, value in state.items())]
    return f"{_hash([identity, state, until], 12)}-{until}-{''.join(marks)}"


def _hash(value: object, digits: int) -> str:
    written = json.dumps(value, sort_keys=True, ensure_ascii=True, default=dict)
    return hashlib.sha256(written.encode()).hexdigest()[:digits]


def _marks(digest: str) -> list[str]:
    marks = digest.rpartition("-")[2]
    return [marks[start : start + 2] for start in range(0, len(marks), 2)]
