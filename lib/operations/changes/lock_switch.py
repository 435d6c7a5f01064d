"""Rollback, option A: switch the lock off by configuration, and on again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lib.errors import SourceUnavailable, UserError
from lib.lock_switch import VARIABLE, deployed_switch
from lib.operations import by_hand
from lib.operations.changes.action import Applied
from lib.operations.changes.once import ensure_made
from lib.operations.changes.plan import Plan
from lib.operations.changes.traffic import spoken_traffic
from lib.ports.services import LATEST
from lib.verdict.check import Check
from lib.verdict.section import Section, section
from lib.verdict.table import facts
from lib.verdict.verdict import Verdict

if TYPE_CHECKING:
    from lib.consolidation.upkeep.audit import ActionRecord
    from lib.operations.changes.plan import Approval
    from lib.platform import Platform
    from lib.ports.services import ServiceStatus

Position = Literal["off", "on"]

ACTION = "lock switch"
_OFF_COSTS = {
    "goes away": "waiting for the lock, locks that look stuck, and every need of the lock's store",
    "stays": "the fence: without the lock, too, no consolidation can write a key twice or lose a row",
    "costs": "two consolidations of a date at once do each other's work again: one is rolled back and repeated",
    "reaches": f"whatever consolidates: {VARIABLE}=off is read before each one, and beats use_lock=True",
    "does not touch": "locks that are held now; their holders finish under them",
}


def switch_now(platform: Platform) -> dict[str, str]:
    """The position of the switch, as the record of a change tells it."""
    try:
        return {"lock": "on" if deployed_switch(platform) else "off"}
    except SourceUnavailable as error:
        return {"lock": f"not readable: {error}"}


@section("Lock switch")
def lock_switch(platform: Platform, approval: Approval) -> Section:
    """Whether consolidations take the lock, and what switching it off costs and keeps.

    In the run that changes something it is no check: it is read back after the change.
    """
    environment, coordinator = platform.environment, platform.environment.services.coordinator
    costs = facts("Option A: the lock switched off", _OFF_COSTS)
    commands = [by_hand.describe_service(environment, coordinator)]
    is_on = deployed_switch(platform)
    if approval.is_given:
        return Section((), (costs,))
    if is_on:
        plan = by_hand.runbook("rollback", environment, {"lock": "off"})
        evidence = {"coordinator": coordinator, VARIABLE: "on or absent", "plan to switch it off": plan}
        off = [by_hand.set_variable(environment, coordinator, VARIABLE, "off")]
        summary = "on: consolidations take the lock"
        check = Check("Lock switch", Verdict.PASS, summary, evidence, commands=commands, changes=off)
        return Section((check,), (costs,))
    summary = "OFF: consolidations run without the lock, guarded by the fence alone"
    step = f"When the cause is mended, switch it on again: {by_hand.runbook('rollback', environment, {'lock': 'on'})}"
    evidence = {"coordinator": coordinator, VARIABLE: "off"}
    on = [by_hand.set_variable(environment, coordinator, VARIABLE, "on")]
    check = Check("Lock switch", Verdict.WARN, summary, evidence, step, commands, on)
    return Section((check,), (costs,))


@dataclass(frozen=True)
class LockSwitching:
    """Deploys the coordinator's newest revision again, with the switch in that position."""

    platform: Platform
    position: Position
    keeps_own_record: bool = False

    def plan(self) -> Plan:
        """Raises `UserError` when the change would have no effect."""
        status = self._status()
        state = self._state(status)
        is_there = state["lock"] == self.position
        if not is_there:
            self._refuse_in_vain(status)
        environment = self.platform.environment
        back = "on" if self.position == "off" else "off"
        return Plan(
            runbook="rollback",
            action=ACTION,
            target=status.name,
            parameters={"lock": self.position, "service": status.name},
            summary=f"switch the lock {self.position.upper()}, by a new revision made from "
            f"{status.latest_created_revision}",
            state=state,
            undo=by_hand.runbook("rollback", environment, {"lock": back}),
            nothing_to_do=f"the lock is {self.position} already" if is_there else "",
            exhibits=(facts("What switching it off costs and keeps", _OFF_COSTS),) if self.position == "off" else (),
        )

    def apply(self, plan: Plan, record: ActionRecord) -> Applied:
        value = "off" if self.position == "off" else None
        services, version = self.platform.services, plan.state["version"]
        ensure_made(
            lambda: services.set_variable(plan.target, VARIABLE, value, version=version),
            lambda: switch_now(self.platform)["lock"] == self.position,
        )
        return Applied({"lock": self.position})

    def verify(self, plan: Plan, applied: Applied) -> str:
        position = switch_now(self.platform)["lock"]
        return "" if position == self.position else f"the lock is {position}, not {self.position}"

    def _status(self) -> ServiceStatus:
        return self.platform.services.describe(self.platform.environment.services.coordinator)

    def _state(self, status: ServiceStatus) -> dict[str, str]:
        return {**switch_now(self.platform), "serves": spoken_traffic(status.routed), "version": status.version}

    def _refuse_in_vain(self, status: ServiceStatus) -> None:
        """A new revision serves what goes to the latest, and starts only if the one before it does."""
        if status.routed != {LATEST: 100}:
            parameters = {"service": status.name, "revision": LATEST}
            follow = by_hand.runbook("rollback", self.platform.environment, parameters)
            raise UserError(
                f"the switch comes with a new revision, which would get no traffic: {status.name} serves "
                f"{spoken_traffic(status.routed)}; let it follow the latest first: {follow}; nothing was changed"
            )
        if status.is_ready is False:
            raise UserError(
                f"the switch comes with a new revision made from {status.latest_created_revision}, which does not "
                f"start: {status.reason}; nothing was changed"
            )
