"""Changes of services conform to the port, and change only what was requested."""

from datetime import UTC, datetime

import grpc
import pytest
from google.cloud.run_v2.types import (
    Condition,
    Container,
    ContainerPort,
    EnvVar,
    Revision,
    Service,
    TrafficTarget,
    TrafficTargetStatus,
)

from lib.errors import SourceUnavailable
from lib.gcp.clients import GoogleClients
from lib.gcp.cloud_run import CloudRunServices
from lib.gcp.errors import AccessDenied, Unreachable
from lib.ports.services import Services
from tests.gcp.conftest import PROJECT
from tests.gcp.double import Fault, GoogleDouble
from tests.gcp.rollouts import LATEST as TO_LATEST
from tests.ports.services_suite import LABELS, NEW, OLD, SERVICE, ServicesSuite

PATH = f"projects/{PROJECT}/locations/us-west2/services/{SERVICE}"
SECRET = {"secret_key_ref": {"secret": "lock", "version": "latest"}}


def deploy(google: GoogleDouble, *variables: EnvVar, tagged: str = "") -> None:
    """Deploy `OLD` and `NEW`, with a sidecar that has its own variables."""
    containers = [
        Container(name="proxy", env=[EnvVar(name="CONSOLIDATION_LOCK", value="no lock of ours")]),
        Container(name="coordinator", ports=[ContainerPort(container_port=8080)], env=variables),
    ]
    ready = Condition(type_="Ready", state=Condition.State.CONDITION_SUCCEEDED)
    google.revisions = [
        Revision(
            name=f"{PATH}/revisions/{name}",
            create_time=datetime(2026, 1, day, tzinfo=UTC),
            containers=containers,
            conditions=[ready],
            labels=labels,
        )
        for name, day, labels in ((OLD, 10, {}), (NEW, 17, LABELS))
    ]
    tags = [TrafficTarget(revision=OLD, tag=tagged)] if tagged else []
    google.services[PATH] = Service(
        name=PATH,
        latest_created_revision=google.revisions[-1].name,
        latest_ready_revision=google.revisions[-1].name,
        labels=LABELS,
        template={"revision": NEW, "containers": containers, "service_account": "a@b", "labels": LABELS},
        traffic=[TrafficTarget(type_=TO_LATEST, percent=100), *tags],
        traffic_statuses=[TrafficTargetStatus(type_=TO_LATEST, percent=100)],
    )


class TestCloudRun(ServicesSuite):
    """The conformance suite on the double."""

    @pytest.fixture
    def services(self, google: GoogleDouble, clients: GoogleClients) -> Services:
        deploy(google)
        return CloudRunServices(clients, "us-west2")


@pytest.fixture
def services(clients: GoogleClients) -> CloudRunServices:
    return CloudRunServices(clients, "us-west2")


def test_a_variable_is_set_in_the_serving_container_and_nothing_else_changes(
    google: GoogleDouble, services: CloudRunServices
) -> None:
    deploy(google, EnvVar(name="TOKEN", value_source=SECRET), EnvVar(name="MODE", value="fast"))
    services.set_variable(SERVICE, "CONSOLIDATION_LOCK", "off", version=services.describe(SERVICE).version)
    template = google.services[PATH].template
    assert [variable.name for variable in template.containers[1].env] == ["TOKEN", "MODE", "CONSOLIDATION_LOCK"]
    assert template.containers[0].env[0].value == "no lock of ours"
    assert template.service_account == "a@b"


def test_a_tag_keeps_its_address(google: GoogleDouble, services: CloudRunServices) -> None:
    deploy(google, tagged="before")
    services.route_traffic(SERVICE, {OLD: 100}, version=services.describe(SERVICE).version)
    assert [(target.revision, target.percent, target.tag) for target in google.services[PATH].traffic] == [
        (OLD, 100, ""),
        (OLD, 0, "before"),
    ]


def test_the_value_of_a_secret_is_not_read(google: GoogleDouble, services: CloudRunServices) -> None:
    deploy(google, EnvVar(name="CONSOLIDATION_LOCK", value_source=SECRET))
    with pytest.raises(SourceUnavailable, match="secret"):
        services.variable(SERVICE, "CONSOLIDATION_LOCK")


def test_a_missing_permission_to_change_names_the_role(google: GoogleDouble, services: CloudRunServices) -> None:
    deploy(google)
    google.faults["UpdateService"] = [Fault(grpc.StatusCode.PERMISSION_DENIED)]
    with pytest.raises(AccessDenied, match=r"roles/run\.developer"):
        services.route_traffic(SERVICE, {OLD: 100}, version=services.describe(SERVICE).version)


def test_a_change_without_a_response_is_sent_once(google: GoogleDouble, services: CloudRunServices) -> None:
    deploy(google)
    google.lasting["UpdateService"] = Fault(grpc.StatusCode.UNAVAILABLE)
    with pytest.raises(Unreachable):
        services.route_traffic(SERVICE, {OLD: 100}, version=services.describe(SERVICE).version)
    assert google.calls["UpdateService"] == 1
