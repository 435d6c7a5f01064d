"""Is anything logged at all? If not, it means nothing that no consolidation and no error was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.operations.logs.history import LOGS_ARE_KEPT
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, section
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from lib.words.quantities import Value, seconds, spoken_seconds

if TYPE_CHECKING:
    from lib.operations.logs.history import LogHistory
    from lib.operations.scope import Scope

LOGS = Question("logs", "Logs of the services")


@section(LOGS)
def log_freshness(scope: Scope) -> Section:
    """When each service last logged anything, against the period that is looked at."""
    services = scope.platform.environment.services.both
    return Section(tuple(freshness_check(scope.history, service) for service in services))


def freshness_check(history: LogHistory, service: str) -> Check:
    """PASS when the service logged in the period, else UNKNOWN. Raises `SourceUnavailable`.

    Workers run only when there is work: on a day without games their silence is in order.
    A line of the future is UNKNOWN too: behind it nobody sees whether newer ones come.
    """
    environment = history.platform.environment
    question = Question(f"logs_{environment.services.role_of(service)}", f"Logs of {service}")
    commands = [history.platform.commands.read_any_log(service)]
    newest = history.newest(service)
    if service != environment.services.coordinator and history.off_day and (newest is None or newest < history.since):
        return question.on({}, commands).passes(f"silent, as it should be: {history.off_day}")
    if newest is None:
        step = "Find out why its logs are not collected; until then the log checks of every runbook are blind."
        return question.on({}, commands).unknown(f"nothing was logged by it in {LOGS_ARE_KEPT.days} days", step)
    age_seconds = (history.until - newest).total_seconds()
    evidence: dict[str, Value] = {"last line": local_time(newest, environment.timezone)}
    if history.is_in_future(newest):
        step = "A clock or a line is wrong; until that time see by hand whether newer lines come."
        ahead = spoken_seconds(-age_seconds)
        summary = f"its last line is {ahead} in the future, which hides when it really logged last"
        return question.on(evidence, commands).unknown(summary, step)
    age_seconds = max(0.0, age_seconds)
    question = question.on({**evidence, "age": seconds(age_seconds)}, commands)
    if newest < history.since:
        step = "Either the service does not run, or its logs are not collected: see its revisions first."
        return question.unknown(f"silent for {spoken_seconds(age_seconds)}", step)
    return question.passes(f"last line {spoken_seconds(age_seconds)} ago")


def no_consolidation_seen(history: LogHistory, question: Question) -> Check:
    """UNKNOWN, and whether that is because nothing is logged at all. Raises `SourceUnavailable`.

    PASS when the coordinator says that there were no games.
    """
    environment = history.platform.environment
    service = environment.services.coordinator
    period = f"since {local_time(history.since, environment.timezone)}"
    if history.off_day:
        return question.passes(f"none {period}: {history.off_day}")
    fresh = freshness_check(history, service)
    question = question.on(fresh.evidence, [history.platform.commands.read_logs(service)])
    if fresh.verdict is Verdict.PASS:
        summary = f"no consolidation was logged {period}, though {service} logs"
        return question.unknown(summary, "See whether there were games, and whether a batch waits in staging.")
    summary = f"no consolidation was logged {period}; {service}: {fresh.summary}"
    return question.unknown(summary, fresh.next_step)
