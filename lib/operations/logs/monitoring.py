"""What the logs of a period say about consolidations and errors: the checks of day 1."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from lib.operations.logs.freshness import freshness_check, no_consolidation_seen
from lib.operations.logs.lines import EventKind
from lib.operations.logs.timeline import Consolidation, Progress, batch_names, overlapping_merges
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, section
from lib.verdict.table import Table
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from lib.words.quantities import Value, spoken_seconds
from lib.words.text import text_of

if TYPE_CHECKING:
    from lib.operations.logs.history import LogHistory
    from lib.operations.scope import Scope
    from lib.ports.commands import Commands
    from lib.ports.logs import LogEntry

CONSOLIDATIONS = Question("consolidations", "Consolidations")
ERRORS = Question("errors", "Errors")
_REPAIRS = ("repair_", "undo_")
_LAST_HOUR = timedelta(hours=1)
_VARIABLE_PART = re.compile(r"\d+|[0-9a-f]{8,}")


@section(CONSOLIDATIONS)
def consolidations(scope: Scope) -> Section:
    """Every consolidation of the period with its durations and how it ended."""
    history = scope.history
    check = _ended_check(history) if history.merges else no_consolidation_seen(history, CONSOLIDATIONS)
    return Section((check,), (history.table("Consolidations, newest first", history.consolidations),))


def _ended_check(history: LogHistory) -> Check:
    runs, commands = history.consolidations, history.platform.commands
    states = Counter(history.progress(run) for run in runs)
    at_once = overlapping_merges(runs)
    evidence: dict[str, Value] = {str(state): count for state, count in states.items()}
    evidence["two at once for one date"] = len(at_once)
    if at_once:
        evidence["ran at once"] = [_described(pair) for pair in at_once[:5]]
    question = CONSOLIDATIONS.on(evidence, [commands.read_logs(history.platform.environment.services.coordinator)])
    if invalid := [run for run in runs if EventKind.VALIDATION_FAILED in run.events]:
        summary = f"the validation of {len(invalid)} found duplicates: {batch_names(invalid)}"
        return question.fails(summary, "Their staging tables are kept: run duplicate_diagnosis for the date.")
    by_state = {state: [run for run in runs if history.progress(run) is state] for state in Progress}
    idle = [run for run in by_state[Progress.NO_MERGE] if not run.batch_id.startswith(_REPAIRS)]
    troubles = [
        (
            by_state[Progress.UNFINISHED],
            "ended without a word",
            f"See who holds the lock: {commands.run('stuck_lock_release')}",
        ),
        (
            [pair[0] for pair in at_once],
            "ran at once with another of their date",
            f"Find what started both, and whether rows are there twice: {_diagnose(commands, at_once)}",
        ),
        (idle, "released the lock without a MERGE", "Read their log for the reason; their staging is kept."),
        (
            by_state[Progress.FAILED],
            "did not get the lock, or lost it",
            "See that their batches do not wait in staging.",
        ),
    ]
    for found, what, step in troubles:
        if found:
            return question.warns(f"{len(found)} {what}: {batch_names(found)}", step)
    running = f", {states[Progress.RUNNING]} still running" if states[Progress.RUNNING] else ""
    if not states[Progress.COMPLETED]:
        return question.unknown(f"none has ended yet{running}", "Run this again when one has ended.")
    return question.passes(f"{states[Progress.COMPLETED]} completed{running}")


def _described(pair: tuple[Consolidation, Consolidation]) -> str:
    """Which batches, on which instances, and how far apart."""
    first, second = pair
    apart = spoken_seconds(abs((second.started_at - first.started_at).total_seconds()))
    both = " and ".join(f"{run.batch_id or 'a batch'} on {run.instance or 'an unknown instance'}" for run in pair)
    return f"{both}, started {apart} apart"


def _diagnose(commands: Commands, at_once: Sequence[tuple[Consolidation, Consolidation]]) -> str:
    game_date = at_once[0][0].likely_game_date if at_once else None
    return commands.run("duplicate_diagnosis", {"game_date": game_date} if game_date else {})


@section(ERRORS)
def errors(scope: Scope, history: LogHistory | None = None) -> Section:
    """Error lines of each service, alike ones counted together.

    Args:
        scope: The run.
        history: Another period than the run's.
    """
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
    question = Question(f"errors_{platform.environment.services.role_of(service)}", f"Errors of {service}")
    found = [entry for entry in history.errors if entry.service == service]
    if found:
        recent = sum(entry.timestamp > history.until - _LAST_HOUR for entry in found)
        hours_before = max(1.0, (history.until - history.since) / _LAST_HOUR - 1)
        evidence: dict[str, Value] = {
            "lines": len(found),
            "in the last hour": recent,
            "an hour before that, on average": round((len(found) - recent) / hours_before, 1),
            "last": text_of(found[-1].message),
        }
        step = (
            "See whether its newest revision runs; errors that came with it are a reason to roll back: "
            f"{platform.commands.run('deploy_verify')}"
        )
        summary = f"{len(found)} error lines, {recent} in the last hour"
        return question.on(evidence, [platform.commands.read_errors(service)]).warns(summary, step)
    fresh = freshness_check(history, service)
    if fresh.verdict is not Verdict.PASS:
        summary = f"none seen, which means nothing: {fresh.summary}"
        return question.on(fresh.evidence, fresh.commands).unknown(summary, fresh.next_step)
    question = question.on(fresh.evidence, [platform.commands.read_errors(service)])
    return question.passes(f"none; {fresh.summary}")
