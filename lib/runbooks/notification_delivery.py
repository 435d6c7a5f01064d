"""Send one message to one channel through Apprise, in a separate process.

``python -m lib.runbooks.notification_delivery`` reads the call as JSON from standard input, because
all users of a machine can see arguments, and prints why the message was not delivered. A server
that trickles its answer can block an Apprise thread forever, and Python waits for threads when it
exits: this process does not, and can be killed.

One alert per question: by default PagerDuty opens a second incident on recovery, and others use the
message's title, which names the verdict, as the key, so that the recovery never closes the alert.
Apprise accepts a key and ``action=map`` (open unless it is a success) for all of them, with one gap:
it closes an alert of Opsgenie or Jira by a request id that it keeps on disk, and if it finds none, it
sends nothing and reports success. We close those alerts by their alias.

A gateway in between may redirect to its sign-in page, or return that page with HTTP 200, and some
services return 200 for messages that they refuse. For most services, Apprise only checks the code.
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

# Mentions that notify everyone in some chats, even in untrusted text.
_MENTION = re.compile(r"@(?=everyone|here|channel|all\b)", re.IGNORECASE)
_LOOKS = {Verdict.PASS: "success", Verdict.WARN: "warning", Verdict.UNKNOWN: "warning", Verdict.FAIL: "failure"}
# The argument for the key, for plugins that do not use the usual one.
_OWN_ARGUMENTS = {"splunk": "entity_id", "opsgenie": "alias", "jira": "alias"}
_USUAL_ARGUMENT = "dedup"
_PAGE = re.compile(rb"<(!doctype\s+html|html|head|body|form)\b", re.IGNORECASE)
_MARKED_UP = re.compile(rb"(\xef\xbb\xbf)?\s*<")
_LOOKED_AT_BYTES = 4096
# By Apprise's schema: the field and value in the answer to an accepted message.
_ACCEPTED = {"pagerduty": ("status", "success"), "incidentio": ("status", "success"), "splunk": ("result", "success")}
# Apprise reads these answers itself; a refused look-up before the message does not mean that the message failed.
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
    """Send a message to a channel.

    Title and body are plain text, and stay so whatever markup the channel supports.

    Args:
        address: The channel's Apprise URL, a secret.
        title: One line.
        body: The message.
        verdict: Decides the message's type.
        timeout_seconds: Time limit for the answer.
        key: Identifies the alert for alerting services; empty: each message stands alone.
        is_over: Whether this message resolves the alert.

    Returns:
        Why the message was not delivered; empty if it was.
    """
    import apprise

    # Without a handler, Python would print Apprise's warnings, which may quote the address.
    logging.getLogger("apprise").addHandler(logging.NullHandler())
    plugin, looks = apprise.Apprise.instantiate(address), _LOOKS[verdict]
    if plugin and key and (argument := _key_argument(plugin)):
        plugin = apprise.Apprise.instantiate(_keyed(address, argument, key))
        looks = "success" if is_over else looks
    if not plugin:
        return "its value is not an address that Apprise supports"
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
    """Return the plugin's argument for an alert's key; empty if it does not support alerts."""
    own = (argument for schema, argument in _OWN_ARGUMENTS.items() if schema in plugin.schemas())
    return next(own, _USUAL_ARGUMENT if _USUAL_ARGUMENT in plugin.template_args else "")


def _keyed(address: str, argument: str, key: str) -> str:
    """Return the address with this key, which overrides one in the address that all questions would share."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode({argument: key, 'action': 'map'})}"


def _close_by_alias(plugin: Any, key: str) -> None:
    """Make a plugin of Opsgenie or Jira close the alert with this key instead of sending; others are unchanged."""
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
    """Collect the reasons why answers to requests in the block mean that the message was not accepted.

    Apprise's plugins create their own ``requests`` sessions, so the session class is patched during
    the block.

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
    """Return the reason if something other than the service answered."""
    if 300 <= answer.status_code < 400:
        return "redirects to another address, which is not followed"
    body = answer.content or b""
    if answer.ok and _MARKED_UP.match(body) and _PAGE.search(body[:_LOOKED_AT_BYTES]):
        return "returned a web page, such as a sign-in page"
    return ""


def _body_fault(answer: Response, schemas: frozenset[str]) -> str:
    """Return the reason if the service accepted the request but refused the message; Apprise handles other codes."""
    if not answer.ok or schemas & _READ_BY_APPRISE:
        return ""
    data = _parsed(answer.content or b"")
    for field, word in (_ACCEPTED[schema] for schema in schemas if schema in _ACCEPTED):
        if data.get(field) != word:
            return f"the answer lacks {field}: {word}"
    if data.get("ok") is False or data.get("success") is False or str(data.get("status")).lower() in _REFUSED_WORDS:
        return "the service reported a failure"
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
    except Exception as error:  # a plugin's fault must not affect the run
        reason = f"{type(error).__name__}: {error}"
    print(reason, flush=True)  # noqa: T201 - its answer
    os._exit(0)


if __name__ == "__main__":
    main()
