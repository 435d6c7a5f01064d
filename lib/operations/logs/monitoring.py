"""What the logs of a period tell about the lock and the consolidations (guide, day 1)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING

from lib.operations import by_hand
from lib.operations.criteria.criteria import threshold
from lib.operations.logs.freshness import freshness_check, no_consolidation_seen
from lib.operations.logs.lines import EventKind
from lib.operations.logs.timeline import Consolidation, Progress, overlapping_merges
from lib.verdict.check import Check
from lib.verdict.section import Section, section
from lib.verdict.table import Table
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from lib.words.durations import spoken_seconds
from lib.words.quantities import Value
from lib.words.text import text_of

if TYPE_CHECKING:
    from lib.operations.logs.history import LogHistory
    from lib.ports.logs import LogEntry

_REPAIRS = ("repair_", "undo_")
_LAST_HOUR = timedelta(hours=1)
_VARIABLE_PART = re.compile(r"\d+|[0-9a-f]{8,}")


@section("Lock acquisitions")
def lock_activity(history: LogHistory) -> Section:
    """Acquisitions, failures, waits, and MERGEs that ran without the lock."""
    counts = {
        kind: history.count(kind)
        for kind in (
            EventKind.ACQUIRING,
            EventKind.ACQUIRED,
            EventKind.RELEASED,
            EventKind.ACQUISITION_FAILED,
            EventKind.LOST,
            EventKind.TOOK_OVER,
            EventKind.FORCE_RELEASED,
        )
    }
    table = Table("Lock events", ("Event", "Times"), [(str(kind), count) for kind, count in counts.items()])
    return Section((_lock_check(history, counts),), (table,))


def _lock_check(history: LogHistory, counts: dict[EventKind, int]) -> Check:
    name = "Lock acquisitions"
    unlocked = [run for run in history.merges if run.merged_without_lock]
    tried, failed = counts[EventKind.ACQUIRING], counts[EventKind.ACQUISITION_FAILED]
    if not tried and not failed and not unlocked:
        return no_consolidation_seen(history, name)
    percent = 100 * failed / max(tried, failed, 1)
    waits = [wait for run in history.consolidations if (wait := run.lock_wait_seconds) is not None]
    evidence = {
        "tried": tried,
        "acquired": counts[EventKind.ACQUIRED],
        "failed": f"{failed} ({percent:.1f}%)",
        "lost": counts[EventKind.LOST],
        "waited, median and longest": f"{spoken_seconds(median(waits))}, {spoken_seconds(max(waits))}"
        if waits
        else "not told",
        "MERGEs without the lock": len(unlocked),
    }
    commands = [by_hand.read_logs(history.platform.environment, history.platform.environment.services.coordinator)]
    see_locks = f"See who holds the lock: {by_hand.runbook('stuck_lock_release', history.platform.environment)}"
    if percent > threshold("acquisition_fails_consistently"):
        return Check(name, Verdict.FAIL, f"{failed} of {max(tried, failed)} failed", evidence, see_locks, commands)
    if unlocked:
        summary = f"{len(unlocked)} MERGEs ran without the lock: {_named(unlocked)}"
        verify = by_hand.runbook("deploy_verify", history.platform.environment)
        step = f"Old code may still serve; see its revision: {verify}"
        return Check(name, Verdict.WARN, summary, evidence, step, commands)
    if failed or counts[EventKind.LOST]:
        summary = f"{failed} of {max(tried, failed)} failed, {counts[EventKind.LOST]} were lost"
        return Check(name, Verdict.WARN, summary, evidence, see_locks, commands)
    longest = f", longest wait {spoken_seconds(max(waits))}" if waits else ""
    return Check(name, Verdict.PASS, f"{tried} tried, none failed{longest}", evidence, commands=commands)


@section("Consolidations")
def consolidations(history: LogHistory) -> Section:
    """Every consolidation of the period with its durations and how it ended."""
    runs = history.consolidations
    check = _ended_check(history) if history.merges else no_consolidation_seen(history, "Consolidations")
    return Section((check,), (history.table("Consolidations, newest first", runs),))


def _ended_check(history: LogHistory) -> Check:
    name = "Consolidations"
    runs = history.consolidations
    states = Counter(history.progress(run) for run in runs)
    invalid = [run for run in runs if EventKind.VALIDATION_FAILED in run.events]
    at_once = overlapping_merges(runs)
    unfinished = [run for run in runs if history.progress(run) is Progress.UNFINISHED]
    idle = [run for run in runs if history.progress(run) is Progress.NO_MERGE and not run.batch_id.startswith(_REPAIRS)]
    failed = [run for run in runs if history.progress(run) is Progress.FAILED]
    evidence: dict[str, Value] = {str(state): count for state, count in states.items()}
    evidence["two at once for one date"] = "; ".join(map(_told_of_both, at_once[:5])) or "none"
    commands = [by_hand.read_logs(history.platform.environment, history.platform.environment.services.coordinator)]
    if invalid:
        summary = f"the validation of {len(invalid)} found duplicates: {_named(invalid)}"
        step = "Their staging tables are kept: run duplicate_diagnosis for the date."
        return Check(name, Verdict.FAIL, summary, evidence, step, commands)
    see_locks = by_hand.runbook("stuck_lock_release", history.platform.environment)
    diagnose = _diagnose(history, at_once)
    troubles = [
        (unfinished, "ended without a word", f"See who holds the lock: {see_locks}"),
        (
            [pair[0] for pair in at_once],
            "ran at once with another of their date",
            f"Find what started both, and whether rows are there twice: {diagnose}",
        ),
        (idle, "released the lock without a MERGE", "Read their log for the reason; their staging is kept."),
        (failed, "did not get the lock, or lost it", "See that their batches do not wait in staging."),
    ]
    for found, what, step in troubles:
        if found:
            return Check(name, Verdict.WARN, f"{len(found)} {what}: {_named(found)}", evidence, step, commands)
    completed = states[Progress.COMPLETED]
    running = f", {states[Progress.RUNNING]} still running" if states[Progress.RUNNING] else ""
    if not completed:
        step = "Run this again when one has ended."
        return Check(name, Verdict.UNKNOWN, f"none has ended yet{running}", evidence, step, commands)
    return Check(name, Verdict.PASS, f"{completed} completed{running}", evidence, commands=commands)


def _told_of_both(pair: tuple[Consolidation, Consolidation]) -> str:
    """Which batches, on which instances, and how far apart."""
    first, second = pair
    apart = spoken_seconds(abs((second.started_at - first.started_at).total_seconds()))
    both = " and ".join(f"{run.batch_id or 'a batch'} on {run.instance or 'an unknown instance'}" for run in pair)
    return f"{both}, started {apart} apart"


def _diagnose(history: LogHistory, at_once: Sequence[tuple[Consolidation, Consolidation]]) -> str:
    game_date = at_once[0][0].likely_game_date if at_once else None
    parameters = {"game_date": game_date} if game_date else {}
    return by_hand.runbook("duplicate_diagnosis", history.platform.environment, parameters)


@section("Errors")
def errors(history: LogHistory) -> Section:
    """Error lines of each service, alike ones counted together."""
    alike: dict[tuple[str, str], list[LogEntry]] = {}
    for entry in history.errors:
        alike.setdefault((entry.service, _VARIABLE_PART.sub("#", entry.message[:200])), []).append(entry)
    zone = history.platform.environment.timezone
    rows = [
        (entries[-1].service, len(entries), local_time(entries[-1].timestamp, zone), text_of(entries[-1].message))
        for entries in sorted(alike.values(), key=len, reverse=True)
    ]
    services = history.platform.environment.services.both
    checks = tuple(_error_check(history, service) for service in services)
    return Section(checks, (Table("Errors", ("Service", "Times", "Last", "Last line"), rows, shown=15),))


def _error_check(history: LogHistory, service: str) -> Check:
    name = f"Errors of {service}"
    found = [entry for entry in history.errors if entry.service == service]
    commands = [by_hand.read_errors(history.platform.environment, service)]
    if found:
        recent = sum(entry.timestamp > history.until - _LAST_HOUR for entry in found)
        hours_before = max(1.0, (history.until - history.since) / _LAST_HOUR - 1)
        evidence = {
            "lines": len(found),
            "in the last hour": recent,
            "an hour before that, on average": f"{(len(found) - recent) / hours_before:.1f}",
            "last": text_of(found[-1].message),
        }
        verify = by_hand.runbook("deploy_verify", history.platform.environment)
        step = f"See whether its newest revision runs; errors that came with it are a reason to roll back: {verify}"
        return Check(
            name, Verdict.WARN, f"{len(found)} error lines, {recent} in the last hour", evidence, step, commands
        )
    fresh = freshness_check(history, service)
    if fresh.verdict is not Verdict.PASS:
        summary = f"none seen, which means nothing: {fresh.summary}"
        return Check(name, Verdict.UNKNOWN, summary, fresh.evidence, fresh.next_step, fresh.commands)
    return Check(name, Verdict.PASS, f"none; {fresh.summary}", fresh.evidence, commands=commands)


def _named(runs: list[Consolidation]) -> str:
    names = list(dict.fromkeys(run.batch_id or "a batch without a name" for run in runs))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"
