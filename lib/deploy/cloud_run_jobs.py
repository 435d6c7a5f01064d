"""Deployments to Cloud Run: a job for each schedule entry, or one for a backfill.

They are written as files to review, with commands that apply them.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.deploy.cloud_run import Target, job, job_name, trigger
from lib.errors import UserError
from lib.runbooks.backfill import DateSeries, ensure_fit
from lib.runbooks.catalogue import Runbook
from lib.runbooks.parameters import assignment_words
from lib.schedule.settings import Entry

if TYPE_CHECKING:
    from google.cloud import run_v2, scheduler_v1

_RUN = "https://run.googleapis.com/v2"
_SCHEDULER = "https://cloudscheduler.googleapis.com/v1"

_FUNCTIONS = Path(__file__).with_name("cloud_run.sh")


@dataclass(frozen=True)
class Deployment:
    """A Cloud Run job and its trigger; without a trigger it is started by hand."""

    job: run_v2.Job
    trigger: scheduler_v1.Job | None = None

    @property
    def name(self) -> str:
        return str(self.job.name).rsplit("/", 1)[-1]


def write_files(deployments: Sequence[Deployment], folder: Path) -> None:
    """Write ``NAME.job.json`` and ``NAME.trigger.json`` for each deployment: the API's own messages.

    Raises:
        UserError: The files cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for deployment in deployments:
            _file(folder, deployment, "job").write_text(_json(deployment.job), encoding="utf-8")
            if deployment.trigger is not None:
                _file(folder, deployment, "trigger").write_text(_json(deployment.trigger), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from error


def commands(deployments: Sequence[Deployment], folder: Path, target: Target) -> Iterator[str]:
    """Yield the lines of a shell script that creates or updates the jobs, and starts those without a trigger."""
    yield _FUNCTIONS.read_text(encoding="utf-8")
    for deployment in deployments:
        job = _quoted(f"{_RUN}/{deployment.job.name}?allowMissing=true")
        yield f"apply {job} {_quoted(_file(folder, deployment, 'job'))}"
    place = f"--project {target.environment.project_id} --region {target.environment.region}"
    for deployment in deployments:
        if deployment.trigger is None:
            yield f"gcloud run jobs execute {deployment.name} {place}"
            continue
        yield (
            f"gcloud run jobs add-iam-policy-binding {deployment.name} {place}"
            f" --member serviceAccount:{target.service_account} --role roles/run.invoker"
        )
        file = _quoted(_file(folder, deployment, "trigger"))
        yield (
            f"call PATCH {_SCHEDULER}/{deployment.trigger.name} {file}"
            f" || call POST {_SCHEDULER}/{target.parent}/jobs {file}"
        )


def _json(message: Any) -> str:
    # Zero retries must be explicit: without the field, Cloud Run retries three times.
    text: str = type(message).to_json(
        message,
        use_integers_for_enums=False,
        always_print_fields_with_no_presence=False,
        preserving_proto_field_name=False,
        sort_keys=True,
    )
    return f"{text}\n"


def _file(folder: Path, deployment: Deployment, kind: str) -> Path:
    return folder / f"{deployment.name}.{kind}.json"


def _quoted(text: object) -> str:
    return shlex.quote(str(text))


# Time that a run needs in addition: to start the container, stop cleanly and write its report.
_OVERHEAD_SECONDS = 300


def scheduled(target: Target, entries: Sequence[Entry]) -> list[Deployment]:
    """Return a job for each entry, with a trigger by the entry's cron expression.

    Cloud Scheduler does not pass on the planned time. The job therefore reads the schedule itself and runs
    what is due, so that a firing that is late or repeated runs once, for the right time.

    Raises:
        UserError: Cloud Run or Cloud Scheduler would refuse an entry.
    """
    deployments = [_scheduled(target, entry) for entry in entries]
    names = [deployment.name for deployment in deployments]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two schedule entries would have the same job name {name}; rename one of them")
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
    """Return a job whose tasks share the dates of a backfill; each task runs its dates one after another.

    Args:
        over: The dates; see `lib.runbooks.backfill.DateSeries`.
        parameters: The other parameters, as text.
        tasks: Maximum number of containers in parallel.
        timeout_seconds: Time limit of each run, in seconds.

    Raises:
        UserError: A parameter is not valid, or Cloud Run would refuse the job.
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
            # Cloud Run kills a task ten seconds after SIGTERM, so the run must receive the signal at once.
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
