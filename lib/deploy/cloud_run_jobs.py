"""Which Cloud Run jobs there are to be: one for each entry of the schedule, or one for a backfill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil

from lib.deploy.cloud_run import Target, job, job_name, trigger
from lib.deploy.cloud_run_files import Deployment
from lib.errors import UserError
from lib.runbooks.backfill import ensure_fit
from lib.runbooks.catalogue import Runbook
from lib.runbooks.date_series import DateSeries
from lib.runbooks.parameters import assignment_words
from lib.schedule.settings import Entry

# What a run needs beside its own time: a container's start, its stop in good order, its report.
_OVERHEAD_SECONDS = 300


def scheduled(target: Target, entries: Sequence[Entry]) -> list[Deployment]:
    """A job for each entry that runs what is due of it, and what starts it by the entry's cron.

    A job cannot learn from Cloud Scheduler which moment it was started for, so the job looks at the
    schedule itself: a firing that came late or twice is then run once, for the right moment.

    Raises:
        UserError: Cloud Run or Cloud Scheduler would not take an entry.
    """
    deployments = [_scheduled(target, entry) for entry in entries]
    names = [deployment.name for deployment in deployments]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two entries of the schedule would both be the job {name}: rename one")
    return deployments


def over_dates(
    target: Target,
    runbook: Runbook,
    over: str,
    parameters: Mapping[str, str],
    *,
    tasks: int,
    timeout_seconds: float,
) -> Deployment:
    """A job whose tasks share the dates of a backfill; each runs its own, one after another.

    Args:
        target: Where and as which account.
        runbook: What runs.
        over: Over which dates, see `lib.runbooks.date_series`.
        parameters: The other parameters, as text.
        tasks: How many containers work at once, at most.
        timeout_seconds: Of each run.

    Raises:
        UserError: A parameter does not fit, or Cloud Run does not take it.
    """
    series = DateSeries.parse(over, runbook)
    ensure_fit(runbook, series, parameters, target.environment.name)
    tasks = min(tasks, len(series.dates))
    arguments = [
        *("run", runbook.name, "--env", target.environment.name, "--cloud-run-task"),
        *("--over", over, "--timeout-seconds", f"{timeout_seconds:g}"),
        *assignment_words(parameters),
    ]
    return Deployment(
        job(
            target,
            job_name("backfill", runbook.name),
            arguments,
            timeout_seconds=ceil(len(series.dates) / tasks) * (timeout_seconds + _OVERHEAD_SECONDS),
            labels=_labels(target, runbook.name),
            tasks=tasks,
        )
    )


def _scheduled(target: Target, entry: Entry) -> Deployment:
    name = job_name("runbook", entry.name)
    attempts = 1 + entry.retries
    return Deployment(
        job(
            target,
            name,
            # Cloud Run kills a task ten seconds after SIGTERM: its run has to hear of it at once.
            ["schedule", "once", "--entry", entry.name, "--stop-grace-seconds", "0"],
            timeout_seconds=ceil(
                attempts * (entry.timeout_seconds + _OVERHEAD_SECONDS) + entry.retries * entry.retry_delay_seconds
            ),
            labels=_labels(target, entry.runbook) | {"entry": entry.name},
        ),
        trigger(
            target,
            name,
            cron=entry.cron,
            timezone=entry.timezone,
            description=f"Runbook {entry.runbook} in {entry.environment}",
        ),
    )


def _labels(target: Target, runbook: str) -> dict[str, str]:
    return {"managed-by": "consolidation-runbooks", "environment": target.environment.name, "runbook": runbook}
