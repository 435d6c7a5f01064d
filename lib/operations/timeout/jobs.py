"""The warehouse's job queue: jobs that wait or run, and jobs that outlived their caller."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from lib.consolidation.ledger import whole_ledger
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.ports.jobs import JobState, WarehouseJob
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, or_fault, section
from lib.words.dates import local_time
from lib.words.nouns import counted
from lib.words.quantities import Value, seconds, spoken_bytes, spoken_seconds

JOB_QUEUE = Question(
    "job_queue",
    "Job queue",
    affects="consolidations that wait in the queue, are refused, or have lost their holder",
    can_wait="until the next batch",
)
TABLE_LOADS = Question(
    "table_loads",
    "Daily loads per table",
    affects="loads into that table: above the limit, each is refused",
    can_wait="until something has to be loaded into it",
)

# https://cloud.google.com/bigquery/quotas: queued DML statements per table, load jobs per table and day.
QUEUED_DML_A_TABLE = 20
LOADS_A_TABLE_A_DAY = 1_500

_DML = frozenset({"MERGE", "UPDATE", "DELETE", "INSERT", "TRUNCATE_TABLE"})
_LONG_WAIT = timedelta(minutes=5)
_MUCH_OF_QUOTA = 0.8
_CONSOLIDATION = re.compile(r"consolidation_(?P<batch>[A-Za-z0-9_-]+)_[0-9a-f]{32}(_\d+)?", re.ASCII)


def batch_of_job(job: WarehouseJob) -> str:
    """Return the batch that the job consolidates; empty: it is not a consolidation of this library."""
    found = _CONSOLIDATION.fullmatch(job.job_id)
    return found["batch"] if found else ""


def open_consolidations(platform: Platform, since: datetime) -> dict[str, WarehouseJob]:
    """Return, by batch, the newest job that may still commit: in BigQuery, a MERGE outlives its caller.

    Raises:
        SourceUnavailable: The jobs cannot be listed.
    """
    jobs = platform.activity.jobs(platform.table.table.dataset, since=since)
    return {batch: job for job in reversed(jobs) if job.is_open and (batch := batch_of_job(job))}


@section(JOB_QUEUE)
def job_queue(scope: Scope) -> Section:
    """Show the dataset's jobs of the period: those that wait or run, and those that took longest."""
    platform = scope.platform
    jobs = platform.activity.jobs(platform.table.table.dataset, since=scope.since)
    still = [job for job in jobs if job.state is not JobState.DONE]
    ended = sorted((job for job in jobs if job.ended_at), key=_seconds, reverse=True)
    exhibits = (
        _table(scope, "Waiting and running jobs", still, ""),
        _table(scope, "Longest jobs", ended[:10], "Includes time in the queue."),
    )
    return Section((_queue_check(scope, jobs),), exhibits if platform.activity.has_queue else exhibits[:1])


@section(TABLE_LOADS)
def load_quota(scope: Scope) -> Section:
    """Count the load jobs of the last day by table: 1,500 one-row loads use up a table's daily quota."""
    platform = scope.platform
    if not platform.activity.has_queue:
        return Section((TABLE_LOADS.passes("this platform has no such limit"),))
    jobs = platform.activity.jobs(platform.table.table.dataset, since=scope.now - timedelta(days=1))
    loads = Counter(str(job.target) for job in jobs if job.statement == "LOAD" and job.target)
    rows = loads.most_common(10)
    table = Table("Tables with most loads", ("Table", "Loads"), rows, "Failed loads count against the limit too.")
    return Section((_loads_check(loads),), (table,))


def _loads_check(loads: Counter[str]) -> Check:
    table, most = loads.most_common(1)[0] if loads else ("none", 0)
    evidence: dict[str, Value] = {"loads": sum(loads.values()), "tables": len(loads), "most": most, "into": table}
    question = TABLE_LOADS.on(evidence)
    summary = f"{most:,} of {LOADS_A_TABLE_A_DAY:,} loads into {table}"
    step = "Write more rows per load, or load each batch into its own tables, as this library's staging writer does."
    if most >= LOADS_A_TABLE_A_DAY:
        return question.fails(f"used up: {summary}", step)
    if most >= LOADS_A_TABLE_A_DAY * _MUCH_OF_QUOTA:
        return question.warns(f"nearly used up: {summary}", step)
    return question.passes(f"at most {summary}" if loads else "no loads in the last day")


def _queue_check(scope: Scope, jobs: Sequence[WarehouseJob]) -> Check:
    platform = scope.platform
    commands, has_queue = platform.commands, platform.activity.has_queue
    pending = [job for job in jobs if job.state is JobState.PENDING]
    running = [job for job in jobs if job.state is JobState.RUNNING]
    queued = Counter(str(job.target) for job in pending if job.statement in _DML and job.target)
    fullest, waiting = queued.most_common(1)[0] if queued else ("", 0)
    left, unseen = _left_behind(platform, jobs)
    longest = max((scope.now - job.created_at for job in pending), default=timedelta(0))
    evidence: dict[str, Value] = {
        "waiting": len(pending),
        "running": len(running),
        "DML waiting for one table": waiting,
        "DML that may wait for one table": QUEUED_DML_A_TABLE,
        "longest wait": seconds(longest.total_seconds()),
        "without a live lock": unseen or len(left),
    }
    question = JOB_QUEUE.on(evidence, [commands.list_jobs()] if has_queue else [])
    if waiting >= QUEUED_DML_A_TABLE:
        step = "Do not start more. Check the longest-running job, and cancel it only if its caller is gone."
        return question.fails(
            f"full: {counted(waiting, 'DML statement', 'waits')} for {fullest}, and the next is refused", step
        )
    if left:
        refused = scope.guard.refuses("a consolidation that a newer one of its date has overtaken")
        step = f"Let it end, or cancel it; {refused}."
        summary = (
            f"{counted(len(left), 'consolidation', 'is')} running without a live lock: "
            f"{', '.join(map(batch_of_job, left[:3]))}"
        )
        cancels = list(filter(None, (commands.cancel_job(job.job_id) for job in left)))
        return question.warns(summary, step, cancels, since=min(job.created_at for job in left))
    if unseen:
        step = "Restore access to the lock service; until then, a job that lost its holder goes unnoticed."
        return question.unknown(f"it is not known which locks are live: {unseen}", step)
    if died := _died(platform, scope.since, jobs):
        step = "Nothing was committed, and the staging tables are kept: consolidate the batch again."
        names = ", ".join(map(batch_of_job, died[:3]))
        summary = f"{counted(len(died), 'job')} ended when the process died: {names} ({died[0].user})"
        return question.warns(summary, step, since=min(job.created_at for job in died))
    if longest > _LONG_WAIT:
        step = "The delay is in the queue. Check the running jobs, and whether slots or the DML quota are used up."
        summary = f"{len(pending)} waiting, the longest for {evidence['longest wait']}"
        return question.warns(summary, step, since=scope.now - longest)
    at_work = f"{len(running)} running, {len(pending)} waiting"
    return question.passes(at_work if has_queue else f"{at_work}; this platform has no queue")


def _left_behind(platform: Platform, jobs: Sequence[WarehouseJob]) -> tuple[list[WarehouseJob], str]:
    """Return open consolidations whose batch holds no live lock, or why the locks could not be read."""
    consolidating = [job for job in jobs if job.is_open and batch_of_job(job)]
    if not consolidating:
        return [], ""
    locks, unseen = or_fault(platform.locks.locks)
    if locks is None:
        return [], unseen
    live = {seen.record.claim.batch_id for seen in locks if seen.record and not seen.is_expired}
    return [job for job in consolidating if batch_of_job(job) not in live], ""


def _died(platform: Platform, since: datetime, jobs: Sequence[WarehouseJob]) -> list[WarehouseJob]:
    """Return jobs whose process died, unless their batch was consolidated since. Raises `WarehouseUnavailable`."""
    gone = [job for job in jobs if job.state is JobState.GONE]
    if not gone:
        return []
    batches = {batch for job in gone if (batch := batch_of_job(job))}
    runs = whole_ledger(platform.warehouse, platform.table, batches, since=since)
    done = {run.batch_id: run.committed_at for run in reversed(runs)}
    return [job for job in gone if (at := done.get(batch_of_job(job))) is None or at < job.created_at]


def _table(scope: Scope, caption: str, jobs: Sequence[WarehouseJob], note: str) -> Table:
    zone = scope.platform.environment.timezone
    rows = [
        (
            local_time(job.created_at, zone),
            job.state,
            job.statement,
            batch_of_job(job) or job.job_id,
            str(job.target or "-"),
            spoken_seconds(_seconds(job) if job.ended_at else (scope.now - job.created_at).total_seconds()),
            spoken_bytes(job.bytes_processed),
            None if job.slot_ms is None else spoken_seconds(job.slot_ms / 1000),
            job.user,
            job.error,
        )
        for job in jobs
    ]
    columns = ("Created", "State", "Statement", "Job", "Table", "Duration", "Read", "Slot time", "User", "Error")
    return Table(caption, columns, rows, note, shown=25)


def _seconds(job: WarehouseJob) -> float:
    return (job.ended_at - job.created_at).total_seconds() if job.ended_at else 0.0
