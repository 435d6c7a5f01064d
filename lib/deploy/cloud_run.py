"""Runbooks as Cloud Run jobs started by Cloud Scheduler, as messages of Google's own API.

Messages have no field that the API does not know, and no secrets: containers get their secrets from Secret
Manager, by name.

https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs
https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from lib.deploy.entries import common_cron
from lib.environment import Environment
from lib.errors import UserError

if TYPE_CHECKING:
    from google.cloud import run_v2, scheduler_v1

LONGEST_TASK_SECONDS = 7 * 86_400
"""Cloud Run stops every task after this time, whatever its settings."""

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
# Enough for one kernel with pandas and a few plots; the container's disk is in memory, too.
_RESOURCES = {"cpu": "1", "memory": "2Gi"}

_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", re.ASCII)
_REGION = re.compile(r"[a-z]+-[a-z]+\d+", re.ASCII)
_IMAGE = re.compile(r"[a-z0-9][a-z0-9._/:-]*[a-z0-9](?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?", re.ASCII)
_OUTPUTS = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](?:/[\w.=-]+)*/?", re.ASCII)
_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9-]*@[a-z0-9.-]+\.gserviceaccount\.com", re.ASCII)
_JOB = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_LABEL = re.compile(r"[a-z0-9_-]{1,63}", re.ASCII)


@dataclass(frozen=True)
class Target:
    """Project, image, archive and account of the jobs.

    Attributes:
        environment: The environment with the project, region and notification channels.
        image: The container image, as pushed.
        outputs: The archive, ``gs://bucket/prefix``, because a container's disk is lost with it.
        service_account: E-mail address of the account that starts and runs the jobs.

    Raises:
        UserError: Cloud Run would refuse a value.
    """

    environment: Environment
    image: str
    outputs: str
    service_account: str

    def __post_init__(self) -> None:
        if self.environment.platform != "google":
            raise UserError(
                f"environment {self.environment.name} has the platform {self.environment.platform}: Cloud Run jobs "
                "cannot access its state on this machine; use an environment with the platform google"
            )
        _check(_PROJECT, self.environment.project_id, "project_id", "a Google Cloud project's id")
        _check(_REGION, self.environment.region, "region", "a region such as europe-west1")
        _check(_IMAGE, self.image, "the image", "an image such as REPOSITORY/runbooks:1.0")
        _check(_OUTPUTS, self.outputs, "the archive", "a bucket such as gs://bucket/prefix (--outputs)")
        _check(_ACCOUNT, self.service_account, "the service account", "an account's e-mail address")

    @property
    def parent(self) -> str:
        return f"projects/{self.environment.project_id}/locations/{self.environment.region}"


def job_name(kind: str, name: str) -> str:
    """Return the job name ``KIND-NAME``.

    Raises:
        UserError: Cloud Run does not allow the name.
    """
    called = f"{kind}-{name}".replace("_", "-")
    _check(_JOB, called, "the job's name", "a name of at most 63 lower-case letters, digits and hyphens")
    return called


def job(
    target: Target,
    name: str,
    arguments: Sequence[str],
    *,
    timeout_seconds: float,
    labels: Mapping[str, str],
    tasks: int = 1,
) -> run_v2.Job:
    """Return the job that calls ``runbook`` with the arguments.

    Retries of Cloud Run are off, because it cannot distinguish a FAIL verdict, which a retry would repeat, from a
    run that could not read its sources. `runbook schedule once` retries.

    Args:
        target: Project, image, archive and account of the job.
        name: The job's name; see `job_name`.
        arguments: The command line after ``runbook``.
        timeout_seconds: Time limit of each task, in seconds.
        tasks: Number of containers that share the work in parallel.

    Raises:
        UserError: Cloud Run would refuse the job.
    """
    from google.cloud import run_v2

    if timeout_seconds > LONGEST_TASK_SECONDS:
        raise UserError(f"{name} has a timeout of {timeout_seconds:,.0f} s; Cloud Run stops every task after a week")
    for label, value in labels.items():
        _check(_LABEL, value, f"label {label}", "at most 63 lower-case letters, digits, hyphens and underscores")
    container = run_v2.Container(
        image=target.image,
        args=list(arguments),
        env=_environment_variables(target),
        resources=run_v2.ResourceRequirements(limits=_RESOURCES),
    )
    task = run_v2.TaskTemplate(
        containers=[container],
        max_retries=0,
        timeout=timedelta(seconds=timeout_seconds),
        service_account=target.service_account,
    )
    execution = run_v2.ExecutionTemplate(labels=labels, task_count=tasks, parallelism=tasks, template=task)
    return run_v2.Job(name=f"{target.parent}/jobs/{name}", labels=labels, template=execution)


def trigger(target: Target, name: str, *, cron: str, timezone: str, description: str) -> scheduler_v1.Job:
    """Return the Cloud Scheduler job that starts the Cloud Run job of this name.

    Cloud Scheduler repeats calls without a response; a job that is started twice finds its firing claimed.

    Args:
        target: Project and account of the job.
        name: The job's name; see `job_name`.
        cron: The cron expression.
        timezone: Time zone of `cron`.
        description: Description for people.

    Raises:
        UserError: Cloud Scheduler does not understand the expression.
    """
    from google.cloud import scheduler_v1

    return scheduler_v1.Job(
        name=f"{target.parent}/jobs/{name}",
        description=description[:500],
        schedule=common_cron(cron),
        time_zone=timezone,
        attempt_deadline=timedelta(seconds=60),
        retry_config=scheduler_v1.RetryConfig(
            retry_count=3, min_backoff_duration=timedelta(seconds=10), max_backoff_duration=timedelta(seconds=60)
        ),
        http_target=scheduler_v1.HttpTarget(
            uri=f"https://run.googleapis.com/v2/{target.parent}/jobs/{name}:run",
            http_method=scheduler_v1.HttpMethod.POST,
            oauth_token=scheduler_v1.OAuthToken(service_account_email=target.service_account, scope=_SCOPE),
        ),
    )


def _environment_variables(target: Target) -> list[run_v2.EnvVar]:
    from google.cloud import run_v2

    # Each secret has the name of the variable that contains a notification's address.
    secrets = dict.fromkeys(channel.variable for channel in target.environment.notifications.channels)
    variables = [run_v2.EnvVar(name="RUNBOOK_OUTPUTS", value=target.outputs)]
    for name in secrets:
        secret = run_v2.SecretKeySelector(secret=name, version="latest")
        variables.append(run_v2.EnvVar(name=name, value_source=run_v2.EnvVarSource(secret_key_ref=secret)))
    return variables


def _check(pattern: re.Pattern[str], text: str, what: str, expected: str) -> None:
    if not pattern.fullmatch(text):
        raise UserError(f"{what} is {text!r:.100}; Cloud Run needs {expected}")
