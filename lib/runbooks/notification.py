"""Who is notified of a verdict, and when: Slack, mail, PagerDuty and whatever else Apprise speaks to.

A verdict is compared with the one before: that of the newest earlier run of the same question,
which is the runbook, the environment and all parameters; an entry of the schedule asks one question,
whichever date each of its runs is about. So a run of another date, or of a repair, neither hides
nor repeats what the scheduled run finds. A channel is told when the verdict
is bad enough for it and worse than before, and once more when it no longer is bad enough. The
first run of a question is compared with PASS. A channel that fails is named in a line and never in an
exception: it must not fail the run.
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
    """Tell of the verdict of a run that has ended, where it has to be told; at once when not.

    Returns:
        The run, its record with what came of it (not written yet).
    """
    if not settings.channels or run.record.origin.agent or _is_mistyped_approval(run.record):
        return run
    before = _verdict_before(run.record, archive)
    verdict = run.record.verdict or Verdict.UNKNOWN
    channels = [channel for channel in settings.channels if is_told(channel, before, verdict)]
    if not channels:
        return run
    message = _message(run, before, archive, settings)
    told = send(message, channels, redactor, timeout_seconds=settings.timeout_seconds)
    return Run(run.place, replace(run.record, notifications=told))


def is_news(record: RunRecord) -> bool:
    """Whether people would still want to hear of a run that was killed."""
    return record.status is RunStatus.ABANDONED and utc_now() - record.heartbeat_at < _NEWS_FOR


def is_told(channel: Channel, before: Verdict, now: Verdict) -> bool:
    """Whether the channel has to hear of this verdict after that one."""
    minimum = Verdict(channel.minimum).badness
    if now.badness >= minimum:
        return now.badness > before.badness
    return before.badness >= minimum


def _is_mistyped_approval(record: RunRecord) -> bool:
    """Whoever approved a change sits in front of it, and is told there that it was refused."""
    return record.refused and any(record.parameters.get(name) for name in APPROVALS)


def _verdict_before(record: RunRecord, archive: Archive) -> Verdict:
    same = (other for other in _judged_earlier(record, archive) if _asks_the_same(other, record))
    return next((other.verdict for other in same if other.verdict), Verdict.PASS)


def _judged_earlier(record: RunRecord, archive: Archive) -> Iterator[RunRecord]:
    """Earlier runs of the runbook that have a verdict, newest first; not an agent's, which nobody was notified of."""
    for run in Selection(record.runbook, record.environment, until=record.started_at).runs(archive):
        if isinstance(run, Run) and run.record.verdict and not run.record.origin.agent:
            yield run.record


def question_key(record: RunRecord, archive: Archive) -> str:
    """Names environment, runbook and question: the same for a run that fails and for the one that recovers.

    A run by hand may be the recovery of a scheduled one, whose question has another name. So it
    is the name that the first of the bad runs before it had.
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
    """A name for the question, in letters that every service takes; equal questions have equal names."""
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
        *(line for check in record.checks[:_MOST_CHECKS] if check.verdict is not Verdict.PASS for line in _told(check)),
        "",
        f"Before: {before}. Now: {verdict}, {in_zone(record.finished_at or record.heartbeat_at, record.timezone)}.",
        f"Report: {_link(run, archive, settings.reports_url)}",
    ]
    title = f"{verdict}: {record.title} ({record.environment}), {turn} {before}"
    return Message(title, "\n".join(lines), verdict, question_key(record, archive))


def _told(check: Check) -> Iterator[str]:
    yield ""
    yield f"{check.verdict}  {check.name}: {check.summary}"
    if check.evidence:
        yield f"  {in_one_line(dict(islice(check.evidence.items(), _MOST_FIGURES)))}"
    if check.next_step:
        yield f"  Next: {check.next_step}"


def _link(run: Run, archive: Archive, reports_url: str) -> str:
    """The report's address; of a run that was killed there is but its record's folder."""
    name = run.report if REPORT in archive.store.children(run.place) else f"{run.place}/"
    return f"{reports_url.rstrip('/')}/{quote(name)}" if reports_url else archive.store.address(name)


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
        redactor: Masks the message, and the reasons that channels give.
        timeout_seconds: How long each is waited for.

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
