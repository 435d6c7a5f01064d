"""Rollback option A: switch the lock off by configuration, and back on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lib.consolidation.upkeep.audit import ActionRecord
from lib.errors import SourceUnavailable, UserError
from lib.lock_switch import deployed_switch
from lib.locking.switch import VARIABLE
from lib.operations.changes.action import Applied, ensure_made
from lib.operations.changes.plan import Approval, Plan
from lib.operations.changes.traffic import ROLLBACK_OPTION, spoken_traffic
from lib.operations.fences import DANGER, Guard, guard_of
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.ports.services import LATEST, ServiceStatus
from lib.verdict.check import Changing, Check, Question
from lib.verdict.section import Section, Table, facts, section
from lib.verdict.verdict import Verdict
from lib.words.quantities import Value

LOCK_SWITCH = Question(
    "lock_switch",
    "Lock switch",
    affects="concurrent consolidations of a date: the lock does not keep them apart",
    can_wait="as long as only one consolidation of a date runs at a time",
)

Position = Literal["off", "on"]

ACTION = "lock switch"


def _off_costs(guard: Guard) -> Table:
    """What switching it off costs and keeps, by what is known of the deployed code."""
    caption = "Option A: what switching the lock off costs and keeps"
    if not guard.holds:
        return facts(
            caption,
            {
                "stays": f"no known defence: {guard.words}",
                "costs": DANGER,
                "reaches": f"only code that reads {VARIABLE}; it is not known whether the coordinator does",
            },
        )
    return facts(
        caption,
        {
            "goes away": "waiting for the lock, locks that look stuck, and the dependency on the lock store",
            "stays": "the fence: even without the lock, no consolidation can write a key twice or lose a row",
            "costs": "repeated work: of two concurrent consolidations of a date, one is rolled back and retried",
            "reaches": f"every consolidation of this library: each reads {VARIABLE}=off first; it overrides use_lock",
            "does not touch": "locks that are held now: their holders finish as usual",
        },
    )


def switch_now(platform: Platform) -> dict[str, str]:
    """Return the position of the switch, as the record of a change keeps it."""
    try:
        return {"lock": "on" if _is_on(platform) else "off"}
    except SourceUnavailable as error:
        return {"lock": f"not readable: {error}"}


@section(LOCK_SWITCH)
def lock_switch(scope: Scope, approval: Approval) -> Section:
    """Report whether consolidations take the lock, and what switching it off costs and keeps.

    A run that makes a change has no check here: the change itself is verified.
    """
    is_on = _is_on(scope.platform)
    check = _position(scope.platform, "on" if is_on else "off", scope.guard)
    return Section(() if approval.is_given else (check,), (_off_costs(scope.guard),))


def _position(platform: Platform, position: Position, guard: Guard) -> Check:
    commands, coordinator = platform.commands, platform.environment.services.coordinator
    other: Position = "off" if position == "on" else "on"
    plan = commands.run("rollback", {"lock": other})
    by_hand = commands.set_variable(coordinator, VARIABLE, other)
    changes = [by_hand] if isinstance(by_hand, Changing) else []
    evidence: dict[str, Value] = {"coordinator": coordinator, VARIABLE: position, f"plan to switch it {other}": plan}
    question = LOCK_SWITCH.on(evidence, [commands.describe_service(coordinator)])
    if position == "on" and not guard.holds:
        question = question.on({"coordinator": coordinator, VARIABLE: position}, question.commands)
        return question.passes(f"on; switching it off is not offered: {guard.words}")
    if position == "on":
        return question.answer(Verdict.PASS, "on: consolidations take the lock", changes=changes)
    alone = "guarded by the fence alone" if guard.holds else f"with no known defence: {guard.words}"
    summary = f"OFF: consolidations that read {VARIABLE} run without the lock, {alone}"
    return question.warns(summary, f"When the cause is fixed, switch it on again: {plan}", changes)


def _is_on(platform: Platform) -> bool:
    return deployed_switch(platform.services, platform.environment.services.coordinator)


@dataclass(frozen=True)
class LockSwitching:
    """Redeploys the coordinator's newest revision with the switch in that position."""

    platform: Platform
    position: Position
    keeps_own_record: bool = False

    def plan(self) -> Plan:
        """Raises `UserError` if the change would have no effect."""
        status = self.platform.services.describe(self.platform.environment.services.coordinator)
        state = {**switch_now(self.platform), "serves": spoken_traffic(status.routed), "version": status.version}
        is_there = state["lock"] == self.position
        if not is_there:
            self._ensure_effective(status)
        back = "on" if self.position == "off" else "off"
        # Needed only to switch the lock off: switching it on needs no other defence.
        guard = guard_of(self.platform) if self.position == "off" else None
        risk = f" ({guard.words}; without a fence {DANGER})" if guard and not guard.holds else ""
        return Plan(
            question=ROLLBACK_OPTION,
            runbook="rollback",
            action=ACTION,
            act=f"Switch the lock {self.position}",
            target=status.name,
            parameters={"lock": self.position, "service": status.name},
            summary=f"switch the lock {self.position.upper()}, with a new revision based on "
            f"{status.latest_created_revision}{risk}",
            state=state,
            undo=self.platform.commands.run("rollback", {"lock": back}),
            nothing_to_do=f"the lock is already {self.position}" if is_there else "",
            found=status,
            exhibits=(_off_costs(guard),) if guard else (),
        )

    def apply(self, plan: Plan, record: ActionRecord) -> Applied:
        value = "off" if self.position == "off" else None
        services, version = self.platform.services, plan.found.version
        ensure_made(
            lambda: services.set_variable(plan.target, VARIABLE, value, version=version),
            lambda: switch_now(self.platform)["lock"] == self.position,
        )
        return Applied(f"lock switched {self.position}", {"lock": self.position})

    def verify(self, plan: Plan, applied: Applied) -> str:
        position = switch_now(self.platform)["lock"]
        return "" if position == self.position else f"the lock is {position}, not {self.position}"

    def _ensure_effective(self, status: ServiceStatus) -> None:
        """A new revision gets traffic only if that goes to the latest, and starts only if the current one does."""
        if status.routed != {LATEST: 100}:
            follow = self.platform.commands.run("rollback", {"service": status.name, "revision": LATEST})
            raise UserError(
                f"the switch needs a new revision, which would get no traffic: {status.name} serves "
                f"{spoken_traffic(status.routed)}; send its traffic to the latest first: {follow}; nothing was changed"
            )
        if status.is_ready is False:
            raise UserError(
                f"the switch needs a new revision based on {status.latest_created_revision}, which does not "
                f"start: {status.reason}; nothing was changed"
            )
