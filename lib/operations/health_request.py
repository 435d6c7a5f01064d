"""One GET of a health endpoint. That it does not answer is an answer too."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from time import perf_counter
from typing import Any

from lib.operations.ports import HealthResponse

_LONGEST_BODY_BYTES = 1_000_000


def request_health(url: str, *, timeout_seconds: float, headers: Mapping[str, str] | None = None) -> HealthResponse:
    """GET the address.

    Args:
        url: An ``http`` or ``https`` address.
        timeout_seconds: Without an answer for so long, the endpoint counts as silent.
        headers: Such as an ``Authorization``.
    """
    request = urllib.request.Request(url, headers=dict(headers or {}))  # noqa: S310
    started = perf_counter()
    try:
        status_code, body = _answer(request, timeout_seconds)
    except (OSError, http.client.HTTPException, ValueError) as error:
        elapsed_ms = (perf_counter() - started) * 1000
        return HealthResponse(None, error=_reason(error, timeout_seconds), duration_ms=elapsed_ms)
    return HealthResponse(status_code, body, duration_ms=(perf_counter() - started) * 1000)


def _answer(request: urllib.request.Request, timeout_seconds: float) -> tuple[int, Any]:
    try:
        with _opener(request).open(request, timeout=timeout_seconds) as response:
            return response.status, _parsed(response.read(_LONGEST_BODY_BYTES))
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, _parsed(refusal.read(_LONGEST_BODY_BYTES))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to whatever address it names; it is an answer itself."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(request: urllib.request.Request) -> urllib.request.OpenerDirector:
    """A proxy of the machine knows nothing about this machine's own services."""
    is_local = request.host.partition(":")[0] in ("127.0.0.1", "localhost")
    return urllib.request.build_opener(_NoRedirects, *[urllib.request.ProxyHandler({})] if is_local else [])


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")


def _reason(error: Exception, timeout_seconds: float) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer within {timeout_seconds:g}s"
    return str(cause) or type(cause).__name__
