"""The DAGs that are made for Airflow, run by a real one (`make airflow`) in an environment of its own."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lib.archive.archive import Archive, Run
from lib.archive.record import Origin
from lib.cli import cli
from lib.deploy.airflow import dag_file
from lib.deploy.entries import entries_of
from lib.errors import UserError
from lib.places import ROOT
from lib.schedule.settings import Schedule
from tests.deploy.conftest import ScheduleOf

AIRFLOW = ROOT / ".venv-airflow" / "bin" / "airflow"
RUNBOOK = Path(sys.executable).with_name("runbook")
PLANNED_AT = datetime(2026, 1, 18, 14, tzinfo=UTC)
HOSTILE = "{{ 7 * 7 }} {% raw %} '\"\\ $(touch stolen) `touch stolen` {{entries}}"


@pytest.fixture(scope="module")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Airflow with an empty database. Skips when it is not installed; in CI, where it is, that is a failure."""
    if not AIRFLOW.exists():
        missing = "there is no Airflow: make airflow"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    home = tmp_path_factory.mktemp("airflow")
    airflow(home, "db", "migrate", check=True)
    return home


def airflow(home: Path, *words: str, check: bool = False, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(AIRFLOW), *words],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            **environ,
        },
        capture_output=True,
        text=True,
        check=check,
    )


def run_dag(home: Path, tmp_path: Path, schedule: Schedule) -> int:
    """Let Airflow run the one entry's DAG to its end, retries included; its exit code."""
    (home / "dags").mkdir(exist_ok=True)
    (home / "dags" / "runbooks.py").write_text(dag_file(entries_of(schedule, "local"), str(RUNBOOK)), encoding="utf-8")
    [name] = schedule.entries
    state = {"RUNBOOK_HOME": str(tmp_path / "state"), "RUNBOOK_OUTPUTS": str(tmp_path / "outputs")}
    return airflow(home, "dags", "test", f"runbook_{name}", PLANNED_AT.isoformat(), **state).returncode


def archived(tmp_path: Path) -> list[Run]:
    return [run for run in Archive(tmp_path / "outputs").runs() if isinstance(run, Run)]


def test_a_dag_runs_its_runbook_to_the_archive(airflow_home: Path, tmp_path: Path, schedule_of: ScheduleOf) -> None:
    entry = {"runbook": "stuck_lock_release", "cron": "0 9 * * *"}
    assert run_dag(airflow_home, tmp_path, schedule_of("local", {"locks": entry})) == 0
    [run] = archived(tmp_path)
    assert (run.record.runbook, run.record.verdict) == ("stuck_lock_release", "PASS")
    assert run.record.origin == Origin(schedule="locks", planned_at=PLANNED_AT)


def test_a_run_that_could_not_look_is_tried_again(airflow_home: Path, tmp_path: Path, schedule_of: ScheduleOf) -> None:
    entry = {"runbook": "daily_quality", "cron": "0 * * * *", "retries": 1, "retry_delay_seconds": 0}
    assert run_dag(airflow_home, tmp_path, schedule_of("local", {"quality": entry})) == 1
    assert [run.exit_code for run in archived(tmp_path)] == [3, 3]


def test_what_another_attempt_would_not_change_is_not_tried_again(
    airflow_home: Path, tmp_path: Path, schedule_of: ScheduleOf
) -> None:
    """And no shell or template has read a parameter's text."""
    entry = {"runbook": "day1_monitoring", "cron": "0 * * * *", "retries": 3, "parameters": {"batch": HOSTILE}}
    assert run_dag(airflow_home, tmp_path, schedule_of("local", {"hostile": entry})) == 1
    [run] = archived(tmp_path)
    assert (run.exit_code, run.record.parameters["batch"]) == (2, HOSTILE)


def literal(text: str, name: str) -> Any:
    """The value of a constant of the file."""
    for node in ast.parse(text).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == name:
            return ast.literal_eval(node.value)  # type: ignore[attr-defined]
    raise AssertionError(name)


def test_the_file_says_when_and_for_how_long(schedule_of: ScheduleOf, tmp_path: Path) -> None:
    schedule_of(
        "local",
        {
            "day1": {"runbook": "day1_monitoring", "cron": "0 * * * *", "days_since_deploy": "0-1", "retries": 2},
            "quality": {"runbook": "daily_quality", "cron": "30 9 * * 1-5", "parameters": {"days": 14}},
            "elsewhere": {"runbook": "daily_quality", "cron": "0 9 * * *", "environment": "production"},
        },
        timezone="America/New_York",
        deployed_at="2026-01-17T14:00:00-05:00",
    )
    file = tmp_path / "dags.py"
    result = CliRunner().invoke(cli, ["deploy", "airflow", "--output", str(file)])
    assert result.exit_code == 0, result.output
    day1, quality = literal(file.read_text(encoding="utf-8"), "ENTRIES")
    assert (day1["cron"], day1["timezone"], day1["retries"]) == ("0 * * * *", "America/New_York", 2)
    assert day1["from"] == "2026-01-17T05:00:00+00:00"
    assert day1["until"] == "2026-01-19T04:59:59.999999+00:00"
    assert (quality["dag_id"], quality["from"], quality["until"]) == ("runbook_quality", None, None)
    assert quality["arguments"][:2] == ["run", "daily_quality"]
    assert quality["arguments"][-2:] == ["-p", "days=14"]


@pytest.mark.parametrize(
    ("entry", "environment", "told"),
    [
        ({"cron": "0 9 * * 5#2"}, "local", "plain form"),
        ({"cron": "0 9 L * *"}, "local", "plain form"),
        ({"cron": "0 9 * * 1/2"}, "local", "plain form"),
        ({"cron": "0 9 */2 * 1"}, "local", "for some engines both have to fit"),
        ({"cron": "0 9 1 * */2"}, "local", "for some engines both have to fit"),
        ({"cron": "0 9 * * *"}, "production", "no entry of production, only of local"),
        ({"cron": "0 9 * * *", "days_since_deploy": "2-7"}, "local", "need deployed_at"),
    ],
)
def test_what_airflow_would_not_run_is_refused(
    entry: dict[str, Any], environment: str, told: str, schedule_of: ScheduleOf
) -> None:
    schedule = schedule_of("local", {"quality": {"runbook": "daily_quality", **entry}})
    with pytest.raises(UserError, match=told):
        dag_file(entries_of(schedule, environment), "runbook")
