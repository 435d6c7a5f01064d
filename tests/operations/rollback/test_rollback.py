"""A rollback is planned without a change, applied only as approved, recorded, and undone."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lib.consolidation.result import ConsolidationResult
from lib.consolidation.upkeep.audit import ActionRecord, AuditTrail
from lib.embedded.deployment import Revision
from lib.embedded.logs import append_entries
from lib.embedded.services import LocalServices
from lib.errors import Finding, SourceUnavailable, UserError
from lib.lock_switch import deployed_switch
from lib.locking.switch import VARIABLE
from lib.operations.changes.action import carry_out
from lib.operations.changes.lock_switch import lock_switch
from lib.operations.changes.plan import PlanOutdated
from lib.operations.deployment.revisions import rollback_revisions
from lib.operations.fences import Fence, candidates
from lib.operations.rollback import after_rollback, checked_rollback, roll_back
from lib.operations.scope import scope_of
from lib.platform import Platform
from lib.ports.logs import LogEntry
from lib.ports.services import LATEST
from lib.verdict.check import Check
from lib.verdict.live import SESSION_VARIABLE
from lib.verdict.section import Section
from lib.verdict.verdict import Verdict
from tests import warm
from tests.operations.changes.forms import form_of
from tests.operations.deployed import COORDINATOR, NEW, OLD, OLD_DAY, WORKER, having, on_google, with_two_revisions

DAY = date(2026, 1, 17)
OFF = {"lock": "off", "service": COORDINATOR}
BACK = {"service": COORDINATOR, "revision": OLD}
WHY = "acquisitions fail since noon"


@pytest.fixture(params=["embedded", "google"])
def deployed(request: pytest.FixtureRequest, platform: Platform, home: Path) -> Iterator[Platform]:
    with_two_revisions().save(home)
    if request.param == "embedded":
        yield platform
        return
    with on_google(platform, with_two_revisions()) as platform_on_google:
        yield platform_on_google


def the_check(section: Section, part: str) -> Check:
    return next(check for check in section.checks if part in check.name)


def ask(platform: Platform, **parameters: Any) -> Section:
    return roll_back(scope_of(platform), checked_rollback(platform, **parameters))


def digest(planned: Section) -> str:
    return str(planned.checks[0].evidence["plan"])


def approved(platform: Platform, **option: str) -> Section:
    return ask(platform, **option, plan=digest(ask(platform, **option)), reason=WHY)


def records(platform: Platform) -> list[ActionRecord]:
    return AuditTrail(platform.warehouse, platform.table).records()


def state(platform: Platform) -> list[Any]:
    return [platform.services.describe(service) for service in (WORKER, COORDINATOR)]


def consolidate(platform: Platform, batch_id: str) -> ConsolidationResult:
    row = {
        "prediction_id": batch_id,
        "game_id": "g",
        "player_lookup": "p",
        "system_id": "s",
        "current_points_line": 1.5,
    }
    platform.staging_writer().write([row], batch_id=batch_id, worker_id="w", game_date=DAY)
    return platform.consolidator().consolidate_batch(batch_id=batch_id, game_date=DAY)


@pytest.mark.parametrize("option", [{"lock": "off"}, OFF, BACK, {"service": WORKER, "revision": LATEST}])
def test_a_plan_touches_nothing(deployed: Platform, option: dict[str, str]) -> None:
    before = state(deployed)
    shown = ask(deployed, **option)
    assert "nothing was changed" in shown.checks[0].summary or "already" in shown.checks[0].summary
    assert state(deployed) == before
    assert records(deployed) == []


def test_a_plan_leaves_the_state_folder_byte_for_byte(platform: Platform, home: Path) -> None:
    with_two_revisions().save(home)
    before = (home / "deployment.json").read_bytes()
    ask(platform, **OFF)
    ask(platform, **BACK)
    assert (home / "deployment.json").read_bytes() == before


def test_switching_the_lock_off_reaches_every_consolidation_and_can_be_undone(deployed: Platform) -> None:
    assert consolidate(deployed, "before").locked
    done = approved(deployed, **OFF)
    assert done.checks[0].verdict is Verdict.PASS
    assert deployed_switch(deployed.services, COORDINATOR) is False
    switched_off = consolidate(deployed, "without")
    assert (switched_off.locked, switched_off.lock_wait_ms) == (False, 0.0)
    assert lock_switch(scope_of(deployed), checked_rollback(deployed).approval).checks[0].verdict is Verdict.WARN
    approved(deployed, lock="on", service=COORDINATOR)
    assert deployed_switch(deployed.services, COORDINATOR) is True
    assert consolidate(deployed, "after").locked


def test_traffic_moves_to_a_revision_without_the_fence_only_with_a_warning_and_back(deployed: Platform) -> None:
    consolidate(deployed, "by-the-fix")
    before = deployed.services.describe(COORDINATOR)
    planned = ask(deployed, **BACK)
    assert "NO FENCE" in planned.checks[0].summary
    done = approved(deployed, **BACK)
    assert deployed.services.describe(COORDINATOR).routed == {OLD: 100}
    assert f"revision={LATEST}" in str(done.checks[0].evidence["undo"])
    approved(deployed, service=COORDINATOR, revision=LATEST)
    assert deployed.services.describe(COORDINATOR) == before


def test_the_fence_is_judged_by_the_ledger(deployed: Platform) -> None:
    status = deployed.services.describe(COORDINATOR)
    assert {candidate.fence for candidate in candidates(deployed, status)} == {Fence.UNKNOWN}
    consolidate(deployed, "by-the-fix")
    assert {candidate.name: candidate.fence for candidate in candidates(deployed, status)} == {
        NEW: Fence.YES,
        OLD: Fence.NO,
    }


def test_traffic_on_two_revisions_without_the_fence_is_one_check_that_names_both(
    platform: Platform, home: Path
) -> None:
    deployment = with_two_revisions()
    coordinator = deployment.service(COORDINATOR)
    older = Revision("older", OLD_DAY - timedelta(days=1))
    split = replace(coordinator, revisions=(*coordinator.revisions, older), traffic={OLD: 60, "older": 40})
    deployment.with_service(COORDINATOR, split).save(home)
    consolidate(platform, "by-the-fix")
    (check,) = rollback_revisions(scope_of(platform)).checks
    assert f"{OLD}, which serves 60%, and in older, which serves 40%" in check.summary


def test_the_record_is_complete(deployed: Platform) -> None:
    plan = digest(ask(deployed, **BACK))
    ask(deployed, **BACK, plan=plan, reason=WHY)
    (record,) = records(deployed)
    assert (record.action, record.target, record.status, record.digest) == ("traffic", COORDINATOR, "done", plan)
    assert (record.reason, json.loads(record.after)) == (WHY, {"serves": OLD})
    assert json.loads(record.before)["serves"] == LATEST
    assert record.undo == f"runbook run rollback -p service={COORDINATOR} -p revision={LATEST}"
    assert record.actor
    assert abs(record.filed_at - datetime.now(UTC)) < timedelta(hours=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"service": WORKER},
        {"service": ""},
        {"service": "prediction-nobody"},
        {"reason": ""},
        {"reason": "  "},
        {"plan": ""},
        {"plan": "yes"},
        {"plan": "0123456789ab-20260230T2315Z-a1"},
        {"revision": OLD},
        {"lock": ""},
    ],
    ids=str,
)
def test_an_incomplete_or_wrong_approval_is_refused(deployed: Platform, wrong: dict[str, str]) -> None:
    whole = {**OFF, "plan": digest(ask(deployed, **OFF)), "reason": WHY}
    before = state(deployed)
    with pytest.raises(UserError) as error:
        ask(deployed, **{**whole, **wrong})
    assert "\n" not in str(error.value)
    assert state(deployed) == before
    assert records(deployed) == []


@pytest.mark.parametrize(
    ("revision", "message"),
    [
        ("nobody", f"there are {NEW}, {OLD}"),
        (f"{OLD}=60", "100 percent"),
        (f"{OLD}=60,{OLD}=40", "not a split"),
        (f"{OLD}=101,{NEW}=-1", "not a split"),
        (f"{OLD}=x", "not a split"),
        (f"{OLD}={'9' * 5_000}", "not a split"),
        (",", "not a split"),
        ("<script>alert(1)</script>", "no revision"),
    ],
)
def test_an_impossible_split_is_refused(deployed: Platform, revision: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ask(deployed, service=COORDINATOR, revision=revision)


def test_after_its_form_the_risk_is_still_shown_and_the_cells_below_check_the_new_state(
    deployed: Platform, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SESSION_VARIABLE, "notebooks/rollback.ipynb")
    scope = scope_of(deployed)
    request = checked_rollback(deployed, **BACK)
    planned = roll_back(scope, request)
    before = {check.id: check.verdict for check in planned.checks}
    form_of(planned).fill_in(WHY, COORDINATOR).button.click()
    assert deployed.services.describe(COORDINATOR).routed == {OLD: 100}
    found = {check.id: check for check in scope.verdict().checks}
    assert {check_id: found[check_id].verdict for check_id in before} == before
    assert "recorded" in found["rollback_option"].summary
    line = LogEntry(datetime.now(UTC), "it broke since", COORDINATOR, severity="ERROR", instance="i-1")
    append_entries(home, COORDINATOR, [line])
    below = after_rollback(scope, request.approval)
    assert the_check(below, "since the rollback").verdict is Verdict.PASS
    assert the_check(below, f"Errors of {COORDINATOR}").summary.startswith("1 error line")
    (record,) = records(deployed)
    assert (record.reason, record.status) == (WHY, "done")


def test_a_split_is_planned_and_applied(deployed: Platform) -> None:
    approved(deployed, service=COORDINATOR, revision=f"{OLD}=60, {NEW}=40")
    assert deployed.services.describe(COORDINATOR).routed == {OLD: 60, NEW: 40}


def test_a_plan_approves_the_split_that_it_showed_and_no_other(deployed: Platform) -> None:
    plan = digest(ask(deployed, **BACK))
    before = state(deployed)
    with pytest.raises(PlanOutdated, match=f"something other than .*revision={OLD}=60,{NEW}=40"):
        ask(deployed, service=COORDINATOR, revision=f"{OLD}=60,{NEW}=40", plan=plan, reason=WHY)
    assert state(deployed) == before
    assert records(deployed) == []


@pytest.mark.parametrize("option", [OFF, BACK], ids=["lock", "traffic"])
def test_a_plan_is_refused_once_the_service_has_changed(deployed: Platform, option: dict[str, str]) -> None:
    plan = digest(ask(deployed, **option))
    deployed.services.set_variable(COORDINATOR, "MODE", "fast", version=deployed.services.describe(COORDINATOR).version)
    before = state(deployed)
    with pytest.raises(Finding, match="nothing was changed"):
        ask(deployed, **option, plan=plan, reason=WHY)
    assert state(deployed) == before
    assert records(deployed) == []


def test_a_plan_of_the_other_option_is_refused(deployed: Platform) -> None:
    with pytest.raises(Finding):
        ask(deployed, **BACK, plan=digest(ask(deployed, **OFF)), reason=WHY)
    assert records(deployed) == []


def test_an_expired_plan_is_refused(deployed: Platform) -> None:
    request = checked_rollback(deployed, **BACK, plan=digest(ask(deployed, **BACK)), reason=WHY)  # type: ignore[arg-type]
    assert request.action is not None
    with pytest.raises(Finding, match="expired"):
        carry_out(deployed, request.action, request.approval, now=datetime.now(UTC) + timedelta(hours=1))
    assert records(deployed) == []


def test_the_switch_is_refused_where_it_would_have_no_effect(deployed: Platform) -> None:
    approved(deployed, **BACK)
    with pytest.raises(UserError, match="would get no traffic"):
        ask(deployed, **OFF)


def test_the_switch_is_refused_where_the_new_revision_would_not_start(platform: Platform, home: Path) -> None:
    broken = Revision("broken", is_ready=False, reason="No module named lock")
    deployment = with_two_revisions().with_revision(COORDINATOR, broken)
    deployment.with_traffic(COORDINATOR, {LATEST: 100}).save(home)
    with pytest.raises(UserError, match="No module named lock"):
        ask(platform, **OFF)


@pytest.mark.parametrize("value", ["OFF", " off ", "on", ""])
def test_on_cloud_run_the_switch_is_the_process_environment(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("K_SERVICE", COORDINATOR)
    if value:
        monkeypatch.setenv(VARIABLE, value)
    assert consolidate(platform, "b1").locked is ("off" not in value.casefold())


def test_a_switch_that_cannot_be_read_takes_the_lock_and_says_so(
    platform: Platform, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with_two_revisions().save(home)
    services = platform.services
    services.set_variable(COORDINATOR, VARIABLE, "maybe", version=services.describe(COORDINATOR).version)
    assert consolidate(platform, "b1").locked
    (home / "deployment.json").write_text("{")
    assert consolidate(platform, "b2").locked
    logged = [record.message for record in caplog.records if "lock switch cannot be read" in record.message]
    assert ["'maybe' is neither" in line for line in logged] == [True, False]
    assert lock_switch(scope_of(platform), checked_rollback(platform).approval).checks[0].verdict is Verdict.UNKNOWN


class _Interrupted(LocalServices):
    """Services where something happens before or after the traffic is routed."""

    before: Callable[[], None] = staticmethod(lambda: None)
    after: Callable[[], None] = staticmethod(lambda: None)

    def route_traffic(self, service: str, percent_by_target: Mapping[str, int], *, version: str) -> None:
        self.before()
        super().route_traffic(service, percent_by_target, version=version)
        self.after()


def _lost() -> None:
    raise SourceUnavailable("no answer")


def _killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def interrupted(platform: Platform, home: Path, moment: str, what: Callable[[], None]) -> Platform:
    services = _Interrupted(home, platform.environment.services.both)
    setattr(services, moment, what)
    return having(platform, services=services)


@pytest.mark.parametrize(
    ("moment", "verdict", "status", "serves"),
    [("before", Verdict.UNKNOWN, "failed", LATEST), ("after", Verdict.PASS, "done", OLD)],
)
def test_an_answer_that_is_lost(
    platform: Platform, home: Path, moment: str, verdict: Verdict, status: str, serves: str
) -> None:
    with_two_revisions().save(home)
    done = approved(interrupted(platform, home, moment, _lost), **BACK)
    assert done.checks[0].verdict is verdict
    assert [record.status for record in records(platform)] == [status]
    assert platform.services.describe(COORDINATOR).routed == {serves: 100}


_KILLED = """
import sys
from pathlib import Path
from lib.platform import connect
from tests.operations.rollback.test_rollback import BACK, _killed, approved, interrupted
approved(interrupted(connect("local"), Path(sys.argv[1]), sys.argv[2], _killed), **BACK)
"""


@pytest.mark.parametrize(("moment", "serves"), [("before", LATEST), ("after", OLD)])
def test_killed_half_way_the_state_is_as_before_or_as_after_and_the_record_says_so(
    platform: Platform, home: Path, moment: str, serves: str
) -> None:
    with_two_revisions().save(home)
    command = [sys.executable, "-c", _KILLED, str(home), moment]
    killed = warm.run(command, env={**os.environ, "RUNBOOK_HOME": str(home)})
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert platform.services.describe(COORDINATOR).routed == {serves: 100}
    assert [record.status for record in records(platform)] == ["begun"]
    check = after_rollback(scope_of(platform), checked_rollback(platform).approval).checks[0]
    assert (check.verdict, "outcome unknown" in check.summary) == (Verdict.UNKNOWN, True)


def test_after_a_rollback_every_follow_up_is_checked(deployed: Platform) -> None:
    nothing = checked_rollback(deployed).approval
    assert after_rollback(scope_of(deployed), nothing).checks == ()
    approved(deployed, **BACK)
    scope = scope_of(deployed)
    found = after_rollback(scope, nothing)
    assert {check.id for check in scope.verdict().checks} == {check.id for check in found.checks}
    assert the_check(found, "since the rollback").verdict is Verdict.PASS
    assert {check.name.partition(" of ")[0].partition(" 20")[0] for check in found.checks} == {
        "Traffic",
        "Errors",
        "Locks",
        "Duplicates",
    }
    services = deployed.services
    services.route_traffic(COORDINATOR, {NEW: 100}, version=services.describe(COORDINATOR).version)
    assert the_check(after_rollback(scope_of(deployed), nothing), "since the rollback").verdict is Verdict.WARN


def test_a_deployment_that_cannot_be_read_is_unknown(platform: Platform, home: Path) -> None:
    home.mkdir(exist_ok=True)
    (home / "deployment.json").write_text("{")
    assert ask(platform, **BACK).checks[0].verdict is Verdict.UNKNOWN
    assert ask(platform, **OFF).checks[0].verdict is Verdict.UNKNOWN
