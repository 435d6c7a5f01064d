"""Each error of Google's clients becomes one clear line with advice."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError
from google.rpc.error_details_pb2 import ErrorInfo

from lib.errors import SourceUnavailable, Unavailable
from lib.gcp.bigquery_errors import bigquery_errors
from lib.gcp.clients import GoogleClients
from lib.gcp.cloud_run import CloudRunServices
from lib.gcp.errors import (
    CLOUD_LOGGING,
    AccessDenied,
    ApiDisabled,
    NotLoggedIn,
    QuotaExceeded,
    RequestRefused,
    ResourceMissing,
    Unreachable,
    google_errors,
)
from lib.gcp.firestore_locks import firestore_errors
from lib.gcp.iam import ProjectPermissions
from lib.gcp.logging_reader import CloudLoggingReader
from tests.gcp.conftest import PROJECT
from tests.gcp.double import Fault, GoogleDouble

Code = grpc.StatusCode
EVER = datetime(2026, 1, 17, tzinfo=UTC)

READS: dict[str, tuple[str, Callable[[GoogleClients], Any], str]] = {
    "logs": (
        "ListLogEntries",
        lambda clients: list(CloudLoggingReader(clients).entries(["worker"], since=EVER, until=EVER)),
        "roles/logging.viewer",
    ),
    "newest": (
        "ListLogEntries",
        lambda clients: CloudLoggingReader(clients).newest("worker", since=EVER),
        "roles/logging.viewer",
    ),
    "service": (
        "GetService",
        lambda clients: CloudRunServices(clients, "us-west2").describe("worker"),
        "roles/run.viewer",
    ),
    "health": (
        "GetService",
        lambda clients: CloudRunServices(clients, "us-west2").health("worker", "/health"),
        "roles/run.viewer",
    ),
    "roles": (
        "GetIamPolicy",
        lambda clients: ProjectPermissions(clients).roles_of("worker@x.iam.gserviceaccount.com"),
        "roles/iam.securityReviewer",
    ),
}


def all_client_errors() -> Iterator[type[exceptions.GoogleAPIError]]:
    kinds = [exceptions.GoogleAPIError]
    while kinds:
        kind = kinds.pop()
        kinds.extend(kind.__subclasses__())
        if kind.__module__ == exceptions.__name__:
            yield kind


def made(kind: type[exceptions.GoogleAPIError]) -> exceptions.GoogleAPIError:
    if kind is exceptions.RetryError:
        return exceptions.RetryError("too long", exceptions.ServiceUnavailable("away"))
    return kind("what the server said")


@pytest.mark.parametrize("kind", sorted(set(all_client_errors()), key=lambda kind: kind.__name__))
def test_every_error_of_the_client_is_translated(kind: type[exceptions.GoogleAPIError]) -> None:
    with pytest.raises(SourceUnavailable) as raised, google_errors(CLOUD_LOGGING, PROJECT, "user:me"):
        raise made(kind)
    assert type(raised.value) is not SourceUnavailable
    message = str(raised.value)
    assert "Cloud Logging" in message
    assert PROJECT in message
    assert "; " in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DefaultCredentialsError("none found"), NotLoggedIn),
        (RefreshError("reauthentication is needed"), NotLoggedIn),
        (exceptions.ServiceUnavailable("Getting metadata from plugin failed with error: Reauth"), NotLoggedIn),
        (TransportError("no route to host"), Unreachable),
        (ConnectionResetError("reset"), Unreachable),
        (exceptions.RetryError("too long", exceptions.ResourceExhausted("per minute")), QuotaExceeded),
        (exceptions.PermissionDenied("Cloud Logging API has not been used in project 1 before"), ApiDisabled),
    ],
)
def test_credentials_networks_and_retries_are_distinguished(error: Exception, kind: type[SourceUnavailable]) -> None:
    with pytest.raises(kind), google_errors(CLOUD_LOGGING, PROJECT, "user:me"):
        raise error


@pytest.mark.parametrize(
    "secret",
    [
        "ya29.a0AfH6SMBx-secret_secret",
        "eyJhbGciOi.eyJzdWIiOiIx.c2lnbmF0dXJl",
        "-----BEGIN PRIVATE KEY----- MIIEvQ= -----END PRIVATE KEY-----",
        "Bearer abc.secret",
        "https://x/?key=secret123",
    ],
)
@pytest.mark.parametrize("translator", ["others", "BigQuery", "Firestore"])
def test_no_credential_reaches_a_message(secret: str, translator: str) -> None:
    with pytest.raises(Unavailable) as raised, TRANSLATORS[translator]():
        raise RefreshError(f"token {secret} was refused")
    assert secret.rpartition("=")[2].split()[-1][-8:] not in str(raised.value)
    assert "[secret]" in str(raised.value)


@pytest.mark.parametrize(
    ("fault", "kind", "fix"),
    [
        (
            Fault(Code.PERMISSION_DENIED, "Permission denied on resource"),
            AccessDenied,
            "gcloud projects add-iam-policy-binding nba-props-platform --member={member} --role={role}",
        ),
        (
            Fault(Code.PERMISSION_DENIED, "is disabled", reason="SERVICE_DISABLED"),
            ApiDisabled,
            "gcloud services enable",
        ),
        (
            Fault(Code.PERMISSION_DENIED, "off", reason="SERVICE_DISABLED", consumer="projects/764086051850"),
            AccessDenied,
            "gcloud auth application-default set-quota-project nba-props-platform",
        ),
        (Fault(Code.RESOURCE_EXHAUSTED, "Quota exceeded for quota metric"), QuotaExceeded, "raise the quota of"),
        (Fault(Code.NOT_FOUND, "Requested entity was not found"), ResourceMissing, "params/environments"),
        (Fault(Code.UNAVAILABLE, "try again"), Unreachable, "https://status.cloud.google.com"),
        (Fault(Code.UNAUTHENTICATED, "expired"), NotLoggedIn, "gcloud auth application-default login"),
        (Fault(Code.INVALID_ARGUMENT, "bad request"), RequestRefused, "params/environments"),
    ],
    ids=lambda value: f"{value.code.name} {value.reason}".strip() if isinstance(value, Fault) else "",
)
@pytest.mark.parametrize("read", READS)
def test_each_error_of_a_server_has_its_own_class(
    google: GoogleDouble, address: str, read: str, fault: Fault, kind: type[SourceUnavailable], fix: str
) -> None:
    rpc, call, role = READS[read]
    google.lasting[rpc] = fault
    clients = GoogleClients(PROJECT, emulator_host=address, outage_seconds=0.1, quota_seconds=0.1)
    with pytest.raises(SourceUnavailable) as raised:
        call(clients)
    assert type(raised.value) is kind
    assert fix.format(member=clients.member, role=role) in str(raised.value)
    assert fault.message in str(raised.value)


def refused(message: str, reason: str = "", consumer: str = "") -> exceptions.Forbidden:
    """Return a 403 in Google's words; if it has no specific reason, BigQuery's is "accessDenied"."""
    info = ErrorInfo(reason=reason, domain="googleapis.com", metadata={"consumer": f"projects/{consumer}"})
    return exceptions.PermissionDenied(
        message, errors=[{"reason": "accessDenied"}], error_info=info if reason else None
    )


SET_QUOTA_PROJECT = f"gcloud auth application-default set-quota-project {PROJECT}"
REFUSALS: dict[str, tuple[exceptions.Forbidden, str]] = {
    "no quota project": (
        refused("The x API requires a quota project, which is not set by default.", "SERVICE_DISABLED", "764086051850"),
        f"set a quota project for these credentials: {SET_QUOTA_PROJECT}",
    ),
    "no quota project, in words": (
        refused("The x API requires a quota project, which is not set by default."),
        SET_QUOTA_PROJECT,
    ),
    "off in the quota project": (
        refused("API has not been used in project other-project before or it is disabled", "SERVICE_DISABLED", "other"),
        "--project=other; or make this project the quota project: " + SET_QUOTA_PROJECT,
    ),
    "off in the project": (
        refused("API has not been used in project before or it is disabled", "SERVICE_DISABLED", PROJECT),
        f".googleapis.com --project={PROJECT}",
    ),
    "no use of the quota project": (
        refused("Caller does not have required permission to use project other.", "USER_PROJECT_DENIED", "other"),
        "roles/serviceusage.serviceUsageConsumer on project other, or set another",
    ),
    "perimeter": (
        refused("Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: abcDEF"),
        "blocked by VPC Service Controls",
    ),
    "perimeter, by reason": (refused("prohibited", "SECURITY_POLICY_VIOLATED"), "blocked by VPC Service Controls"),
    "policy tag": (
        refused('neither fine-grained reader nor masked get permission to get data protected by policy tag "t : p"'),
        "roles/datacatalog.categoryFineGrainedReader",
    ),
    "billing": (
        refused("This API method requires billing to be enabled.", "BILLING_DISABLED", "123"),
        "gcloud billing projects link 123",
    ),
    "billing, in words": (
        refused("This API method requires billing to be enabled."),
        f"gcloud billing projects link {PROJECT}",
    ),
    "scope": (
        refused("Request had insufficient authentication scopes.", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
        "gcloud auth application-default login --scopes=",
    ),
}
TRANSLATORS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "others": lambda: google_errors(CLOUD_LOGGING, PROJECT, "user:me"),
    "BigQuery": lambda: bigquery_errors(PROJECT),
    "Firestore": lambda: firestore_errors(PROJECT),
}


@pytest.mark.parametrize("translator", TRANSLATORS)
@pytest.mark.parametrize("refusal", REFUSALS)
def test_each_kind_of_403_has_its_own_advice(refusal: str, translator: str) -> None:
    """A role on the project helps in none of these cases."""
    error, fix = REFUSALS[refusal]
    with pytest.raises(Unavailable) as raised, TRANSLATORS[translator]():
        raise error
    assert fix in str(raised.value)
    assert "add-iam-policy-binding" not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("read", READS)
def test_a_port_without_a_server_is_unreachable(read: str) -> None:
    clients = GoogleClients(PROJECT, emulator_host="127.0.0.1:1", outage_seconds=0.1)
    with pytest.raises(Unreachable):
        READS[read][1](clients)
