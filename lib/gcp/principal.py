"""The caller's identity according to Google, which the record of a change names.

It comes from the key that signs requests or from Google's response about the token, never from a label in a file
or an environment variable, which anyone could set to another person's name.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request as HttpRequest
from google.oauth2.credentials import Credentials as PersonsCredentials

from lib.account import account
from lib.errors import SourceUnavailable

if TYPE_CHECKING:
    from google.auth.transport import Request

    from lib.gcp.clients import GoogleClients

_USER_INFO = "https://openidconnect.googleapis.com/v1/userinfo"
_EMAIL_SCOPE = "https://www.googleapis.com/auth/userinfo.email"
_LOGIN = "log in again: gcloud auth application-default login"


def principal(clients: GoogleClients, request: Request | None = None) -> str:
    """Return the e-mail address of the service account or person, or the provider of a federated identity.

    Args:
        clients: The clients whose credentials make changes.
        request: Sends HTTP requests; by default over the network.

    Raises:
        SourceUnavailable: Google does not say who owns the credentials.
    """
    asking = request or HttpRequest()
    try:
        credentials = clients.credentials
        if isinstance(credentials, AnonymousCredentials):
            return f"{account()} (on an emulator)"
        return _service_account(credentials, asking) or _federated(credentials) or _person(credentials, asking)
    except (GoogleAuthError, OSError, ValueError) as error:
        said = " ".join(str(error).split())
        raise SourceUnavailable(f"cannot determine the owner of the credentials: {said:.200}; {_LOGIN}") from error


def _service_account(credentials: Credentials, request: Request) -> str:
    # A machine's account is called "default" until its first token returns its name.
    if _account_email(credentials) == "default":
        credentials.refresh(request)  # type: ignore[no-untyped-call]
    return _account_email(credentials)


def _account_email(credentials: Credentials) -> str:
    return str(getattr(credentials, "service_account_email", None) or "")


def _federated(credentials: Credentials) -> str:
    """Name the provider. Google checks the audience with every token, so a false one gains nothing."""
    info: Any = getattr(credentials, "info", None)
    audience = info.get("audience") if isinstance(info, dict) else None
    return f"federated identity of {audience}" if audience else ""


def _person(credentials: Credentials, request: Request) -> str:
    headers = {"Authorization": f"Bearer {_token_for_the_address(credentials, request)}"}
    answer = request(url=_USER_INFO, headers=headers)
    found = json.loads(answer.data) if answer.status == 200 else {}
    email = found.get("email") if isinstance(found, dict) else None
    if not email or not isinstance(email, str) or not email.isprintable():
        raise ValueError(f"Google returned no e-mail address (HTTP {answer.status})")
    return email


def _token_for_the_address(credentials: Credentials, request: Request) -> str:
    """Return a token of the same login with the e-mail scope, which a token for Google Cloud alone may lack."""
    if isinstance(credentials, PersonsCredentials) and credentials.refresh_token:
        credentials = PersonsCredentials(  # type: ignore[no-untyped-call]
            token=None,
            refresh_token=credentials.refresh_token,
            token_uri=credentials.token_uri,
            client_id=credentials.client_id,
            client_secret=credentials.client_secret,
            scopes=[_EMAIL_SCOPE],
        )
    if not credentials.valid:
        credentials.refresh(request)  # type: ignore[no-untyped-call]
    return str(credentials.token)
