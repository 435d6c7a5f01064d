"""Is anything logged at all? That no consolidation and no error was seen says nothing if not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.operations import by_hand
from lib.operations.logs.history import LOGS_ARE_KEPT
from lib.verdict.check import Check
from lib.verdict.section import Section, section
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from lib.words.durations import spoken_seconds

if TYPE_CHECKING:
    from lib.operations.logs.history import LogHistory


@section("Logs of the services")
def log_freshness(history: LogHistory) -> Section:
    """When each service last logged anything, against the period that is looked at."""
    services = history.platform.environment.services.both
    return Section(tuple(freshness_check(history, service) for service in services))


def freshness_check(history: LogHistory, service: str) -> Check:
    """PASS when the service logged in the period, else UNKNOWN. Raises `SourceUnavailable`.

    Workers run only when there is work: on a day without games their silence is in order.
    A line of the future is UNKNOWN too: behind it nobody sees whether newer ones come.
    """
    name = f"Logs of {service}"
    environment = history.platform.environment
    newest = history.newest(service)
    commands = [by_hand.read_any_log(environment, service)]
    if service != environment.services.coordinator and history.off_day and (newest is None or newest < history.since):
        return Check(name, Verdict.PASS, f"silent, as it should be: {history.off_day}", {}, commands=commands)
    if newest is None:
        step = "Find out why its logs are not collected; until then the log checks of every runbook are blind."
        return Check(
            name, Verdict.UNKNOWN, f"nothing was logged by it in {LOGS_ARE_KEPT.days} days", {}, step, commands
        )
    if history.is_in_future(newest):
        ahead = spoken_seconds((newest - history.until).total_seconds())
        evidence = {"last line": local_time(newest, environment.timezone)}
        step = "A clock or a line is wrong; until that time see by hand whether newer lines come."
        summary = f"its last line is {ahead} in the future, which hides when it really logged last"
        return Check(name, Verdict.UNKNOWN, summary, evidence, step, commands)
    age = spoken_seconds(max(0.0, (history.until - newest).total_seconds()))
    evidence = {"last line": local_time(newest, environment.timezone), "age": age}
    if newest < history.since:
        step = "Either the service does not run, or its logs are not collected: see its revisions first."
        return Check(name, Verdict.UNKNOWN, f"silent for {age}", evidence, step, commands)
    return Check(name, Verdict.PASS, f"last line {age} ago", evidence, commands=commands)


def no_consolidation_seen(history: LogHistory, name: str) -> Check:
    """UNKNOWN, and whether that is because nothing is logged at all. Raises `SourceUnavailable`.

    PASS when the coordinator says that there were no games.
    """
    environment = history.platform.environment
    service = environment.services.coordinator
    period = f"since {local_time(history.since, environment.timezone)}"
    if history.off_day:
        return Check(name, Verdict.PASS, f"none {period}: {history.off_day}")
    fresh = freshness_check(history, service)
    if fresh.verdict is Verdict.PASS:
        summary = f"no consolidation was logged {period}, though {service} logs"
        step = "See whether there were games, and whether a batch waits in staging."
    else:
        summary = f"no consolidation was logged {period}; {service}: {fresh.summary}"
        step = fresh.next_step
    commands = [by_hand.read_logs(environment, service)]
    return Check(name, Verdict.UNKNOWN, summary, fresh.evidence, step, commands)
