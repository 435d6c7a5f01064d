"""What is deployed to Cloud Run as files to look at, and the commands that apply them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.deploy.cloud_run import Target
from lib.errors import UserError

if TYPE_CHECKING:
    from google.cloud import run_v2, scheduler_v1

_RUN = "https://run.googleapis.com/v2"
_SCHEDULER = "https://cloudscheduler.googleapis.com/v1"

_FUNCTIONS = Path(__file__).with_name("cloud_run.sh")


@dataclass(frozen=True)
class Deployment:
    """A Cloud Run job, and what starts it.

    Attributes:
        job: The job.
        trigger: None: it is started by hand.
    """

    job: run_v2.Job
    trigger: scheduler_v1.Job | None = None

    @property
    def name(self) -> str:
        return str(self.job.name).rsplit("/", 1)[-1]


def write_files(deployments: Sequence[Deployment], folder: Path) -> None:
    """Write ``NAME.job.json`` and ``NAME.trigger.json`` of each: the API's own messages.

    Raises:
        UserError: They cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for deployment in deployments:
            _job_file(folder, deployment).write_text(_json(deployment.job), encoding="utf-8")
            if deployment.trigger is not None:
                _trigger_file(folder, deployment).write_text(_json(deployment.trigger), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from error


def commands(deployments: Sequence[Deployment], folder: Path, target: Target) -> Iterator[str]:
    """The lines of a shell script that creates or updates all of them, and starts what has no trigger."""
    yield _FUNCTIONS.read_text(encoding="utf-8")
    for deployment in deployments:
        job = _quoted(f"{_RUN}/{deployment.job.name}?allowMissing=true")
        yield f"apply {job} {_quoted(_job_file(folder, deployment))}"
    place = f"--project {target.environment.project_id} --region {target.environment.region}"
    for deployment in deployments:
        if deployment.trigger is None:
            yield f"gcloud run jobs execute {deployment.name} {place}"
            continue
        yield (
            f"gcloud run jobs add-iam-policy-binding {deployment.name} {place}"
            f" --member serviceAccount:{target.service_account} --role roles/run.invoker"
        )
        file = _quoted(_trigger_file(folder, deployment))
        yield (
            f"call PATCH {_SCHEDULER}/{deployment.trigger.name} {file}"
            f" || call POST {_SCHEDULER}/{target.parent}/jobs {file}"
        )


def _json(message: Any) -> str:
    # Zero retries is not the default: where the field is absent, Cloud Run tries three times.
    text: str = type(message).to_json(
        message,
        use_integers_for_enums=False,
        always_print_fields_with_no_presence=False,
        preserving_proto_field_name=False,
        sort_keys=True,
    )
    return f"{text}\n"


def _job_file(folder: Path, deployment: Deployment) -> Path:
    return folder / f"{deployment.name}.job.json"


def _trigger_file(folder: Path, deployment: Deployment) -> Path:
    return folder / f"{deployment.name}.trigger.json"


def _quoted(text: object) -> str:
    return shlex.quote(str(text))
