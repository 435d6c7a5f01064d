"""Every lock, its holder, and whether it needs action."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from lib.consolidation.ledger import LedgerRun, ledger_is_empty, whole_ledger
from lib.locking.store import Observation
from lib.operations.changes.lock_release import release_plan
from lib.operations.criteria.criteria import threshold
from lib.operations.fences import guard_of
from lib.operations.locks.state import (
    LockReport,
    LockState,
    committed_run,
    last_line_of_holder,
    oldest_acquisition,
)
from lib.operations.pictures.timeline import pictures, timeline_of_locks
from lib.operations.scope import Scope
from lib.operations.timeout.jobs import open_consolidations
from lib.platform import Platform
from lib.ports.jobs import WarehouseJob
from lib.ports.logs import LogEntry
from lib.verdict.check import Changing, Check, Question
from lib.verdict.section import Section, Table, facts, or_fault, section
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from lib.words.quantities import Value, seconds, spoken_seconds

LOCKS = Question(
    "locks",
    "Locks",
    affects="consolidations of the lock's date: they wait until its lease expires",
    can_wait="yes: the next consolidation takes over a lock whose lease has expired",
)

_MOST_DETAILS = 20
_MOST_NAMED = 12


@section(LOCKS)
def lock_states(scope: Scope) -> Section:
    """Show every lock's state, holder, age, heartbeat, last log line and ledger row."""
    reports = look_at_locks(scope.platform)
    rows = [(report.lock_key, report.state, report.reason, _ago(report), _lease_left(report)) for report in reports]
    overview = Table("Locks", ("Lock", "State", "Why", "Last heartbeat", "Lease"), rows)
    details = (_details(report, scope.platform.environment.timezone) for report in reports[:_MOST_DETAILS])
    return Section((_locks_check(scope, reports),), (overview, *details))


def held_since(scope: Scope) -> Section:
    """Draw how long each lock has been held, and what was logged since the first was acquired. Judges nothing.

    Sources that cannot be read are reported by other steps.
    """
    found, _ = or_fault(scope.platform.locks.locks)
    held = [seen.record for seen in found or [] if seen.record is not None]
    since = min((record.acquired_at for record in held), default=scope.since) - timedelta(minutes=1)
    history = scope.history if since >= scope.since else scope.history_between(since, scope.now)
    return scope.findings.add("held_since", Section((), pictures(timeline_of_locks(history, held))))


def _details(report: LockReport, zone: str) -> Table:
    claim, line = report.record.claim, report.last_line
    return facts(
        f"{report.lock_key}: {report.state}",
        {
            "holder": f"{claim.batch_id} on {claim.host}",
            "acquired": local_time(report.record.acquired_at, zone),
            "held for": spoken_seconds(report.held_for.total_seconds()),
            "last heartbeat": _ago(report),
            "lease": _lease_left(report),
            "holder's last line": f"{local_time(line.timestamp, zone)}: {line.message}" if line else "none found",
            "in the ledger": "committed" if report.committed else "not there" if report.has_ledger else "-",
            "job still running": report.job.job_id if report.job else report.job_unseen or "none known",
        },
    )


def _ago(report: LockReport) -> str:
    return f"{spoken_seconds(report.since_heartbeat.total_seconds())} ago"


def _lease_left(report: LockReport) -> str:
    left = report.seen.seconds_until_expiry
    return f"{spoken_seconds(left)} left" if left >= 0 else f"expired {spoken_seconds(-left)} ago"


def look_at_locks(platform: Platform) -> list[LockReport]:
    """Return a report on each held lock. Raises `LockServiceUnavailable`; other sources may be missing."""
    locks = [seen for seen in platform.locks.locks() if seen.record is not None]
    if not locks:
        return []
    entries, log_fault = or_fault(partial(_lines_since, platform, locks))
    runs, ledger_fault = or_fault(partial(_ledger, platform, locks))
    has_ledger = bool(runs) or bool(ledger_fault) or not ledger_is_empty(platform.warehouse, platform.table)
    jobs, job_unseen = or_fault(partial(_open_jobs, platform, locks))
    # The fence refuses an unseen job; without the fence, that job may still write.
    may_write = job_unseen if job_unseen and not guard_of(platform).holds else ""
    slow_after = timedelta(seconds=threshold(platform.environment, "normal_duration"))
    return [
        LockReport(
            seen,
            slow_after,
            last_line_of_holder(seen, entries or []),
            committed_run(seen, runs or []),
            log_fault or ledger_fault or may_write,
            jobs.get(seen.record.claim.batch_id) if jobs and seen.record else None,
            job_unseen,
            has_ledger,
        )
        for seen in locks
    ]


def _lines_since(platform: Platform, locks: Sequence[Observation]) -> list[LogEntry]:
    now = max(seen.read_at for seen in locks)
    batches = [seen.record.claim.batch_id for seen in locks if seen.record]
    found = platform.logs.entries(
        platform.environment.services.both,
        since=oldest_acquisition(locks, now) - timedelta(seconds=5),
        until=now + timedelta(minutes=5),
        containing=[f"{name}={batch_id}" for batch_id in batches for name in ("batch", "operation")],
    )
    return list(found)


def _open_jobs(platform: Platform, locks: Sequence[Observation]) -> dict[str, WarehouseJob]:
    """List jobs only for expired locks: a live holder needs no further proof."""
    expired = [seen for seen in locks if seen.is_expired]
    if not expired:
        return {}
    return open_consolidations(platform, oldest_acquisition(expired, expired[0].read_at) - timedelta(minutes=5))


def _ledger(platform: Platform, locks: Sequence[Observation]) -> list[LedgerRun]:
    since = oldest_acquisition(locks, locks[0].read_at) - timedelta(minutes=5)
    batches = {seen.record.claim.batch_id for seen in locks if seen.record}
    return whole_ledger(platform.warehouse, platform.table, batches, since=since)


def _locks_check(scope: Scope, reports: Sequence[LockReport]) -> Check:
    platform = scope.platform
    by_state = {state: [report for report in reports if report.state is state] for state in LockState}
    commands = [platform.commands.looking("locks", "list"), platform.commands.list_locks()]
    question = LOCKS.on(_evidence(reports), commands)
    if stuck := by_state[LockState.STUCK]:
        question = LOCKS.on(question.evidence, [platform.commands.list_jobs(), *commands])
        plan = release_plan(platform, stuck[0].seen).look(platform.commands)
        # Where a person has to approve a plan, only the plan's own page shows the commands.
        named = [] if platform.environment.needs_approval else stuck[:_MOST_NAMED]
        releases = [_release_command(platform, report) for report in named]
        others = len(reports) - len(stuck)
        alone = f", and leave the other {'lock' if others == 1 else f'{others} locks'} alone" if others else ""
        step = f"Release only stuck locks, one at a time{alone}: {releases[0] if releases else plan}"
        return question.fails(f"{len(stuck)} stuck: {_keys(stuck)}", step, releases, since=_acquired(stuck))
    if expired := by_state[LockState.EXPIRED]:
        summary = f"{len(expired)} expired, holder may still be running: {_keys(expired)}"
        refused = scope.guard.refuses("its old holder")
        step = f"The next consolidation takes it over automatically, and {refused}. Run this again."
        verdict = Verdict.UNKNOWN if any(report.unknown for report in expired) else Verdict.WARN
        return question.answer(verdict, summary, step, since=_acquired(expired))
    if slow := by_state[LockState.SLOW]:
        step = "Leave it: its holder is alive. Check the size of its batch, and the warehouse's job queue."
        summary = f"{len(slow)} held for a long time by a live holder: {_keys(slow)}"
        return question.warns(summary, step, since=_acquired(slow))
    live = by_state[LockState.LIVE]
    holders = "a live holder" if len(live) == 1 else "live holders"
    return question.passes(f"{len(live)} held by {holders}: {_keys(live)}" if live else "no lock is held")


def _evidence(reports: Sequence[LockReport]) -> dict[str, Value]:
    evidence: dict[str, Value] = {}
    for report in reports:
        evidence[report.lock_key] = f"{report.state}: {report.reason}"
        evidence[f"{report.lock_key}, since its last heartbeat"] = seconds(report.since_heartbeat.total_seconds())
    return evidence


def _keys(reports: Sequence[LockReport]) -> str:
    return ", ".join(report.lock_key for report in reports[:_MOST_NAMED])


def _acquired(reports: Sequence[LockReport]) -> datetime:
    """When the first of them was acquired."""
    return min(report.record.acquired_at for report in reports)


def _release_command(platform: Platform, report: LockReport) -> Changing:
    """The command, with the digest of the lock as it was just read."""
    plan = release_plan(platform, report.seen)
    return plan.command(platform.commands, plan.digest(platform, datetime.now(UTC)))
