"""Giving the account of a service the role that the lock needs, and taking it back (guide, step 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lib.errors import UserError
from lib.operations import by_hand
from lib.operations.changes.action import Applied, carry_out
from lib.operations.changes.once import ensure_made
from lib.operations.changes.plan import Approval, Plan
from lib.verdict.section import Section, section
from lib.words.choices import ensure_one_of

if TYPE_CHECKING:
    from lib.consolidation.upkeep.audit import ActionRecord
    from lib.platform import Platform
    from lib.ports.permissions import RoleBindings

ACTION = "role binding"
ROLE = by_hand.DATASTORE_USER
Change = Literal["", "add", "remove"]


@dataclass(frozen=True)
class RoleBinding:
    """Binds the role to the account in the project, or removes that binding."""

    platform: Platform
    account: str
    change: Literal["add", "remove"]
    keeps_own_record: bool = False

    def plan(self) -> Plan:
        """Raises `UserError` when no service runs as the account."""
        runs = self._services()
        bindings = self._bindings()
        back = "remove" if self.change == "add" else "add"
        verb = "give" if self.change == "add" else "take away"
        return Plan(
            runbook="deploy_verify",
            action=ACTION,
            target=self.account,
            parameters={"role_binding": self.change, "account": self.account},
            summary=f"{verb} {ROLE} in the project, for {self.account}, as which {' and '.join(runs)} run",
            state={**_told(bindings), "policy": bindings.version},
            undo=plan_command(self.platform, self.account, back),
            nothing_to_do=f"{ROLE}: {'held' if self._is_bound(bindings) else 'not held'} already"
            if self._is_made(bindings)
            else "",
        )

    def apply(self, plan: Plan, record: ActionRecord) -> Applied:
        iam = self.platform.iam
        write = iam.grant if self.change == "add" else iam.revoke
        ensure_made(
            lambda: write(self.account, ROLE, version=plan.state["policy"]), lambda: self._is_made(self._bindings())
        )
        return Applied({ROLE: "held" if self.change == "add" else "not held"})

    def verify(self, plan: Plan, applied: Applied) -> str:
        bindings = self._bindings()
        return "" if self._is_made(bindings) else f"it holds {_told(bindings)['roles']}"

    def _services(self) -> list[str]:
        """The services that run as the account."""
        described = map(self.platform.services.describe, self.platform.environment.services.both)
        accounts = {status.name: status.service_account for status in described}
        found = [service for service, account in accounts.items() if account == self.account]
        if not found:
            raise UserError(
                f"no service runs as {self.account!r:.80}; they run as {' and '.join(sorted(set(accounts.values())))}; "
                "nothing was changed"
            )
        return found

    def _bindings(self) -> RoleBindings:
        return self.platform.iam.roles_of(self.account)

    def _is_bound(self, bindings: RoleBindings) -> bool:
        return ROLE in bindings.roles

    def _is_made(self, bindings: RoleBindings) -> bool:
        return self._is_bound(bindings) == (self.change == "add")


def plan_command(platform: Platform, account: str, change: str) -> str:
    """What shows the plan."""
    return by_hand.runbook("deploy_verify", platform.environment, {"role_binding": change, "account": account})


def checked_binding(
    platform: Platform, change: Change, account: str, plan: str, reason: str
) -> tuple[RoleBinding | None, Approval]:
    """What the parameters ask for, checked before anything is looked at; None: nothing is to be changed.

    Args:
        platform: Where.
        change: What to do with the binding.
        account: Whose.
        plan: The digest of the plan that is to be applied; empty: only show the plan.
        reason: Why.

    Raises:
        UserError: They ask for another change, or for a part of one.
    """
    ensure_one_of(Change, role_binding=change)
    account = account.strip()
    if bool(change) != bool(account):
        raise UserError("role_binding and account belong together: what to do, and for whom; nothing was changed")
    approval = Approval("account", account, plan, reason).checked()
    return (RoleBinding(platform, account, change) if change else None), approval


@section("Role binding")
def bind_role(platform: Platform, asked: tuple[RoleBinding | None, Approval]) -> Section:
    """Show the plan of what was asked for or, when it is approved, carry it out."""
    action, approval = asked
    return carry_out(platform, action, approval) if action else Section(())


def _told(bindings: RoleBindings) -> dict[str, str]:
    return {"roles": ", ".join(sorted(bindings.roles)) or "none"}
