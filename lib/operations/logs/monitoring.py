"""Consolidations and errors in the logs of a period: the day-1 checks.

If a service logged nothing at all, the absence of consolidations and errors proves nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from lib.operations.duplicate_counts import DuplicateCounts
from lib.operations.logs.events import EventKind
from lib.operations.logs.history import LOGS_ARE_KEPT, LogHistory
from lib.operations.logs.timeline import Consolidation, Progress, batch_names, overlapping_merges
from lib.operations.logs.unread import unread_check, unread_table
from lib.operations.logs.validations import invalid_check, invalid_runs
from lib.ports.commands import Commands
from lib.ports.logs import LogEntry
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, section
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from lib.words.nouns import counted
from lib.words.quantities import Value, seconds, spoken_seconds
from lib.words.text import text_of

if TYPE_CHECKING:
    from lib.operations.scope import Scope

LOGS = Question(
    "logs",
    "Logs of the services",
    affects="the checks that read this service's logs: they have no data",
    can_wait="yes: no row depends on it",
)
CONSOLIDATIONS = Question(
    "consolidations",
    "Consolidations",
    affects="the batches named here: their rows may be missing, late or written twice",
    can_wait="until readers need the rows; unmerged rows are kept in staging",
)
ERRORS = Question(
    "errors",
    "Errors",
    affects="whatever the service was doing when it logged them",
    can_wait="until someone has read them: a line alone does not show what failed",
)
_REPAIRS = ("repair_", "undo_")
_BROKEN = (EventKind.MERGE_FAILED, EventKind.MERGE_EMPTY, EventKind.CONSOLIDATION_FAILED)
_LAST_HOUR = timedelta(hours=1)
_VARIABLE_PART = re.compile(r"\d+|[0-9a-f]{8,}")


@section(LOGS)
def log_freshness(scope: Scope) -> Section:
    """Report when each service last logged anything, and whether that is within the period."""
    services = scope.platform.environment.services.both
    return Section(tuple(freshness_check(scope.history, service) for service in services))


def freshness_check(history: LogHistory, service: str) -> Check:
    """Return PASS if the service logged in the period, else UNKNOWN. Raises `SourceUnavailable`.

    Workers run only when there is work, so on a date without work they may be silent. Where the calendar expects no
    rows, the coordinator may be silent too. A line with a time in the future is also UNKNOWN: it hides newer ones.
    """
    environment = history.platform.environment
    role = environment.services.role_of(service)
    question = replace(LOGS, id=f"logs_{role}", name=f"Logs of {service}")
    commands = [history.platform.commands.read_any_log(service)]
    newest = history.newest(service)
    is_silent = newest is None or newest < history.since
    if is_silent and history.off_day and (service != environment.services.coordinator or history.expected.is_by_intent):
        return question.on({}, commands).passes(f"silent, as expected: {history.off_day}")
    if newest is None:
        step = "Find out why its logs are not collected; until then, no runbook can check them."
        return question.on({}, commands).unknown(f"no log lines in {LOGS_ARE_KEPT.days} days", step)
    age_seconds = (history.until - newest).total_seconds()
    evidence: dict[str, Value] = {"last line": local_time(newest, environment.timezone)}
    if history.is_in_future(newest):
        step = "A clock or a line is wrong; until that time, check by hand whether newer lines arrive."
        ahead = spoken_seconds(-age_seconds)
        summary = f"its last line is {ahead} in the future, which hides its real last line"
        return question.on(evidence, commands).unknown(summary, step)
    age_seconds = max(0.0, age_seconds)
    question = question.on({**evidence, "age": seconds(age_seconds)}, commands)
    if newest < history.since:
        step = "Either the service is not running, or its logs are not collected: check its revisions first."
        return question.unknown(f"silent for {spoken_seconds(age_seconds)}", step, since=newest)
    return question.passes(f"last line {spoken_seconds(age_seconds)} ago")


def no_consolidation_seen(history: LogHistory, question: Question) -> Check:
    """Return UNKNOWN, and whether nothing or only the coordinator's prints were logged. Raises `SourceUnavailable`.

    PASS if there was nothing to consolidate. Consolidations that never merged, and dates without rows, are named.
    """
    environment = history.platform.environment
    service = environment.services.coordinator
    period = f"since {local_time(history.since, environment.timezone)}"
    if history.off_day:
        return question.passes(f"none {period}: {history.off_day}")
    if any(run.is_only_printed for run in history.consolidations):
        return _only_prints(history, question)
    fresh = freshness_check(history, service)
    question = question.on(fresh.evidence, [history.platform.commands.read_logs(service)])
    if runs := history.consolidations:
        end = runs[-1].failure.kind if runs[-1].failure else history.progress(runs[-1])
        summary = f"{counted(len(runs), 'consolidation')} logged {period}, none merged: {batch_names(runs)} ({end})"
        return question.unknown(summary, "See the reason in the table of consolidations: runbook run day1_monitoring")
    if history.unread:
        summary = (
            f"no consolidation was logged {period} in a known dialect; "
            f"{counted(len(history.unread), 'line')} may belong to one"
        )
        return question.unknown(summary, "Save them, and see what is not recognised: runbook dialect test FILE")
    if fresh.verdict is Verdict.PASS:
        missing = f", and there are no rows of {history.expected.missing}" if history.expected.missing else ""
        summary = f"no consolidation was logged {period}, though {service} is logging{missing}"
        return question.unknown(summary, "Check whether rows were due, and whether a batch is waiting in staging.")
    summary = f"no consolidation was logged {period}; {service}: {fresh.summary}"
    return question.unknown(summary, fresh.next_step)


def _only_prints(history: LogHistory, question: Question) -> Check:
    """Return UNKNOWN: the coordinator printed that it consolidated, but no line about lock or MERGE was collected."""
    runs = [run for run in history.consolidations if run.is_only_printed]
    service = history.platform.environment.services.coordinator
    summary = f"only print output of {service} was collected: {batch_names(runs)}"
    step = "Collect its logger output too; until then, the lock, the MERGE duration and the validation are not known."
    return question.on({}, [history.platform.commands.read_any_log(service)]).unknown(summary, step)


@section(CONSOLIDATIONS)
def consolidations(scope: Scope) -> Section:
    """Show every consolidation of the period with its durations and its result."""
    history = scope.history
    runs = history.consolidations
    check = _ended_check(history, scope.duplicates) if runs else no_consolidation_seen(history, CONSOLIDATIONS)
    table = history.table("Consolidations, newest first", runs)
    unread = unread_check(history)
    return Section((check, unread), (table, unread_table(history))) if unread else Section((check,), (table,))


def _ended_check(history: LogHistory, counts: DuplicateCounts) -> Check:
    runs, commands = history.consolidations, history.platform.commands
    states = Counter(history.progress(run) for run in runs)
    at_once = overlapping_merges(runs)
    evidence: dict[str, Value] = {str(state): count for state, count in states.items()}
    evidence["overlapping pairs"] = len(at_once)
    if at_once:
        evidence["overlaps"] = [_described(pair) for pair in at_once[:5]]
    question = CONSOLIDATIONS.on(evidence, [commands.read_logs(history.platform.environment.services.coordinator)])
    if invalid := invalid_runs(runs):
        return invalid_check(question, invalid, counts)
    failed = [run for run in runs if run.has(*_BROKEN)]
    if broken := [run for run in failed if not _is_merged_since(run, runs)]:
        summary = f"{len(broken)} merged nothing: {batch_names(broken)}"
        reason = f"; {broken[-1].failure.in_words}" if broken[-1].failure else ""
        step = "Their staging tables are kept: fix the cause, then consolidate again."
        return question.fails(f"{summary}{reason}", step, since=min(run.started_at for run in broken))
    by_state = {state: [run for run in runs if history.progress(run) is state] for state in Progress}
    idle = [run for run in by_state[Progress.NO_MERGE] if not run.batch_id.startswith(_REPAIRS)]
    see_locks = f"See who holds the lock: {commands.run('stuck_lock_release')}"
    see_both = f"Find out what started both, and check for duplicates: {_diagnose(commands, at_once)}"
    see_staging = f"Check whether their batches are waiting in staging: {commands.run('consolidation_timeout')}"
    pairs = "pair" if len(at_once) == 1 else "pairs"
    overlapping = [run for pair in at_once for run in pair]
    troubles = [
        (by_state[Progress.UNFINISHED], "stopped without logging a result", see_locks),
        (overlapping, f"{pairs} of consolidations overlapped on the same date", see_both),
        (
            _unchecked(runs),
            "merged, but the validation could not run",
            f"Check the date for duplicates: {commands.run('duplicate_diagnosis')}",
        ),
        (_unreleased(runs), "could not release the lock, which expires by itself", see_locks),
        (_robbed(runs), "found the lock gone when releasing it", see_locks),
        (_unstaged(runs), "found nothing staged, and no other run merged the batch", see_staging),
        (idle, "released the lock without a MERGE", "See their logs for the reason; their staging tables are kept."),
        (failed, "failed, but another run merged the batch since", "See the reason in the table of consolidations."),
        (by_state[Progress.FAILED], "did not get the lock, or lost it", see_staging),
    ]
    for found, what, step in troubles:
        if found:
            since = min(run.started_at for run in found)
            number = len(at_once) if found is overlapping else len(found)
            return question.warns(f"{number} {what}: {batch_names(found)}", step, since=since)
    running = f", {states[Progress.RUNNING]} still running" if states[Progress.RUNNING] else ""
    if not states[Progress.COMPLETED]:
        return question.unknown(f"none has ended yet{running}", "Run this again once one has ended.")
    return question.passes(f"{states[Progress.COMPLETED]} completed{running}")


def _is_merged_since(run: Consolidation, runs: Sequence[Consolidation]) -> bool:
    later = [other for other in runs if other.batch_id == run.batch_id and other.started_at > run.started_at]
    return bool(run.batch_id) and any(other.has_merge and other.failure is None for other in later)


def _unchecked(runs: Sequence[Consolidation]) -> list[Consolidation]:
    return [run for run in runs if run.has(EventKind.NOT_VALIDATED)]


def _unreleased(runs: Sequence[Consolidation]) -> list[Consolidation]:
    return [run for run in runs if run.has(EventKind.RELEASE_FAILED)]


def _robbed(runs: Sequence[Consolidation]) -> list[Consolidation]:
    return [run for run in runs if run.has(EventKind.ALREADY_RELEASED)]


def _unstaged(runs: Sequence[Consolidation]) -> list[Consolidation]:
    """Those that found no staging tables for a batch that no run has merged."""
    merged = {run.batch_id for run in runs if run.has_merge}
    return [run for run in runs if run.has(EventKind.NOTHING_STAGED) and run.batch_id not in merged]


def _described(pair: tuple[Consolidation, Consolidation]) -> str:
    """Return the two batches, their instances, and how far apart they started."""
    first, second = pair
    apart = spoken_seconds(abs((second.started_at - first.started_at).total_seconds()))
    both = " and ".join(f"{run.batch_id or 'a batch'} on {run.instance or 'an unknown instance'}" for run in pair)
    return f"{both}, started {apart} apart"


def _diagnose(commands: Commands, at_once: Sequence[tuple[Consolidation, Consolidation]]) -> str:
    game_date = at_once[0][0].likely_game_date if at_once else None
    return commands.run("duplicate_diagnosis", {"date": game_date} if game_date else {})


@section(ERRORS)
def errors(scope: Scope, history: LogHistory | None = None) -> Section:
    """Show the error lines of each service, similar ones together, in the run's period or the given history."""
    seen = history or scope.history
    alike: dict[tuple[str, str], list[LogEntry]] = {}
    for entry in seen.errors:
        alike.setdefault((entry.service, _VARIABLE_PART.sub("#", entry.message[:200])), []).append(entry)
    environment = scope.platform.environment
    rows = [
        (found[-1].service, len(found), local_time(found[-1].timestamp, environment.timezone), found[-1].message)
        for found in sorted(alike.values(), key=len, reverse=True)
    ]
    checks = tuple(_error_check(seen, service) for service in environment.services.both)
    return Section(checks, (Table("Errors", ("Service", "Times", "Last", "Last line"), rows, shown=15),))


def _error_check(history: LogHistory, service: str) -> Check:
    platform = history.platform
    role = platform.environment.services.role_of(service)
    question = replace(ERRORS, id=f"errors_{role}", name=f"Errors of {service}")
    found = [entry for entry in history.errors if entry.service == service]
    if found:
        recent = sum(entry.timestamp > history.until - _LAST_HOUR for entry in found)
        hours_before = max(1.0, (history.until - history.since) / _LAST_HOUR - 1)
        evidence: dict[str, Value] = {
            "lines": len(found),
            "in the last hour": recent,
            "per hour before that, on average": round((len(found) - recent) / hours_before, 1),
            "last": text_of(found[-1].message),
        }
        verify = platform.commands.run("deploy_verify")
        step = f"Check its newest revision; errors that began with it are a reason to roll back: {verify}"
        summary = f"{counted(len(found), 'error line')}, {recent} in the last hour"
        question = question.on(evidence, [platform.commands.read_errors(service)])
        return question.warns(summary, step, since=min(entry.timestamp for entry in found))
    fresh = freshness_check(history, service)
    if fresh.verdict is not Verdict.PASS:
        summary = f"none seen, but that proves nothing: {fresh.summary}"
        return question.on(fresh.evidence, fresh.commands).unknown(summary, fresh.next_step)
    question = question.on(fresh.evidence, [platform.commands.read_errors(service)])
    return question.passes(f"none; {fresh.summary}")
