"""Notify people of verdicts: through Slack, mail, PagerDuty and other services that Apprise supports.

A verdict is compared with that of the newest earlier run of the same question: the same runbook,
environment and parameters, or the same schedule entry, whatever the date of each run. So a run of
another date, or of a repair, neither hides nor repeats what the scheduled run finds. A channel is
notified when the verdict is bad enough for it and worse than before, and again when it is no longer
bad enough. The first run of a question is compared with PASS. A failing channel is reported in a
line, never as an exception: it must not fail the run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from itertools import islice
from urllib.parse import quote

from lib import places
from lib.archive.archive import REPORT, Archive, Run
from lib.archive.record import RunRecord, RunStatus, utc_now
from lib.archive.search import Selection
from lib.environment import Channel, NotificationSettings
from lib.runbooks.parameters import APPROVALS
from lib.verdict.check import Check
from lib.verdict.verdict import Verdict
from lib.words.old_names import current_names
from lib.words.pages import in_zone
from lib.words.quantities import in_one_line
from lib.words.secrets.redaction import Redactor

_NEWS_FOR = timedelta(days=1)
_MOST_CHECKS = 3
_MOST_FIGURES = 4
_LONGEST_REASON = 200
_START_SECONDS = 15


def notified(run: Run, archive: Archive, settings: NotificationSettings, redactor: Redactor) -> Run:
    """Notify the channels that need to know an ended run's verdict.

    Args:
        run: The run.
        archive: Where earlier runs are kept.
        settings: The environment's channels.
        redactor: Masks secrets.

    Returns:
        The run with the results in its record, which is not written yet; unchanged if no channel was notified.
    """
    if not settings.channels or run.record.origin.agent or _is_mistyped_approval(run.record):
        return run
    before = _verdict_before(run.record, archive)
    verdict = run.record.verdict or Verdict.UNKNOWN
    channels = [channel for channel in settings.channels if needs_notice(channel, before, verdict)]
    if not channels:
        return run
    message = _message(run, before, archive, settings)
    results = send(message, channels, redactor, timeout_seconds=settings.timeout_seconds)
    return Run(run.place, replace(run.record, notifications=results))


def is_news(record: RunRecord) -> bool:
    """Return whether a run was killed so recently that people should still be notified."""
    return record.status is RunStatus.ABANDONED and utc_now() - record.heartbeat_at < _NEWS_FOR


def needs_notice(channel: Channel, before: Verdict, now: Verdict) -> bool:
    """Return whether the channel is to be notified of a verdict.

    Args:
        channel: The channel, with its minimum.
        before: The previous verdict.
        now: The new verdict.
    """
    minimum = Verdict(channel.minimum).badness
    if now.badness >= minimum:
        return now.badness > before.badness
    return before.badness >= minimum


def _is_mistyped_approval(record: RunRecord) -> bool:
    """The person who approved a change sees its refusal at once, and needs no notification."""
    return record.refused and any(record.parameters.get(name) for name in APPROVALS)


def _verdict_before(record: RunRecord, archive: Archive) -> Verdict:
    same = (other for other in _judged_earlier(record, archive) if _asks_the_same(other, record))
    return next((other.verdict for other in same if other.verdict), Verdict.PASS)


def _judged_earlier(record: RunRecord, archive: Archive) -> Iterator[RunRecord]:
    """Yield the runbook's earlier runs with a verdict, newest first, without agents' runs, which notify nobody."""
    for run in Selection(record.runbook, record.environment, until=record.started_at).runs(archive):
        if isinstance(run, Run) and run.record.verdict and not run.record.origin.agent:
            yield run.record


def question_key(record: RunRecord, archive: Archive) -> str:
    """Return the key of a run's alert, which is the same for a failing run and its recovery.

    A manual run may be the recovery of a scheduled one, whose key differs. So a run takes the key of
    the first in the series of bad runs before it.
    """
    first = record
    for other in _judged_earlier(record, archive):
        if not _asks_the_same(other, first):
            continue
        if other.verdict is Verdict.PASS:
            break
        first = other
    return alert_key(first.environment, first.runbook, first.origin.schedule or first.parameters)


def alert_key(*question: object) -> str:
    """Return a key for the question, in characters that every service accepts; equal questions have equal keys."""
    name = json.dumps(question, sort_keys=True, default=str)
    return f"consolidation-runbooks-{sha256(name.encode()).hexdigest()[:24]}"


def _asks_the_same(one: RunRecord, other: RunRecord) -> bool:
    is_of_one_entry = bool(one.origin.schedule) and one.origin.schedule == other.origin.schedule
    return is_of_one_entry or current_names(one.parameters) == current_names(other.parameters)


def _message(run: Run, before: Verdict, archive: Archive, settings: NotificationSettings) -> Message:
    record = run.record
    verdict = record.verdict or Verdict.UNKNOWN
    turn = "worse than" if verdict.badness > before.badness else "recovered from"
    lines = [
        record.headline,
        *(
            line
            for check in record.checks[:_MOST_CHECKS]
            if check.verdict is not Verdict.PASS
            for line in _check_lines(check)
        ),
        "",
        f"Before: {before}. Now: {verdict}, {in_zone(record.finished_at or record.heartbeat_at, record.timezone)}.",
        f"Report: {_link(run, archive, settings.reports_url)}",
    ]
    title = f"{verdict}: {record.title} ({record.environment}), {turn} {before}"
    return Message(title, "\n".join(lines), verdict, question_key(record, archive))


def _check_lines(check: Check) -> Iterator[str]:
    yield ""
    yield f"{check.verdict}  {check.name}: {check.summary}"
    if check.evidence:
        yield f"  {in_one_line(dict(islice(check.evidence.items(), _MOST_FIGURES)))}"
    if check.next_step:
        yield f"  Next: {check.next_step}"


def _link(run: Run, archive: Archive, reports_url: str) -> str:
    """Return the address of the run's report, or of its folder if the run was killed."""
    name = run.report if REPORT in archive.store.children(run.place) else f"{run.place}/"
    return f"{reports_url.rstrip('/')}/{quote(name)}" if reports_url else archive.store.address(name)


@dataclass(frozen=True)
class Message:
    """A message to a channel.

    Attributes:
        title: One line.
        body: Plain text. Hostile input: it may contain anything.
        verdict: Decides the colour, if the channel has colours.
        key: Identifies the alert, from the first bad verdict to the recovery, so that alerting services
            resolve the right one; empty: each message stands alone.
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
    """Send the message to all channels at the same time.

    Args:
        message: The message.
        channels: Where it is sent.
        redactor: Masks the message, and the reasons given by channels.
        timeout_seconds: Time limit for each channel.
        variables: Environment variables with the channels' addresses.

    Returns:
        One line per channel: ``notified NAME``, or ``could not notify NAME: why``.
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
        return f"notified {channel.variable}"
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
