"""A plan of a change, bound to what it saw, and the approval that a person gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lib.errors import UserError
from lib.operations import by_hand
from lib.operations.changes.digest import PlanDigest, digest_of

if TYPE_CHECKING:
    from lib.environment import Environment
    from lib.platform import Platform
    from lib.verdict.commands import Changing, Looking

WHY = "why it is safe"


@dataclass(frozen=True)
class Plan:
    """What an action would do, and what it saw.

    Attributes:
        runbook: The notebook that applies it; empty: a command does.
        action: What is done, such as ``repair``; stands in the record.
        target: What it is done to; the operator has to name exactly this.
        parameters: The notebook's parameters that ask for it, without plan and reason.
        summary: One line with the deciding figure.
        state: Live fact to its value: when one moves, the plan no longer holds.
        undo: The command that will undo it, or why there is none.
        exhibits: Tables to look at before approving.
        nothing_to_do: Why there is nothing to do; empty: there is.
        found: What the action has found, for its `apply`.
        words: Of the command that shows it, and applies it with plan and reason; empty: a notebook does.
    """

    runbook: str
    action: str
    target: str
    parameters: Mapping[str, object]
    summary: str
    state: Mapping[str, str]
    undo: str
    exhibits: tuple[Any, ...] = ()
    nothing_to_do: str = ""
    found: Any = None
    words: tuple[str, ...] = ()

    def digest(self, platform: Platform, now: datetime) -> PlanDigest:
        """What a person hands back to approve this plan."""
        return digest_of(self._identity(platform), self.state, now)

    def ensure_unmoved(self, platform: Platform, digest: str, now: datetime) -> None:
        """Refuse a digest that is not of this very plan, or has expired.

        Raises:
            UserError: It is no digest.
            PlanOutdated: It is one, and no longer holds.
        """
        PlanDigest.parse(digest).check(self._identity(platform), self.state, now)

    def command(self, environment: Environment, digest: PlanDigest) -> Changing:
        """What applies it."""
        if self.words:
            return by_hand.change(environment, *self.words, "--plan", digest.text, "--reason", WHY)
        return by_hand.runbook_change(self.runbook, environment, self.parameters, plan=digest.text, reason=WHY)

    def look(self, environment: Environment) -> Looking:
        """What shows it again, and changes nothing."""
        if self.words:
            return by_hand.command(environment, *self.words)
        return by_hand.runbook(self.runbook, environment, self.parameters)

    def _identity(self, platform: Platform) -> Mapping[str, str]:
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

    @property
    def is_given(self) -> bool:
        return bool(self.plan or self.reason)

    def checked(self) -> Approval:
        """The same, trimmed, if it is whole: all that can be told before anything is looked at.

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
