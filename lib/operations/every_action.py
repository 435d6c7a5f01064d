"""Everything that people approve, by action name, so that a stored plan can be made again from the live state."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Protocol

from lib.errors import UserError
from lib.operations.changes import lock_switch, traffic
from lib.operations.changes.audit import RELEASE
from lib.operations.changes.lock_release import LockRelease, locked_date
from lib.operations.changes.lock_switch import LockSwitching
from lib.operations.changes.plan import Plan, PlanDigest
from lib.operations.changes.repair import Repair, UndoRepair
from lib.operations.changes.role_binding import RoleBinding
from lib.operations.changes.signed_approval import kept
from lib.operations.changes.spec_change import SpecChange
from lib.operations.changes.staging_cleanup import StagingCleanup
from lib.operations.changes.traffic import TrafficRouting, wanted_traffic
from lib.operations.proving import plan as proving
from lib.platform import Platform
from lib.words.dates import iso_date

_Given = Mapping[str, str]  # a plan's parameters, as text


class Planned(Protocol):
    """Something that makes a plan: an action or a proof."""

    def plan(self) -> Plan:
        """Read the live state and make the plan. Changes nothing."""
        ...


ACTIONS: Mapping[str, Callable[[Platform, _Given], Planned]] = {
    "repair": lambda platform, given: Repair(platform, iso_date(given["date"])),
    "undo of a repair": lambda platform, given: UndoRepair(platform, iso_date(given["date"]), given["backup"]),
    RELEASE: lambda platform, given: LockRelease(
        platform, locked_date(platform, given["release"]), given.get("steal") == "True"
    ),
    lock_switch.ACTION: lambda platform, given: LockSwitching(platform, "off" if given["lock"] == "off" else "on"),
    traffic.ACTION: lambda platform, given: TrafficRouting(
        platform, given["service"], wanted_traffic(given["revision"])
    ),
    "role binding": lambda platform, given: RoleBinding(
        platform, given["account"], "add" if given["role_binding"] == "add" else "remove"
    ),
    "cleanup of staging tables": lambda platform, given: StagingCleanup(platform, given["cleanup"]),
    "change of a table's spec": lambda platform, _: SpecChange(platform),
    proving.ACTION: lambda platform, given: proving.plan_of(platform, given["dataset"]),
}


def waiting_plan(platform: Platform, digest: PlanDigest) -> Plan:
    """Make the plan with this digest again from the live state. Changes nothing.

    The stored plan says only what to read: if it is not what was planned, the digest refuses it.

    Raises:
        UserError: Nothing is stored for it, or nothing of this library.
        Unavailable: The state cannot be read.
    """
    text = kept(platform, digest)
    try:
        asked = json.loads(text)
        given = {str(name): str(value) for name, value in asked["parameters"].items()}
        action = ACTIONS[asked["action"]](platform, given)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UserError(
            f"the stored plan {digest.text} is not a plan of this library: {text!r:.80}; nothing was approved"
        ) from None
    return action.plan()
