"""Bad deployments are recognised, over the real local services."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lib.embedded.deployment import (
    SERVICE_ACCOUNT,
    Deployment,
    Revision,
    coordinator_deep_health,
    worker_deep_health,
)
from lib.embedded.services import LocalServices
from lib.errors import SourceUnavailable
from lib.gcp.commands import GoogleCommands
from lib.operations.deployment.services import firestore_access, health, revisions
from lib.operations.scope import scope_of
from lib.platform import Platform
from lib.verdict.check import Check
from lib.verdict.section import Section
from lib.verdict.verdict import Verdict, worst
from tests.operations.deployed import having

WORKER, COORDINATOR = "prediction-worker", "prediction-coordinator"


def verdict(section: Section) -> Verdict:
    return worst([check.verdict for check in section.checks])


def check_of(section: Section, part: str) -> Check:
    return next(check for check in section.checks if part in check.name)


def test_without_a_file_both_services_are_healthy(platform: Platform) -> None:
    for section in (
        firestore_access(scope_of(platform)),
        revisions(scope_of(platform)),
        health(scope_of(platform), WORKER),
        health(scope_of(platform), COORDINATOR),
    ):
        assert verdict(section) is Verdict.PASS


def test_a_deployment_is_saved_and_read_back_as_it_is(home: Path) -> None:
    staged = Deployment().with_health(WORKER, "/health", 503, {"status": "starting"}).with_roles("a@b", ["roles/x"])
    staged.save(home)
    assert Deployment.load(home) == staged


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"services": 7}', b'{"servces": {}}', b"\xff"])
def test_a_damaged_file_is_one_line_and_unknown(platform: Platform, home: Path, content: bytes) -> None:
    home.mkdir()
    (home / "deployment.json").write_bytes(content)
    with pytest.raises(SourceUnavailable) as error:
        Deployment.load(home)
    assert "\n" not in str(error.value)
    for section in (
        firestore_access(scope_of(platform)),
        revisions(scope_of(platform)),
        health(scope_of(platform), WORKER),
    ):
        assert verdict(section) is Verdict.UNKNOWN


def as_google(platform: Platform) -> Platform:
    """The same answers, but with commands for a Google Cloud project."""
    return having(platform, commands=GoogleCommands(platform.environment))


def test_a_missing_role_names_the_command_that_adds_it(platform: Platform, home: Path) -> None:
    Deployment().with_roles(SERVICE_ACCOUNT, ["roles/viewer"]).save(home)
    (check,) = firestore_access(scope_of(as_google(platform))).checks
    assert check.verdict is Verdict.FAIL
    assert "runbook run deploy_verify -p role_binding=add" in check.next_step
    assert "gcloud projects add-iam-policy-binding local" in check.next_step
    assert f"--member=serviceAccount:{SERVICE_ACCOUNT} --role=roles/datastore.user" in check.next_step


def test_what_a_custom_role_allows_is_unknown(platform: Platform, home: Path) -> None:
    Deployment().with_roles(SERVICE_ACCOUNT, ["projects/p/roles/locker", "roles/viewer"]).save(home)
    (check,) = firestore_access(scope_of(as_google(platform))).checks
    assert check.verdict is Verdict.UNKNOWN
    assert "gcloud iam roles describe locker --project=p" in check.next_step


def test_a_role_through_a_group_is_unknown(platform: Platform, home: Path) -> None:
    Deployment(roles={}, unresolved_members={"roles/datastore.user": "group:workers@x"}).save(home)
    assert verdict(firestore_access(scope_of(platform))) is Verdict.UNKNOWN


def test_a_revision_that_does_not_start_is_reported_with_the_way_back(platform: Platform, home: Path) -> None:
    broken = Revision(f"{WORKER}-00067-bad", is_ready=False, reason="No module named google.cloud.firestore")
    Deployment().with_revision(WORKER, broken, traffic_percent=0).save(home)
    check = check_of(revisions(scope_of(as_google(platform))), f"Revision of {WORKER}")
    assert check.verdict is Verdict.FAIL
    assert "No module named google.cloud.firestore" in check.summary
    assert f"--to-revisions={WORKER}-00066-abc=100" in check.next_step


@pytest.mark.parametrize(("percent", "expected"), [(0, Verdict.FAIL), (40, Verdict.WARN), (100, Verdict.PASS)])
def test_old_code_that_still_serves(platform: Platform, home: Path, percent: int, expected: Verdict) -> None:
    deployed = Deployment().with_revision(COORDINATOR, Revision("new"), traffic_percent=percent)
    deployed.save(home)
    assert check_of(revisions(scope_of(platform)), f"Revision of {COORDINATOR}").verdict is expected


def test_only_one_of_the_two_services_deployed(platform: Platform, home: Path) -> None:
    today = datetime(2026, 3, 1, tzinfo=UTC)
    Deployment().with_revision(WORKER, Revision("new", today - timedelta(hours=1))).save(home)
    check = check_of(revisions(scope_of(platform)), "Both services")
    assert check.verdict is Verdict.WARN
    assert check.summary.startswith(f"only {WORKER} was deployed: {COORDINATOR} is")


@pytest.mark.parametrize(
    ("service", "path", "status", "body", "expected", "said"),
    [
        (WORKER, "/health", 200, {"status": "healthy"}, Verdict.PASS, "healthy"),
        (WORKER, "/health", 503, {"status": "starting"}, Verdict.FAIL, "HTTP 503"),
        (WORKER, "/health", 403, "<html>forbidden</html>", Verdict.UNKNOWN, "access denied"),
        (WORKER, "/health", 200, "<html>It works!</html>", Verdict.UNKNOWN, "no known health document"),
        (WORKER, "/health/deep", 200, worker_deep_health(), Verdict.PASS, "5 checks passed"),
        (WORKER, "/health/deep", 503, worker_deep_health({"firestore_connection": "denied"}), Verdict.FAIL, "denied"),
        (WORKER, "/health/deep", 200, worker_deep_health({"x": "y"}), Verdict.FAIL, "x: y"),
        (WORKER, "/health/deep", 200, {"status": "healthy", "checks": []}, Verdict.UNKNOWN, "lists no check"),
        (WORKER, "/health/deep", 200, {"status": "healthy", "checks": [7, None]}, Verdict.UNKNOWN, "unclear"),
        (COORDINATOR, "/health/deep", 200, coordinator_deep_health(), Verdict.PASS, "3 checks passed"),
        (COORDINATOR, "/health/deep", 503, coordinator_deep_health({"lock": "gone"}), Verdict.FAIL, "lock: gone"),
        (COORDINATOR, "/health/deep", 404, {"error": "not found"}, Verdict.UNKNOWN, "no such endpoint"),
        (COORDINATOR, "/health/deep", 500, None, Verdict.FAIL, "no reason given"),
        (COORDINATOR, "/health/deep", 302, "", Verdict.UNKNOWN, "says nothing"),
    ],
)
def test_answers_of_endpoints_are_judged(
    platform: Platform, home: Path, service: str, path: str, status: int, body: Any, expected: Verdict, said: str
) -> None:
    Deployment().with_health(service, path, status, body).save(home)
    check = check_of(health(scope_of(platform), service), "Deep health" if path.endswith("deep") else "Health of")
    assert (check.verdict, said in check.summary) == (expected, True), check.summary


def test_an_endpoint_that_never_answers_is_reported_with_the_time_it_took(home: Path) -> None:
    Deployment().with_health(WORKER, "/health", 200, hangs=True).save(home)
    response = LocalServices(home, (WORKER, "another"), timeout_seconds=0.2).health(WORKER, "/health")
    assert (response.status_code, response.error) == (None, "no answer within 0.2s")


def test_403_comes_with_the_command_that_asks_with_a_token(platform: Platform, home: Path) -> None:
    Deployment().with_health(WORKER, "/health", 403).save(home)
    (command,) = check_of(health(scope_of(as_google(platform)), WORKER), "Health of").commands
    assert "print-identity-token" in command


def test_a_service_that_is_not_deployed_is_unknown(platform: Platform, home: Path) -> None:
    deployment = Deployment()
    Deployment(services={WORKER: deployment.service(WORKER)}).save(home)
    assert verdict(revisions(scope_of(platform))) is Verdict.UNKNOWN
    assert verdict(health(scope_of(platform), WORKER)) is Verdict.PASS
