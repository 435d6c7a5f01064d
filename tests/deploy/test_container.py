"""The container's files and command line, as far as they can be tested without a container engine."""

from __future__ import annotations

import fnmatch
import json
import os
import select
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from lib.archive.archive import Archive, Run
from lib.archive.record import RunStatus
from lib.deploy.cloud_run import Target
from lib.deploy.cloud_run_jobs import scheduled
from lib.environment import load_environment
from lib.places import ROOT
from lib.schedule.settings import Schedule
from tests.deploy.conftest import ScheduleOf

# Cloud Run's ten seconds, with a margin for a busy machine; less than a run's usual grace period.
KILLED_AFTER_SECONDS = 30


def instructions() -> list[tuple[str, str]]:
    """Return keyword and argument of each instruction in the Dockerfile, in order."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines if line and not line.startswith("#")]


def only(keyword: str) -> str:
    [argument] = [argument for name, argument in instructions() if name == keyword]
    return argument


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create the image's folder from the COPY instructions in the Dockerfile."""
    app = tmp_path_factory.mktemp("image") / "app"
    app.mkdir()
    for keyword, argument in instructions():
        if keyword == "COPY":
            *sources, target = shlex.split(argument)
            for source in sources:
                place = app / target / source if target == "./" else app / target
                if (ROOT / source).is_dir():
                    shutil.copytree(ROOT / source, place, dirs_exist_ok=True)
                else:
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(ROOT / source, place)
    return app


def started_in_image(app: Path, tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the image's command, `runbook`, from the copy, without using the checkout."""
    assert json.loads(only("ENTRYPOINT")) == ["runbook"]
    place = {name: str(tmp_path / name) for name in ("RUNBOOK_HOME", "RUNBOOK_OUTPUTS")}
    return subprocess.Popen(
        [sys.executable, "-P", "-c", "from lib.cli import main; main()", *arguments],
        cwd=tmp_path,
        env={**os.environ, **place, "PYTHONPATH": str(app)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def in_image(app: Path, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the image's command to its end."""
    with started_in_image(app, tmp_path, *arguments) as process:
        output, errors = process.communicate()
    return subprocess.CompletedProcess(arguments, process.returncode, output, errors)


def job_arguments(schedule: Schedule) -> list[str]:
    """Return the arguments of the Cloud Run job of the only schedule entry."""
    target = Target(load_environment("production"), "runbooks:1", "gs://archive", "a@b.iam.gserviceaccount.com")
    [deployment] = scheduled(target, list(schedule.entries.values()))
    [container] = deployment.job.template.template.containers
    return list(container.args)


def test_the_image_has_all_that_a_run_needs(app: Path, tmp_path: Path) -> None:
    result = in_image(app, tmp_path, "run", "stuck_lock_release", "--json")
    assert result.returncode == 0, result.stderr
    run = json.loads(result.stdout.splitlines()[-1])
    assert (run["status"], run["verdict"]) == ("completed", "PASS")
    notebook = json.loads(Path(run["notebook"]).read_text(encoding="utf-8"))
    assert notebook["metadata"]["papermill"]["input_path"].startswith(str(app))


def test_a_cloud_run_job_runs_what_is_due(app: Path, tmp_path: Path, schedule_of: ScheduleOf) -> None:
    entries = {"locks": {"runbook": "stuck_lock_release", "cron": "* * * * *"}}
    arguments = job_arguments(schedule_of("production", entries))
    schedule_of("local", entries)  # Google Cloud is not available here
    result = in_image(app, tmp_path, *arguments)
    assert result.returncode == 0, result.stderr
    [run] = Archive(tmp_path / "RUNBOOK_OUTPUTS").runs()
    assert isinstance(run, Run)
    assert (run.record.origin.schedule, run.record.verdict) == ("locks", "PASS")
    command, *health = json.loads(only("HEALTHCHECK").partition("CMD ")[2])
    assert (command, in_image(app, tmp_path, *health).returncode) == ("runbook", 0)


def test_a_stopped_job_archives_its_run_before_it_is_killed(
    app: Path, tmp_path: Path, schedule_of: ScheduleOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cloud Run kills everything in the container ten seconds after SIGTERM."""
    monkeypatch.setenv("RUNBOOK_NOTEBOOKS", str(ROOT / "tests" / "schedule" / "notebooks"))
    os.mkfifo(tmp_path / "ready")
    ready = os.open(tmp_path / "ready", os.O_RDONLY | os.O_NONBLOCK)
    entries = {"watch": {"runbook": "holds_once", "cron": "* * * * *", "parameters": {"folder": str(tmp_path)}}}
    arguments = job_arguments(schedule_of("production", entries))
    schedule_of("local", entries)
    with started_in_image(app, tmp_path, *arguments) as job:
        readable, _, _ = select.select([ready], [], [], 60)
        os.close(ready)
        family = [psutil.Process(job.pid), *psutil.Process(job.pid).children(recursive=True)]
        job.terminate()
        _, alive = psutil.wait_procs(family, timeout=KILLED_AFTER_SECONDS)
        for process in alive:
            process.kill()
    assert readable
    [run] = Archive(tmp_path / "RUNBOOK_OUTPUTS").runs()
    assert isinstance(run, Run)
    assert (run.record.status, alive) == (RunStatus.INTERRUPTED, [])


def test_it_stops_cleanly_and_does_not_run_as_root() -> None:
    # In shell form, a shell would be process 1 and would not pass on SIGTERM.
    assert only("STOPSIGNAL") == "SIGTERM"
    assert only("USER") not in ("root", "0")
    names = [keyword for keyword, _ in instructions()]
    assert names.index("USER") > max(index for index, name in enumerate(names) if name == "RUN")


def test_the_build_context_has_only_what_is_copied() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copied = {
        source.split("/")[0]
        for keyword, argument in instructions()
        if keyword == "COPY"
        for source in shlex.split(argument)[:-1]
    }
    assert allowed == copied
    assert not any(fnmatch.fnmatch(secret, rule) for rule in allowed for secret in (".env", ".git", ".runbook"))
