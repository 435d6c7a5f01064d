"""One message to one channel through Apprise, in a process of its own.

``python -m lib.runbooks.notification_delivery`` reads the call as JSON from standard input, since
arguments can be seen by all users of a machine, and prints why the channel was not told. A server
that answers drop by drop holds a thread of Apprise for good, and Python waits for threads when it
ends: this process does not, and can be killed.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys

from lib.runbooks.alert_managers import close_by_alias, key_argument, keyed
from lib.runbooks.notification_answers import judged_answers
from lib.verdict.verdict import Verdict
from lib.words.text import printable

# Names that some chats take for everyone in the room, in text from outside too.
_MENTION = re.compile(r"@(?=everyone|here|channel|all\b)", re.IGNORECASE)
_LOOKS = {Verdict.PASS: "success", Verdict.WARN: "warning", Verdict.UNKNOWN: "warning", Verdict.FAIL: "failure"}


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
        address: The channel.
        title: One line.
        body: The message.
        verdict: Decides the colour.
        timeout_seconds: How long an answer is waited for.
        key: Names the question to what keeps alerts; empty: every message is on its own.
        is_over: This is the end of what the channel was told before; it resolves the alert.
    """
    import apprise

    # Without a handler Python would print its warnings, which may quote the address.
    logging.getLogger("apprise").addHandler(logging.NullHandler())
    plugin, looks = apprise.Apprise.instantiate(address), _LOOKS[verdict]
    if plugin and key and (argument := key_argument(plugin)):
        plugin = apprise.Apprise.instantiate(keyed(address, argument, key))
        looks = "success" if is_over else looks
    if not plugin:
        return "its value is not an address that Apprise knows"
    if is_over:
        close_by_alias(plugin, key)
    plugin.redirects = False
    channel = apprise.Apprise(plugin)
    schemas: set[str] = plugin.schemas()  # type: ignore[no-untyped-call]
    with judged_answers(schemas) as faults:
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
