"""The author of a change is the one that Google reports, whatever variables and files claim."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from google.auth.compute_engine import Credentials as MachineCredentials
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import TransportError
from google.auth.identity_pool import Credentials as FederatedCredentials
from google.auth.impersonated_credentials import Credentials as ImpersonatedCredentials
from google.oauth2.credentials import Credentials as PersonsCredentials

from lib.errors import SourceUnavailable
from lib.gcp.clients import GoogleClients
from lib.gcp.principal import principal
from tests.gcp.conftest import PROJECT

ROBOT = f"predictions@{PROJECT}.iam.gserviceaccount.com"
TOKENS = "https://oauth2.example/token"
POOL = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/github"


LOGIN = {"token": "of-the-apis", "refresh_token": "r", "client_id": "c", "client_secret": "s"}
FEDERATION = {"audience": POOL, "subject_token_type": "jwt", "credential_source": {"file": "/nowhere"}}


def a_person(label: str = "") -> PersonsCredentials:
    return PersonsCredentials(**LOGIN, token_uri=TOKENS, account=label)


def federated(**settings: Any) -> FederatedCredentials:
    return FederatedCredentials(**FEDERATION, token_url=TOKENS, **settings)


def google(user_info: object, status: int = 200) -> Callable[..., SimpleNamespace]:
    """Emulate Google: a token for each login, and the user info for the token."""
    answers: Mapping[str, object] = {
        TOKENS: {"access_token": "asks", "expires_in": 3599},
        "https://openidconnect.googleapis.com/v1/userinfo": user_info,
    }

    def request(url: str, **call: Any) -> SimpleNamespace:
        if url.startswith("http://metadata"):
            found: object = {"email": ROBOT, "scopes": [], "access_token": "t", "expires_in": 3599, "token_type": "x"}
            return SimpleNamespace(
                status=200, data=json.dumps(found).encode(), headers={"content-type": "application/json"}
            )
        if url.startswith("https://openid"):
            assert call["headers"] == {"Authorization": "Bearer asks"}
        code = status if url.startswith("https://openid") else 200
        return SimpleNamespace(status=code, data=json.dumps(answers[url]).encode(), headers={})

    return request


def named(credentials: Credentials, request: Callable[..., Any]) -> str:
    clients = GoogleClients(PROJECT)
    clients.credentials = credentials  # type: ignore[misc]
    return principal(clients, request)


@pytest.fixture(autouse=True)
def _a_liar(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "somebody else")


@pytest.mark.parametrize(
    ("credentials", "who"),
    [
        (a_person("boss@example.com"), "ann@example.com"),
        (MachineCredentials(), ROBOT),
        (ImpersonatedCredentials(AnonymousCredentials(), ROBOT, target_scopes=[]), ROBOT),
        (federated(), f"federated identity of {POOL}"),
        (
            federated(
                service_account_impersonation_url=f"https://iam.example/v1/serviceAccounts/{ROBOT}:generateAccessToken"
            ),
            ROBOT,
        ),
        (AnonymousCredentials(), f"{pwd.getpwuid(os.getuid()).pw_name} (on an emulator)"),
    ],
    ids=["person", "machine", "impersonated", "federated", "federated as a service account", "emulator"],
)
def test_the_principal_is_the_one_that_google_knows(credentials: Credentials, who: str) -> None:
    assert named(credentials, google({"email": "ann@example.com"})) == who


def silent(**_: Any) -> SimpleNamespace:
    raise TransportError("no route\nto host")


@pytest.mark.parametrize(
    "request_", [silent, google({}), google({"error": "x"}, 401), google([]), google({"email": "a\nb"})]
)
def test_a_name_that_cannot_be_read_is_unavailable(request_: Callable[..., Any]) -> None:
    with pytest.raises(SourceUnavailable, match="cannot determine the owner of the credentials") as error:
        named(a_person("boss@example.com"), request_)
    assert "\n" not in str(error.value)
