"""One message to one channel through Apprise, in a process of its own.

``python -m lib.runbooks.notification_delivery`` reads the call as JSON from standard input, since
arguments can be seen by all users of a machine, and prints why the channel was not told. A server
that answers drop by drop holds a thread of Apprise for good, and Python waits for threads when it
ends: this process does not, and can be killed.

One alert a question: by default PagerDuty opens a second incident on recovery; others take the
message's title, which names the verdict, for the key, so that what opens and what closes never meet.
Apprise takes a key and ``action=map`` (open unless it is a success) from all of them by now, with one
gap: it closes an alert of Opsgenie or Jira by a request's id that it keeps on disk, and where it finds
none it sends nothing and reports success. We close those by their alias.

A gateway in between answers a redirect to its sign-in page, or that page itself with HTTP 200; some
services answer 200 to what they refuse. Apprise looks at the code alone for most of them.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from lib.verdict.verdict import Verdict
from lib.words.text import printable

if TYPE_CHECKING:
    from requests import Response

# Names that some chats take for everyone in the room, in text from outside too.
_MENTION = re.compile(r"@(?=everyone|here|channel|all\b)", re.IGNORECASE)
_LOOKS = {Verdict.PASS: "success", Verdict.WARN: "warning", Verdict.UNKNOWN: "warning", Verdict.FAIL: "failure"}
# The argument that takes the key, where it is not the one of most plugins.
_OWN_ARGUMENTS = {"splunk": "entity_id", "opsgenie": "alias", "jira": "alias"}
_USUAL_ARGUMENT = "dedup"
_PAGE = re.compile(rb"<(!doctype\s+html|html|head|body|form)\b", re.IGNORECASE)
_MARKED_UP = re.compile(rb"(\xef\xbb\xbf)?\s*<")
_LOOKED_AT_BYTES = 4096
# By Apprise's schema: what the body of an accepted message says.
_ACCEPTED = {"pagerduty": ("status", "success"), "incidentio": ("status", "success"), "splunk": ("result", "success")}
# Apprise reads these bodies itself, and a refused look-up before the message is not its end.
_READ_BY_APPRISE = frozenset({"slack", "tgram"})
_REFUSED_WORDS = frozenset({"error", "fail", "failed", "failure", "invalid", "denied"})


def refusal(
    address: str,
    title: str,
    body: str,
    verdict: Verdict,
    timeout_seconds: float,
    key: str = "",
    is_over: bool = False,
) -> str:
    """Send to the channel at this Apprise URL; returns why it was not delivered, or nothing.

    Title and body are plain text: whatever markup the channel knows, they stay text there.

    Args:
        timeout_seconds: How long an answer is waited for.
        key: Names the question to what keeps alerts; empty: every message is on its own.
        is_over: This is the end of what the channel was told before; it resolves the alert.
    """
    import apprise

    # Without a handler Python would print its warnings, which may quote the address.
    logging.getLogger("apprise").addHandler(logging.NullHandler())
    plugin, looks = apprise.Apprise.instantiate(address), _LOOKS[verdict]
    if plugin and key and (argument := _key_argument(plugin)):
        plugin = apprise.Apprise.instantiate(_keyed(address, argument, key))
        looks = "success" if is_over else looks
    if not plugin:
        return "its value is not an address that Apprise knows"
    if is_over:
        _close_by_alias(plugin, key)
    plugin.redirects = False
    channel = apprise.Apprise(plugin)
    schemas: set[str] = plugin.schemas()  # type: ignore[no-untyped-call]
    with _judged_answers(schemas) as faults:
        result = channel.notify(
            title=_inert(title),
            body=_inert(body),
            body_format=apprise.NotifyFormat.TEXT,
            notify_type=looks,
            interpret_escapes=False,
            timeout=timeout_seconds,
        )
    if faults:
        return faults[0]
    if result:
        return ""
    if result.status is apprise.AppriseResultStatus.TIMEOUT:
        return f"no answer within {timeout_seconds:g} s"
    return " ".join(entry.message for entry in result.logs()) or "it was refused"


def _inert(text: str) -> str:
    return _MENTION.sub("@\N{ZERO WIDTH SPACE}", printable(text))


def _key_argument(plugin: Any) -> str:
    """The argument of an Apprise plugin that takes an alert's key; empty: it knows no alerts."""
    own = (argument for schema, argument in _OWN_ARGUMENTS.items() if schema in plugin.schemas())
    return next(own, _USUAL_ARGUMENT if _USUAL_ARGUMENT in plugin.template_args else "")


def _keyed(address: str, argument: str, key: str) -> str:
    """The address with that key; it stands over one in the address, which would be shared by all questions."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode({argument: key, 'action': 'map'})}"


def _close_by_alias(plugin: Any, key: str) -> None:
    """Let a plugin of Opsgenie or Jira close the alert of that key, whatever it is to send; others are left alone."""
    import requests
    from apprise.plugins.jira import JIRA_API_LOOKUP
    from apprise.plugins.opsgenie import OPSGENIE_API_LOOKUP

    lookups = {"opsgenie": OPSGENIE_API_LOOKUP, "jira": JIRA_API_LOOKUP}
    lookup = next((found for schema, found in lookups.items() if schema in plugin.schemas()), None)
    if lookup is None or not key:
        return

    def send(body: str, **_: Any) -> bool:
        url = f"{lookup[plugin.region_name]}/{quote(key, safe='')}/close"
        note = {"source": plugin.app_desc, "note": body}
        accepted, request_id = plugin._fetch(requests.post, url, note, {"identifierType": "alias"})
        return bool(accepted and request_id)

    vars(plugin)["send"] = send


@contextmanager
def _judged_answers(schemas: Iterable[str]) -> Iterator[list[str]]:
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


def main() -> None:
    """Entry point of the process."""
    call = json.load(sys.stdin)
    try:
        reason = refusal(**{**call, "verdict": Verdict(call["verdict"])})
    except Exception as error:  # whatever a plugin does, the run goes on
        reason = f"{type(error).__name__}: {error}"
    print(reason, flush=True)  # noqa: T201 - its answer
    os._exit(0)


if __name__ == "__main__":
    main()
