"""The lock's role is granted to a service's account, and revoked, only as approved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib.consolidation.upkeep.audit import AuditTrail
from lib.embedded.deployment import SERVICE_ACCOUNT, Deployment
from lib.errors import Finding, UserError
from lib.operations.changes.role_binding import bind_role, checked_binding
from lib.operations.deployment.services import firestore_access
from lib.operations.scope import scope_of
from lib.platform import Platform
from lib.ports.permissions import LOCK_ROLE
from lib.verdict.section import Section
from lib.verdict.verdict import Verdict
from tests.operations.deployed import on_google

ADD = {"change": "add", "account": SERVICE_ACCOUNT}
WHY = "the role was never bound"
LACKING = Deployment().with_roles(SERVICE_ACCOUNT, ["roles/viewer"])


@pytest.fixture(params=["embedded", "google"])
def deployed(request: pytest.FixtureRequest, platform: Platform, home: Path) -> Iterator[Platform]:
    """The services' account lacks the role."""
    LACKING.save(home)
    if request.param == "embedded":
        yield platform
        return
    with on_google(platform, LACKING) as platform_on_google:
        yield platform_on_google


def ask(platform: Platform, change: Any, account: str, plan: str = "", reason: str = "") -> Section:
    return bind_role(scope_of(platform), checked_binding(platform, change, account, plan, reason))


def digest(planned: Section) -> str:
    return str(planned.checks[0].evidence["plan"])


def test_without_being_asked_nothing_is_planned(deployed: Platform) -> None:
    assert ask(deployed, "", "") == Section(())


def test_it_is_planned_granted_recorded_and_revoked(deployed: Platform) -> None:
    before = deployed.iam.roles_of(SERVICE_ACCOUNT)
    planned = ask(deployed, **ADD)
    assert deployed.iam.roles_of(SERVICE_ACCOUNT) == before
    done = ask(deployed, **ADD, plan=digest(planned), reason=WHY)
    assert done.checks[0].verdict is Verdict.PASS
    assert deployed.iam.roles_of(SERVICE_ACCOUNT).roles == {"roles/viewer", LOCK_ROLE}
    assert firestore_access(scope_of(deployed)).checks[0].verdict is Verdict.PASS
    (record,) = AuditTrail(deployed.warehouse, deployed.table).records()
    assert (record.target, record.reason, record.status) == (SERVICE_ACCOUNT, WHY, "done")
    assert (json.loads(record.before)["roles"], json.loads(record.after)) == ("roles/viewer", {LOCK_ROLE: "held"})
    assert record.undo == f"runbook run deploy_verify -p role_binding=remove -p account={SERVICE_ACCOUNT}"
    taking = {**ADD, "change": "remove"}
    ask(deployed, **taking, plan=digest(ask(deployed, **taking)), reason="by mistake")
    assert deployed.iam.roles_of(SERVICE_ACCOUNT).roles == before.roles


@pytest.mark.parametrize(
    "wrong",
    [
        {"account": f"x{SERVICE_ACCOUNT}"},
        {"account": ""},
        {"change": ""},
        {"reason": ""},
        {"plan": ""},
        {"plan": "yes"},
    ],
    ids=str,
)
def test_an_incomplete_or_wrong_approval_is_refused(deployed: Platform, wrong: dict[str, str]) -> None:
    whole = {**ADD, "plan": digest(ask(deployed, **ADD)), "reason": WHY}
    with pytest.raises(UserError):
        ask(deployed, **{**whole, **wrong})
    assert deployed.iam.roles_of(SERVICE_ACCOUNT).roles == {"roles/viewer"}


def test_a_plan_is_refused_once_the_policy_has_changed(deployed: Platform) -> None:
    plan = digest(ask(deployed, **ADD))
    deployed.iam.grant("another@x", "roles/editor", version=deployed.iam.roles_of(SERVICE_ACCOUNT).version)
    with pytest.raises(Finding, match="policy"):
        ask(deployed, **ADD, plan=plan, reason=WHY)
    assert deployed.iam.roles_of(SERVICE_ACCOUNT).roles == {"roles/viewer"}


def test_a_role_that_may_come_from_above_the_project_is_not_called_missing(deployed: Platform) -> None:
    (check,) = firestore_access(scope_of(deployed)).checks
    sees_all = not deployed.iam.roles_of(SERVICE_ACCOUNT).unseen
    assert check.verdict is (Verdict.FAIL if sees_all else Verdict.UNKNOWN)
    assert "role_binding=add" in check.next_step
