"""Rows that were written without a log line, which makes every check that reads logs blind.

It happens when services log warnings only, to save money. They still log, so their logs look alive.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from lib.operations.logs.history import LOGS_ARE_KEPT, LogHistory
from lib.operations.logs.lines import is_warning
from lib.operations.quality.night import Night
from lib.ports.logs import LogEntry
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, not_asked, or_fault, section
from lib.words.dates import local_time
from lib.words.quantities import Value

UNLOGGED_ROWS = Question(
    "unlogged_rows",
    "Rows without a log line",
    affects="the checks that read logs: they cannot see what wrote these rows",
    can_wait="yes, as long as the checks of rows and ledger pass",
)
# A consolidation's last lines come after its rows; lines an hour later are about the next one.
_LOGGED_WITHIN = timedelta(hours=1)
_LOG_LEVEL = "LOG_LEVEL"


@section(UNLOGGED_ROWS)
def unlogged_rows(night: Night) -> Section:
    """Check that a logged consolidation wrote the newest rows; skipped when their time is unknown."""
    history, written = night.scope.history, night.last_written
    moment = written.newest if written else None
    if moment is None:
        return not_asked(UNLOGGED_ROWS, "no rows, or no column of newest_first that records when they were written")
    if moment > history.until:  # the freshness of the table reports it
        return not_asked(UNLOGGED_ROWS, "the newest row was written after the log lines were read")
    return Section((_check(history, moment),))


def _check(history: LogHistory, written_at: datetime) -> Check:
    environment = history.platform.environment
    written = local_time(written_at, environment.timezone)
    evidence: dict[str, Value] = {"rows last written": written}
    if written_at < history.since:
        begin = local_time(history.since, environment.timezone)
        return UNLOGGED_ROWS.on(evidence).passes(f"no rows were written since {begin}; the last ones {written}")
    logged = [run for run in history.consolidations if run.has_merge and run.last_at > written_at - _LOGGED_WITHIN]
    if logged:
        return UNLOGGED_ROWS.on(evidence).passes(f"rows were last written {written}, by a logged consolidation")
    since = written_at - _LOGGED_WITHIN
    services = environment.services.both
    silenced = {service: words for service in services if (words := _silenced(history, service, since))}
    level, fault = or_fault(lambda: history.platform.services.variable(environment.services.coordinator, _LOG_LEVEL))
    evidence |= {f"{service} logs": words for service, words in silenced.items()}
    evidence[_LOG_LEVEL] = "unknown" if fault else level or "not set"
    question = UNLOGGED_ROWS.on(evidence, [history.platform.commands.read_any_log(service) for service in services])
    if environment.services.coordinator not in silenced:
        after = local_time(since, environment.timezone)
        summary = f"rows were written {written}, but no consolidation was logged after {after}"
        step = "Other log lines arrive, so something else may write to the table: check deploy_verify and the ledger."
        return question.warns(summary, step, since=written_at)
    summary = "; ".join(f"{service} logs {words}" for service, words in silenced.items())
    step = (
        "Set the services' log level back to INFO, or collect their logs: until then the checks that read logs are "
        "blind, and only rows and ledger show what was consolidated."
    )
    summary = f"rows were written {written} but not logged: {summary}"
    return question.unknown(summary, step, since=written_at)


def _silenced(history: LogHistory, service: str, since: datetime) -> str:
    """What the service logs since then, if it logs nothing below a warning; empty if it does."""
    platform = history.platform
    seen = None
    for seen in platform.logs.entries([service], since=since, until=history.until):
        if not is_warning(seen, history.dialects):
            return ""
    last = _last_below_warning(history, service, since)
    stopped = f"since {local_time(last.timestamp, platform.environment.timezone)}" if last else "for 30 days or longer"
    return f"{'only WARNING and above' if seen else 'nothing'} {stopped}"


def _last_below_warning(history: LogHistory, service: str, until: datetime) -> LogEntry | None:
    """The last line of a dialect before then that is not a warning; None if the kept logs have none."""
    since = min(history.since, history.until - LOGS_ARE_KEPT)
    lines = history.platform.logs.entries([service], since=since, until=until, containing=history.dialects.anchors)
    last = None
    for line in lines:
        last = last if is_warning(line, history.dialects) else line
    return last
