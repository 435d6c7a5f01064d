"""Whether what a channel's server answers means that it took the message.

A gateway in between answers a redirect to its sign-in page, or that page itself with HTTP 200;
some services answer 200 to what they refuse. Apprise looks at the code alone for most of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from requests import Response

_PAGE = re.compile(rb"<(!doctype\s+html|html|head|body|form)\b", re.IGNORECASE)
_MARKED_UP = re.compile(rb"(\xef\xbb\xbf)?\s*<")
_LOOKED_AT_BYTES = 4096
# By Apprise's schema: what the body of an accepted message says.
_ACCEPTED = {"pagerduty": ("status", "success"), "incidentio": ("status", "success"), "splunk": ("result", "success")}
# Apprise reads these bodies itself, and a refused look-up before the message is not its end.
_READ_BY_APPRISE = frozenset({"slack", "tgram"})
_REFUSED_WORDS = frozenset({"error", "fail", "failed", "failure", "invalid", "denied"})


@contextmanager
def judged_answers(schemas: Iterable[str]) -> Iterator[list[str]]:
    """Collect why the answers to requests of the block mean that nothing was taken; empty: they do not.

    The plugins of Apprise make their own sessions of ``requests``, so it is put in between there,
    for this process, and taken out again.

    Args:
        schemas: Apprise's names of the service.
    """
    import requests

    names = frozenset(schemas)
    faults: list[str] = []
    send = requests.Session.send

    def judging(self: requests.Session, request: Any, **how: Any) -> Response:
        answer = send(self, request, **how)
        if fault := _way_fault(answer) or _body_fault(answer, names):
            faults.append(f"HTTP {answer.status_code}: {fault}")
        return answer

    session: Any = requests.Session
    session.send = judging
    try:
        yield faults
    finally:
        session.send = send


def _way_fault(answer: Response) -> str:
    """Something in between answered."""
    if 300 <= answer.status_code < 400:
        return "it sends on to another address, which is not followed"
    body = answer.content or b""
    if answer.ok and _MARKED_UP.match(body) and _PAGE.search(body[:_LOOKED_AT_BYTES]):
        return "it answers with a web page, such as one to sign in"
    return ""


def _body_fault(answer: Response, schemas: frozenset[str]) -> str:
    """The service took the request and refused the message; what other codes mean, Apprise knows."""
    if not answer.ok or schemas & _READ_BY_APPRISE:
        return ""
    said = _parsed(answer.content or b"")
    for field, word in (_ACCEPTED[schema] for schema in schemas if schema in _ACCEPTED):
        if said.get(field) != word:
            return f"its answer does not say {field}: {word}"
    if said.get("ok") is False or said.get("success") is False or str(said.get("status")).lower() in _REFUSED_WORDS:
        return "it answers that it failed"
    return ""


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
