"""Messages to people: Slack, mail, PagerDuty, webhooks and whatever else Apprise speaks to.

A channel that is down, or that is not one, is told of in a line and never in an exception:
whom it could not tell is no reason for a run to fail.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from lib import places
from lib.environment import Channel
from lib.verdict.verdict import Verdict
from lib.words.secrets.redaction import Redactor

_LONGEST_REASON = 200
_START_SECONDS = 15


@dataclass(frozen=True)
class Message:
    """What is told.

    Attributes:
        title: One line.
        body: Plain text. Hostile input: it may hold anything.
        verdict: Decides the colour where a channel has colours.
        key: Names the question, the same from the first bad verdict to the recovery, so that what
            keeps alerts resolves the right one; empty: every message is on its own.
    """

    title: str
    body: str
    verdict: Verdict
    key: str = ""


def send(
    message: Message,
    channels: Sequence[Channel],
    redactor: Redactor,
    *,
    timeout_seconds: float,
    variables: Mapping[str, str] = os.environ,
) -> tuple[str, ...]:
    """Tell all channels at once.

    Args:
        message: What to tell.
        channels: Whom.
        redactor: Masks the message, and the reasons that channels give.
        timeout_seconds: How long each is waited for.
        variables: Where the channels' addresses are.

    Returns:
        A line a channel: ``told NAME``, or ``could not notify NAME: why``.
    """
    if not channels:
        return ()
    masked = replace(message, title=redactor.text(message.title), body=redactor.text(message.body))
    deliver = partial(_deliver, masked, redactor, timeout_seconds, variables)
    with ThreadPoolExecutor(len(channels)) as pool:
        return tuple(pool.map(deliver, channels))


def _deliver(
    message: Message, redactor: Redactor, timeout_seconds: float, variables: Mapping[str, str], channel: Channel
) -> str:
    address = variables.get(channel.variable, "")
    is_over = message.verdict.badness < Verdict(channel.minimum).badness
    reason = _refusal(message, is_over, timeout_seconds, address) if address else "the variable is not set"
    if not reason:
        return f"told {channel.variable}"
    reason = " ".join(redactor.text(reason).split())
    return f"could not notify {channel.variable}: {reason[:_LONGEST_REASON]}"


def _refusal(message: Message, is_over: bool, timeout_seconds: float, address: str) -> str:
    call = {"address": address, **vars(message), "is_over": is_over, "timeout_seconds": timeout_seconds}
    try:
        answer = subprocess.run(
            [sys.executable, "-m", "lib.runbooks.notification_delivery"],
            input=json.dumps(call),
            cwd=places.ROOT,
            capture_output=True,
            text=True,
            timeout=timeout_seconds + _START_SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {timeout_seconds:g} s"
    except (OSError, subprocess.CalledProcessError) as error:
        return f"the message could not be sent: {type(error).__name__}"
    return answer.stdout.strip()
