"""Who acts, as Google knows them: the record of a change names them.

The name comes from what signs the requests or from Google's answer about the token, never from
a label in a file or an environment variable, which anyone could set to somebody else's name.
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
    """The e-mail address of the service account or of the person; a federated identity is named by its provider.

    Args:
        clients: Whose credentials changes are made with.
        request: Sends what has to be asked; by default over the network.

    Raises:
        SourceUnavailable: Google does not say whose credentials they are.
    """
    asking = request or HttpRequest()
    try:
        credentials = clients.credentials
        if isinstance(credentials, AnonymousCredentials):
            return f"{account()} (on an emulator)"
        return _service_account(credentials, asking) or _federated(credentials) or _person(credentials, asking)
    except (GoogleAuthError, OSError, ValueError) as error:
        said = " ".join(str(error).split())
        raise SourceUnavailable(f"whose credentials these are can't be read: {said:.200}; {_LOGIN}") from error


def _service_account(credentials: Credentials, request: Request) -> str:
    # A machine's account is called "default" until its first token brings the name.
    if _account_email(credentials) == "default":
        credentials.refresh(request)  # type: ignore[no-untyped-call]
    return _account_email(credentials)


def _account_email(credentials: Credentials) -> str:
    return str(getattr(credentials, "service_account_email", None) or "")


def _federated(credentials: Credentials) -> str:
    """Google checks the audience with every token, so a false one could change nothing."""
    info: Any = getattr(credentials, "info", None)
    audience = info.get("audience") if isinstance(info, dict) else None
    return f"federated identity of {audience}" if audience else ""


def _person(credentials: Credentials, request: Request) -> str:
    headers = {"Authorization": f"Bearer {_token_that_may_tell(credentials, request)}"}
    answer = request(url=_USER_INFO, headers=headers)
    found = json.loads(answer.data) if answer.status == 200 else {}
    email = found.get("email") if isinstance(found, dict) else None
    if not email or not isinstance(email, str) or not email.isprintable():
        raise ValueError(f"Google named no e-mail address (HTTP {answer.status})")
    return email


def _token_that_may_tell(credentials: Credentials, request: Request) -> str:
    """A token of the same login; one for the clouds' APIs alone may not ask for the address."""
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
