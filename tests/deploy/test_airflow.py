"""The generated Airflow DAGs, run by a real Airflow (`make airflow`) in its own environment."""

from __future__ import annotations

import ast
import json
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
from tests.deploy.conftest import ScheduleOf

AIRFLOW = ROOT / ".venv-airflow" / "bin" / "python"
RUNBOOK = Path(sys.executable).with_name("runbook")
PLANNED_AT = datetime(2026, 1, 18, 14, tzinfo=UTC)
# Like `airflow dags test`, with all DAGs in one process: Airflow takes longer to start than to run them.
_TEST_EACH = """
import json, sys
from airflow.__main__ import main

planned_at, *dags = sys.argv[1:]
codes = {}
for dag in dags:
    sys.argv = ["airflow", "dags", "test", dag, planned_at]
    try:
        main()
        codes[dag] = 0
    except SystemExit as end:
        codes[dag] = int(bool(end.code))
print(json.dumps(codes))
"""
HOSTILE = "{{ 7 * 7 }} {% raw %} '\"\\ $(touch stolen) `touch stolen` {{entries}}"


def airflow(home: Path, *words: str) -> str:
    """Run code in Airflow's Python and return its output. Skip if it is not installed; in CI that is a failure."""
    if not AIRFLOW.exists():
        missing = "there is no Airflow: make airflow"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return subprocess.run(
        [str(AIRFLOW), *words],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "RUNBOOK_HOME": str(home / "state"),
            "RUNBOOK_OUTPUTS": str(home / "outputs"),
        },
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


@pytest.mark.long
def test_each_dag_archives_a_run_of_its_runbook(tmp_path: Path, schedule_of: ScheduleOf) -> None:
    """With retries, and without a shell or template interpreting parameters."""
    healthy = {"runbook": "stuck_lock_release", "cron": "0 9 * * *"}
    blind = {"runbook": "daily_quality", "cron": "0 * * * *", "retries": 1, "retry_delay_seconds": 0}
    bad = {"runbook": "day1_monitoring", "cron": "0 * * * *", "retries": 3, "parameters": {"batch": HOSTILE}}
    schedule = schedule_of("local", {"locks": healthy, "quality": blind, "hostile": bad})
    (tmp_path / "dags").mkdir()
    file = dag_file(entries_of(schedule, "local"), str(RUNBOOK))
    (tmp_path / "dags" / "runbooks.py").write_text(file, encoding="utf-8")
    airflow(tmp_path, "-m", "airflow", "db", "migrate")

    dags = [f"runbook_{name}" for name in schedule.entries]
    printed = airflow(tmp_path, "-c", _TEST_EACH, PLANNED_AT.isoformat(), *dags)

    codes = {"runbook_locks": 0, "runbook_quality": 1, "runbook_hostile": 1}
    assert json.loads(printed.splitlines()[-1]) == codes
    runs = {name: archived(tmp_path, entry.runbook) for name, entry in schedule.entries.items()}
    assert [(run.record.verdict, run.record.origin) for run in runs["locks"]] == [
        ("PASS", Origin(schedule="locks", planned_at=PLANNED_AT))
    ]
    assert [run.exit_code for run in runs["quality"]] == [3, 3]  # it could not read its sources, so it was retried
    # A run was not retried if that would not change its result.
    assert [(run.exit_code, run.record.parameters["batch"]) for run in runs["hostile"]] == [(2, HOSTILE)]


def archived(folder: Path, runbook: str) -> list[Run]:
    runs = [run for run in Archive(folder / "outputs").runs() if isinstance(run, Run)]
    return [run for run in runs if run.record.runbook == runbook]


def literal(text: str, name: str) -> Any:
    """Return the value of a constant in the file."""
    for node in ast.parse(text).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == name:
            return ast.literal_eval(node.value)  # type: ignore[attr-defined]
    raise AssertionError(name)


def test_the_file_has_times_and_timeouts(schedule_of: ScheduleOf, tmp_path: Path) -> None:
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
    ("entry", "environment", "expected"),
    [
        ({"cron": "0 9 * * 5#2"}, "local", "without extensions"),
        ({"cron": "0 9 L * *"}, "local", "without extensions"),
        ({"cron": "0 9 * * 1/2"}, "local", "without extensions"),
        ({"cron": "0 9 */2 * 1"}, "local", "in some engines both must match"),
        ({"cron": "0 9 1 * */2"}, "local", "in some engines both must match"),
        ({"cron": "0 9 * * *"}, "production", "no entries for production; it has entries for local"),
        ({"cron": "0 9 * * *", "days_since_deploy": "2-7"}, "local", "needs deployed_at"),
    ],
)
def test_an_entry_that_airflow_cannot_run_is_refused(
    entry: dict[str, Any], environment: str, expected: str, schedule_of: ScheduleOf
) -> None:
    schedule = schedule_of("local", {"quality": {"runbook": "daily_quality", **entry}})
    with pytest.raises(UserError, match=expected):
        dag_file(entries_of(schedule, environment), "runbook")
