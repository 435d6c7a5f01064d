"""Send one GET request to a health endpoint. No answer is also a result, not an error."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import Future
from threading import Thread
from time import perf_counter
from typing import Any

from lib.ports.services import HealthResponse

_LONGEST_BODY_BYTES = 1_000_000


def request_health(url: str, *, timeout_seconds: float, headers: Mapping[str, str] | None = None) -> HealthResponse:
    """Send a GET request.

    Args:
        url: The address.
        timeout_seconds: Time limit for the complete answer; after that the endpoint counts as not answering.
        headers: Request headers.

    Returns:
        The answer. If it is longer than a megabyte, it has an error instead of a body.
    """
    request = urllib.request.Request(url, headers=dict(headers or {}))  # noqa: S310
    started = perf_counter()
    try:
        status_code, body = _within(timeout_seconds, request)
    except (OSError, http.client.HTTPException, ValueError) as error:
        elapsed_ms = (perf_counter() - started) * 1000
        return HealthResponse(None, error=_reason(error, timeout_seconds), duration_ms=elapsed_ms)
    return HealthResponse(status_code, body, duration_ms=(perf_counter() - started) * 1000)


def _within(timeout_seconds: float, request: urllib.request.Request) -> tuple[int, Any]:
    """Limit the total time. A socket's own timeout restarts with each byte, so a slow endpoint could take forever.

    The thread of such an endpoint is left behind; as a daemon it does not keep the process from ending.
    """
    answer: Future[tuple[int, Any]] = Future()
    Thread(target=_fulfil, args=(answer, request, timeout_seconds), daemon=True).start()
    return answer.result(timeout_seconds)


def _fulfil(answer: Future[tuple[int, Any]], request: urllib.request.Request, timeout_seconds: float) -> None:
    try:
        answer.set_result(_answer(request, timeout_seconds))
    except Exception as error:  # raised again in the thread that waits for the answer
        answer.set_exception(error)


def _answer(request: urllib.request.Request, timeout_seconds: float) -> tuple[int, Any]:
    ends_at = perf_counter() + timeout_seconds
    try:
        with _opener(request).open(request, timeout=timeout_seconds) as response:
            return response.status, _parsed(_read(response, ends_at))
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, _parsed(_read(refusal, ends_at))


def _read(response: Any, ends_at: float) -> bytes:
    """Read the body piece by piece."""
    body = b""
    while piece := response.read1(_LONGEST_BODY_BYTES):
        body += piece
        if len(body) > _LONGEST_BODY_BYTES:
            raise ValueError(f"the answer is longer than {_LONGEST_BODY_BYTES:,} bytes")
        if perf_counter() > ends_at:
            raise TimeoutError
    return body


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Return redirects as answers; following one would send the token to an unknown address."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(request: urllib.request.Request) -> urllib.request.OpenerDirector:
    """Bypass the machine's proxy for services on this machine, which the proxy cannot reach."""
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
