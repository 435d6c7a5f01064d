"""`runbook run NAME --over`: one run per date, reported together, and stopped cleanly."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.archive.archive import Archive, Run
from lib.archive.record import RunStatus
from lib.errors import UserError
from lib.places import ROOT
from lib.runbooks.backfill import Backfill, DateRun, DateSeries
from lib.runbooks.catalogue import find_runbook
from lib.words.old_names import current_names

Shell = Callable[..., "subprocess.CompletedProcess[str]"]
WAIT_SECONDS = 60
QUALITY = find_runbook("daily_quality")


def archived(tmp_path: Path) -> list[Run]:
    runs = [run for run in Archive(tmp_path / "outputs").runs() if isinstance(run, Run)]
    return sorted(runs, key=lambda run: str(current_names(run.record.parameters)["date"]))


def test_each_date_is_a_run_and_the_worst_decides(shell: Shell, tmp_path: Path) -> None:
    result = shell(
        "run", "daily_quality", "--over", "date=2026-01-17..2026-01-18", "-p", "days=7", "--jobs", 2, "--json"
    )  # fmt: skip
    assert result.returncode == 3, result.stderr  # an empty table: nothing to check
    answer = json.loads(result.stdout.splitlines()[-1])
    runs = archived(tmp_path)
    assert [run.record.parameters["date"] for run in runs] == ["2026-01-17", "2026-01-18"]
    assert [run.record.parameters["days"] for run in runs] == [7, 7]
    assert [run["run_id"] for run in answer["runs"]] == [run.record.run_id for run in runs]
    assert [run["verdict"] for run in answer["runs"]] == ["UNKNOWN", "UNKNOWN"]
    assert answer["not_run"] == []
    assert "[2/2] UNKNOWN 2026-01-1" in result.stderr


def test_a_task_of_a_job_does_its_share(shell: Shell, tmp_path: Path) -> None:
    task = {"CLOUD_RUN_TASK_INDEX": "1", "CLOUD_RUN_TASK_COUNT": "3"}
    over = ("run", "daily_quality", "--over", "date=2026-01-16..2026-01-18", "--cloud-run-task")
    result = shell(*over, environ=task)
    assert result.returncode == 3, result.stderr
    assert [run.record.parameters["date"] for run in archived(tmp_path)] == ["2026-01-17"]
    assert result.stdout.startswith("UNKNOWN  2026-01-17  ")

    assert "not a task of a Cloud Run job" in shell(*over).stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_after_a_stop_signal_it_starts_no_other_date(number: signal.Signals, tmp_path: Path) -> None:
    dates = [f"2026-01-{day}" for day in range(10, 20)]
    backfill = subprocess.Popen(
        [sys.executable, "-m", "lib.cli", "run", "daily_quality", "--over", f"date={','.join(dates)}"],
        env={**os.environ, "RUNBOOK_HOME": str(tmp_path / "home"), "RUNBOOK_OUTPUTS": str(tmp_path / "outputs")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with backfill:
        assert backfill.stderr is not None
        assert backfill.stderr.readline().startswith("[1/10] UNKNOWN 2026-01-10")
        backfill.send_signal(number)
        output, _ = backfill.communicate()

    assert backfill.returncode == 3
    begun = [run.record.parameters["date"] for run in archived(tmp_path)]
    assert begun == dates[: len(begun)]
    assert 1 <= len(begun) < len(dates)
    assert f"Not run: {', '.join(dates[len(begun) :])}" in output
    assert not {run.record.status for run in archived(tmp_path)} & {RunStatus.RUNNING, RunStatus.ABANDONED}


@contextmanager
def backfill_in_a_run(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """Start a backfill of two dates; yield it and its processes once the first run's cell signals."""
    os.mkfifo(tmp_path / "ready")
    ready = os.open(tmp_path / "ready", os.O_RDONLY | os.O_NONBLOCK)
    over = ("--over", "date=2026-01-17,2026-01-18", "-p", f"folder={tmp_path}", "--json")
    place = {
        "RUNBOOK_HOME": str(tmp_path / "home"),
        "RUNBOOK_OUTPUTS": str(tmp_path / "outputs"),
        "RUNBOOK_NOTEBOOKS": str(ROOT / "tests" / "schedule" / "notebooks"),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "lib.cli", "run", "holds_once", *over],
        env={**os.environ, **place},
        stdout=subprocess.PIPE,
        text=True,
    ) as backfill:
        try:
            readable, _, _ = select.select([ready], [], [], WAIT_SECONDS)
            assert readable
            yield backfill, psutil.Process(backfill.pid).children(recursive=True)
        finally:
            os.close(ready)
            backfill.kill()


def test_its_runs_stop_when_it_is_killed(tmp_path: Path) -> None:
    with backfill_in_a_run(tmp_path) as (backfill, family):
        backfill.kill()
        _, alive = psutil.wait_procs(family, timeout=WAIT_SECONDS)
        for process in alive:
            process.kill()
    assert alive == []
    [run] = archived(tmp_path)
    assert run.record.status is RunStatus.INTERRUPTED


def test_a_killed_run_is_reported_and_does_not_stop_others(tmp_path: Path) -> None:
    with backfill_in_a_run(tmp_path) as (backfill, family):
        family[0].kill()
        output, _ = backfill.communicate(timeout=WAIT_SECONDS)
    killed, healthy = json.loads(output.splitlines()[-1])["runs"]
    assert [run.record.status for run in archived(tmp_path)] == [RunStatus.ABANDONED, RunStatus.COMPLETED]
    assert [killed["run_id"], healthy["run_id"]] == [run.run_id for run in archived(tmp_path)]
    assert (backfill.returncode, killed["exit_code"], killed["verdict"], healthy["verdict"]) == (
        3,
        3,
        "UNKNOWN",
        "PASS",
    )
    assert killed["headline"].startswith("Killed or lost")
    assert killed["report"] == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--over", "date=2026-01-18..2026-01-17"), "ends before it starts"),
        (("--over", "date=2023-01-01..2026-01-01"), "1,097 dates; at most 1,000"),
        (("--over", "date=2026-01-17,2026-01-17"), "contains a date twice"),
        (("--over", "date=20260117"), "not a date"),
        (("--over", "date=today..2026-01-17"), "not a date"),
        (("--over", "date=0999-01-01"), "is not a date"),
        (("--over", "days=2026-01-17"), "has no date parameter 'days'; it has date"),
        (("--over", "date"), "must have the form PARAMETER=FIRST..LAST"),
        (("--over", "date=2026-01-17", "-p", "date=2026-01-18"), "given twice"),
        (("--over", "date=2026-01-17", "-p", "units=many"), "not a whole number"),
        (("--over", "date=2026-01-17", "--env", "nowhere"), "no environment 'nowhere'"),
        (("--over", "date=2026-01-17", "--jobs", "0"), "not in the range"),
        (("--jobs", "2"), "need --over"),
    ],
)
def test_bad_input_is_one_line_and_nothing_runs(
    words: tuple[str, ...], expected: str, shell: Shell, tmp_path: Path
) -> None:
    result = shell("run", "daily_quality", *words)
    assert result.returncode == 2
    assert expected in result.stderr.splitlines()[-1]
    assert archived(tmp_path) == []


def test_an_approval_is_for_one_date(shell: Shell, tmp_path: Path) -> None:
    result = shell("run", "duplicate_diagnosis", "--over", "date=2026-01-17", "-p", "plan=abc", "-p", "reason=why")
    assert (result.returncode, archived(tmp_path)) == (2, [])
    assert "approves one plan" in result.stderr


@given(
    first=st.dates(date(1990, 1, 1), date(2100, 1, 1)),
    length=st.integers(1, 40),
    tasks=st.integers(1, 50),
)
def test_tasks_together_run_each_date_once(first: date, length: int, tasks: int) -> None:
    series = DateSeries.parse(f"date={first}..{first + timedelta(length - 1)}", QUALITY)
    assert len(series.dates) == length
    shares = [day for index in range(tasks) for day in series.share(index, tasks).dates]
    assert sorted(shares) == list(series.dates)
    with pytest.raises(UserError, match="numbered from 0"):
        series.share(tasks, tasks)


@pytest.mark.parametrize(
    ("codes", "left", "worst"),
    [([0, 0], 0, 0), ([0, 2], 0, 2), ([2, 3], 0, 3), ([3, 1, 0], 0, 1), ([0, -9], 0, 3), ([0], 1, 3), ([1], 1, 1)],
)
def test_the_worst_date_decides_the_exit_code(codes: list[int], left: int, worst: int) -> None:
    day = date(2026, 1, 17)
    runs = tuple(DateRun(day, code, "", "") for code in codes)
    assert Backfill(runs, (day,) * left).exit_code == worst
