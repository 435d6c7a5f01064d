"""The plan of a change, the digest that binds it to the state it was made from, and a person's approval of it.

``3f9a1c2b4d5e-20260117T2315Z-a109c7``: twelve digits over everything, the minute in UTC at
which it expires, and two digits per fact, so that a refusal can name the facts that changed.
It is neither a secret nor a signature: it ensures that only a plan that was shown can be applied.
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
"""Leaves time for another person to approve; a signature is valid no longer than the plan."""
_DIGEST = re.compile(r"([0-9a-f]{12})-(\d{8}T\d{4}Z)-((?:[0-9a-f]{2})+)", re.ASCII)
_MINUTE = "%Y%m%dT%H%MZ"

Facts = Mapping[str, int | str]


class PlanOutdated(Finding):
    """The plan has expired, or the state that it is based on has changed; nothing was changed."""


@dataclass(frozen=True)
class PlanDigest:
    """The digest of a plan, as a person hands it back.

    Attributes:
        text: The digest as pasted.
        expires_at: The minute (UTC) at which it expires.
    """

    text: str
    expires_at: datetime

    __repr__ = brief("text", "expires_at")

    @classmethod
    def parse(cls, text: str) -> PlanDigest:
        """Parse a digest. Raises `UserError` if the text is not one."""
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
        """Raise `PlanOutdated` unless it is the digest of exactly this state, and still valid."""
        if now >= self.expires_at:
            raise PlanOutdated(
                f"the plan {self.text} has expired, it was valid until {self.expires_at:%Y-%m-%d %H:%M} UTC; "
                "nothing was changed; make a new plan"
            )
        expected = _text(identity, state, self.expires_at)
        if self.text == expected:
            return
        marks, expected_marks = _marks(self.text), _marks(expected)
        if len(marks) != len(expected_marks) or marks[0] != expected_marks[0]:
            what = f"is for something other than {', '.join(identity.values())}"
        else:
            facts = zip(state, marks[1:], expected_marks[1:], strict=True)
            moved = [f"{name} (now {state[name]!s:.80})" for name, mark, now_ in facts if mark != now_]
            what = f"no longer holds, because this has changed: {', '.join(moved) or 'the live state'}"
        raise PlanOutdated(f"the plan {self.text} {what}; nothing was changed; make a new plan")


def digest_of(identity: Mapping[str, str], state: Facts, now: datetime, life: timedelta = LIFE) -> PlanDigest:
    """Return the digest of a plan that is shown at this time.

    Args:
        identity: The change, its target and its environment.
        state: The live facts that the plan is based on.
        now: The time (UTC).
        life: How long the digest is valid from then on.
    """
    expires_at = (now + life).replace(second=0, microsecond=0)
    return PlanDigest(_text(identity, state, expires_at), expires_at)


@dataclass(frozen=True)
class Plan:
    """What an action would do, and the state that it is based on.

    Attributes:
        question: The runbook question that its outcome answers.
        runbook: The notebook that applies it; empty: a command does.
        action: The kind of change, such as ``repair``, as the record keeps it.
        act: The label of its button: ``Repair 2026-01-17``.
        target: What it changes; the operator has to name exactly this.
        parameters: The notebook's parameters that ask for it, without plan and reason.
        summary: One line with the deciding figure.
        state: Live facts and their values: if one changes, the plan no longer holds.
        undo: The command that will undo it, or why there is none.
        exhibits: Tables to review before approving.
        cautions: Its risks, as checks of their own, before the change and after it.
        nothing_to_do: Why there is nothing to do; empty: there is something.
        found: What the action has found, for its `apply`.
        words: The command that shows it, and applies it with plan and reason; empty: a notebook does.
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
        """Return the digest that a person hands back to approve this plan."""
        life = LIFE_WITH_APPROVAL if platform.environment.needs_approval else LIFE
        return digest_of(self.identity(platform), self.state, now, life)

    def ensure_unmoved(self, platform: Platform, digest: str, now: datetime) -> None:
        """Refuse a digest that is not of exactly this plan, or has expired.

        Raises:
            UserError: It is not a digest.
            PlanOutdated: It is a digest, but no longer holds.
        """
        PlanDigest.parse(digest).check(self.identity(platform), self.state, now)

    def command(self, commands: Commands, digest: PlanDigest) -> Changing:
        """Return the command that applies it."""
        if self.words:
            reason = ("--reason", WHY) if self.takes_reason else ()
            return commands.changing(*self.words, "--plan", digest.text, *reason)
        return commands.run_plan(self.runbook, self.parameters, plan=digest.text, reason=WHY)

    def approve_command(self, commands: Commands, digest: PlanDigest) -> Changing:
        """Return the command that a person types first, at a terminal, if a change needs a signature."""
        return commands.changing("approve", digest.text)

    def look(self, commands: Commands) -> Looking:
        """Return the command that shows it again and changes nothing."""
        if self.words:
            return commands.looking(*self.words)
        return commands.run(self.runbook, self.parameters)

    def identity(self, platform: Platform) -> Mapping[str, str]:
        """Return the change, its target and its environment: with the state, all that the digest covers."""
        return {
            "action": self.action,
            "target": self.target,
            "environment": f"{platform.name} ({platform.environment.project_id})",
            "table": str(platform.table.table),
            "asked for": ", ".join(f"{name}={value}" for name, value in self.parameters.items()),
        }


@dataclass(frozen=True)
class Approval:
    """The approval in a notebook's parameters. Without plan and reason, the change is only shown.

    Attributes:
        parameter: The parameter that names the target, for messages.
        target: The only thing that may be changed.
        plan: The digest of the plan that was reviewed.
        reason: Why it is safe; kept in the audit record.
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
        """Return it trimmed, if it is complete: all that can be checked before anything is read.

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
            raise UserError(f"{named} needs your own reason, which is kept in the audit record; nothing was changed")
        if not trimmed.plan:
            raise UserError(
                f"{named} needs plan=DIGEST, from the plan that you reviewed; run it without a reason to see the plan; "
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
    """Whether the text has the form of a digest."""
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
