"""Granting a service's account the role that the lock needs, and revoking it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lib.consolidation.upkeep.audit import ActionRecord
from lib.errors import UserError
from lib.operations.changes.action import Applied, Request, ensure_made
from lib.operations.changes.plan import Approval, Plan
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.ports.permissions import LOCK_ROLE, RoleBindings
from lib.verdict.check import Question
from lib.verdict.section import Section, section
from lib.words.choices import ensure_one_of

ROLE_BINDING = Question(
    "role_binding",
    "Role binding",
    affects="consolidations by that account: they may lack the right to take the lock",
    can_wait="until the next batch",
)

Change = Literal["", "add", "remove"]


@dataclass(frozen=True)
class RoleBinding:
    """Adds or removes the role's binding to the account, in the project."""

    platform: Platform
    account: str
    change: Literal["add", "remove"]
    keeps_own_record: bool = False

    def plan(self) -> Plan:
        """Raises `UserError` if no service runs as the account."""
        runs = self._services()
        bindings = self._bindings()
        back = "remove" if self.change == "add" else "add"
        verb, to = ("grant", "to") if self.change == "add" else ("revoke", "from")
        return Plan(
            question=ROLE_BINDING,
            runbook="deploy_verify",
            action="role binding",
            act=f"{verb.capitalize()} the role",
            target=self.account,
            parameters={"role_binding": self.change, "account": self.account},
            summary=f"{verb} {LOCK_ROLE} {to} {self.account} in the project; it is the account of {' and '.join(runs)}",
            state={"roles": _in_words(bindings), "policy": bindings.version},
            undo=self.platform.commands.run("deploy_verify", {"role_binding": back, "account": self.account}),
            nothing_to_do=f"{LOCK_ROLE}: already {self._wanted}" if self._is_made(bindings) else "",
            found=bindings,
        )

    def apply(self, plan: Plan, record: ActionRecord) -> Applied:
        iam = self.platform.iam
        write = iam.grant if self.change == "add" else iam.revoke
        ensure_made(
            lambda: write(self.account, LOCK_ROLE, version=plan.found.version),
            lambda: self._is_made(self._bindings()),
        )
        done = "granted" if self.change == "add" else "revoked"
        return Applied(f"{LOCK_ROLE} {done}", {LOCK_ROLE: self._wanted})

    def verify(self, plan: Plan, applied: Applied) -> str:
        bindings = self._bindings()
        return "" if self._is_made(bindings) else f"the account holds {_in_words(bindings)}"

    def _services(self) -> list[str]:
        """The services that run as the account."""
        described = map(self.platform.services.describe, self.platform.environment.services.both)
        accounts = {status.name: status.service_account for status in described}
        found = [service for service, account in accounts.items() if account == self.account]
        if not found:
            raise UserError(
                f"no service runs as {self.account!r:.80}; the services run as "
                f"{' and '.join(sorted(set(accounts.values())))}; nothing was changed"
            )
        return found

    def _bindings(self) -> RoleBindings:
        return self.platform.iam.roles_of(self.account)

    @property
    def _wanted(self) -> str:
        return "held" if self.change == "add" else "not held"

    def _is_made(self, bindings: RoleBindings) -> bool:
        return (LOCK_ROLE in bindings.roles) == (self.change == "add")


def checked_binding(platform: Platform, change: Change, account: str, plan: str, reason: str) -> Request:
    """Check the parameters, before anything is read, and return the change that they ask for.

    Args:
        platform: Where to make it.
        change: What to do with the binding.
        account: The account to change.
        plan, reason: As in `Approval`.

    Raises:
        UserError: Unknown change, or a part of the request is missing.
    """
    ensure_one_of(Change, role_binding=change)
    account = account.strip()
    if bool(change) != bool(account):
        raise UserError("give role_binding and account together: what to do, for which account; nothing was changed")
    approval = Approval("account", account, plan, reason).checked()
    return Request(RoleBinding(platform, account, change) if change else None, approval)


@section(ROLE_BINDING)
def bind_role(scope: Scope, request: Request) -> Section:
    """Show the requested plan or, if it is approved, apply it."""
    return request.carried_out(scope.platform)


def _in_words(bindings: RoleBindings) -> str:
    return ", ".join(sorted(bindings.roles)) or "none"
