"""An ID token for a private Cloud Run service, where one can be had."""

from __future__ import annotations

from google.auth.exceptions import GoogleAuthError


def fetch_id_token(audience: str) -> str | None:
    """A token for the audience; None: these credentials make none.

    A service account's key, or the machine's own account, makes one. An operator's login
    does not; such an operator asks by hand, with ``gcloud auth print-identity-token``.

    Args:
        audience: The service's address.
    """
    from google.auth.transport.requests import Request
    from google.oauth2 import id_token

    try:
        token: str = id_token.fetch_id_token(Request(), audience)  # type: ignore[no-untyped-call]
    except (GoogleAuthError, OSError, ValueError):
        return None
    return token
