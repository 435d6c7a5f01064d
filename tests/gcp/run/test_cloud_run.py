"""Services read from Cloud Run, and their health, over real connections."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPMessage
from typing import Any

import pytest
from google.cloud.run_v2.types import Condition, Revision, Service

from lib.gcp.clients import GoogleClients
from lib.gcp.cloud_run import CloudRunServices
from lib.gcp.errors import ResourceMissing
from lib.ports.services import RevisionTraffic
from tests.gcp.conftest import PROJECT
from tests.gcp.double import GoogleDouble
from tests.gcp.http_server import Answer, serving_json

NAME = "prediction-worker"
PARENT = f"projects/{PROJECT}/locations/us-west2/services/{NAME}"
ACCOUNT = f"worker@{PROJECT}.iam.gserviceaccount.com"
DEPLOYED = datetime(2026, 1, 17, 17, 0, 0, 123_456, tzinfo=UTC)
TOKEN = "an-id-token"  # noqa: S105

State = Condition.State


def revision(number: int, state: State | None = State.CONDITION_SUCCEEDED, message: str = "") -> Revision:
    conditions = [Condition(type_="ContainerHealthy", state=State.CONDITION_SUCCEEDED)]
    if state is not None:
        conditions.append(Condition(type_="Ready", state=state, message=message))
    return Revision(
        name=f"{PARENT}/revisions/{NAME}-{number:05}-abc",
        create_time=DEPLOYED + timedelta(days=number),
        service_account=ACCOUNT,
        conditions=conditions,
    )


def short(number: int) -> str:
    return f"{NAME}-{number:05}-abc"


def deploy(google: GoogleDouble, *revisions: Revision, ready: int, traffic: list[dict[str, Any]], **more: Any) -> None:
    """Deploy revisions; the last one is the newest."""
    google.revisions = list(revisions)
    google.services[PARENT] = Service(
        name=PARENT,
        latest_created_revision=revisions[-1].name,
        latest_ready_revision=f"{PARENT}/revisions/{short(ready)}",
        traffic_statuses=traffic,
        **{"uri": "https://prediction-worker-x-wl.a.run.app", **more},
    )


def test_a_healthy_service(google: GoogleDouble, clients: GoogleClients) -> None:
    # Five revisions are three pages, in no particular order.
    revisions = [revision(number) for number in (63, 65, 64, 62, 66)]
    latest = {"type_": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}
    tag = {"revision": short(62), "percent": 0, "tag": "old"}
    deploy(google, *revisions, ready=66, traffic=[latest, tag])

    status = CloudRunServices(clients, "us-west2").describe(NAME)

    assert status.name == NAME
    assert status.latest_created_revision == status.latest_ready_revision == short(66)
    assert (status.is_ready, status.reason) == (True, "")
    assert status.traffic == (RevisionTraffic(short(66), 100, follows_latest=True),)
    assert status.service_account == ACCOUNT
    assert status.url == "https://prediction-worker-x-wl.a.run.app"
    assert status.deployed_at == DEPLOYED + timedelta(days=66)
    assert [revision.name for revision in status.revisions] == [short(number) for number in (66, 65, 64, 63, 62)]


def test_a_deployment_that_does_not_start_leaves_the_old_one_serving(
    google: GoogleDouble, clients: GoogleClients
) -> None:
    reason = "ImportError: cannot import name 'firestore'"
    failed = revision(66, State.CONDITION_FAILED, reason)
    deploy(google, revision(65), failed, ready=65, traffic=[{"revision": short(65), "percent": 100}])

    status = CloudRunServices(clients, "us-west2").describe(NAME)

    assert (status.latest_created_revision, status.latest_ready_revision) == (short(66), short(65))
    assert (status.is_ready, status.reason) == (False, reason)
    assert status.traffic == (RevisionTraffic(short(65), 100),)


@pytest.mark.parametrize("state", [State.CONDITION_PENDING, State.CONDITION_RECONCILING, None])
def test_a_revision_being_deployed_is_neither_ready_nor_failed(
    google: GoogleDouble, clients: GoogleClients, state: State | None
) -> None:
    deploy(google, revision(65), revision(66, state), ready=65, traffic=[{"revision": short(65), "percent": 100}])
    assert CloudRunServices(clients, "us-west2").describe(NAME).is_ready is None


def test_shares_of_one_revision_add_up(google: GoogleDouble, clients: GoogleClients) -> None:
    shares = [(65, 30), (66, 50), (65, 20)]
    traffic = [{"revision": short(number), "percent": percent} for number, percent in shares]
    deploy(google, revision(65), revision(66), ready=66, traffic=traffic)
    traffic_seen = CloudRunServices(clients, "us-west2").describe(NAME).traffic
    assert traffic_seen == (RevisionTraffic(short(65), 50), RevisionTraffic(short(66), 50))


def test_an_unknown_service_is_named(clients: GoogleClients) -> None:
    with pytest.raises(ResourceMissing, match="prediction-nobody"):
        CloudRunServices(clients, "us-west2").describe("prediction-nobody")


@contextmanager
def endpoint(*, private: bool) -> Iterator[tuple[str, list[str | None]]]:
    """Yield the address of a service's endpoints and the authorization of each request."""
    seen: list[str | None] = []

    def answer(_: str, headers: HTTPMessage) -> Answer:
        seen.append(headers.get("Authorization"))
        is_let_in = not private or seen[-1] == f"Bearer {TOKEN}"
        return (200, {"status": "healthy"}) if is_let_in else (403, "Forbidden")

    with serving_json(answer) as address:
        yield address, seen


@pytest.mark.parametrize(
    ("private", "token", "status", "asked"),
    [
        (False, TOKEN, 200, [None]),
        (True, TOKEN, 200, [None, f"Bearer {TOKEN}"]),
        (True, None, 403, [None]),
    ],
    ids=["public", "private", "private and no token available"],
)
def test_health_requests_have_an_id_token_if_one_is_needed(
    google: GoogleDouble, clients: GoogleClients, private: bool, token: str | None, status: int, asked: list[str | None]
) -> None:
    audiences: list[str] = []

    def id_token_for(audience: str) -> str | None:
        audiences.append(audience)
        return token

    with endpoint(private=private) as (url, seen):
        deploy(google, revision(66), ready=66, traffic=[], uri=f"{url}/")
        answer = CloudRunServices(clients, "us-west2", id_token_for=id_token_for).health(NAME, "/health")
    assert answer.status_code == status
    assert seen == asked
    assert set(audiences) <= {url}


def test_a_service_that_does_not_respond_is_a_result(google: GoogleDouble, clients: GoogleClients) -> None:
    deploy(google, revision(66), ready=66, traffic=[], uri="http://127.0.0.1:1")
    answer = CloudRunServices(clients, "us-west2").health(NAME, "/health")
    assert answer.status_code is None
    assert "refused" in answer.error
