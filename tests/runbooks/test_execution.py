"""Every way a run can end: archived, judged honestly, and no process left behind."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from lib.archive.archive import Archive, Run
from lib.archive.record import RunStatus
from lib.errors import UserError
from lib.places import ROOT
from lib.runbooks import frame
from lib.runbooks.catalogue import find_runbook
from lib.runbooks.execution import execute
from lib.runbooks.stop import Limits
from lib.site.build import build_site
from lib.verdict.change import Change
from lib.verdict.head import CELL
from lib.verdict.verdict import Verdict

NOTEBOOKS = Path(__file__).parent / "notebooks"
WAIT_SECONDS = 60
GROUP_HEADLINE = (
    "ExceptionGroup in step-group: unhandled errors in a TaskGroup (2 sub-exceptions); "
    "ValueError: quota exceeded; OSError: no route to host"
)
DRIVER = """
import sys
from pathlib import Path
from lib.archive.archive import Archive
from lib.runbooks import frame
from lib.runbooks.catalogue import find_runbook
from lib.runbooks.execution import execute
from lib.runbooks.stop import Limits
from lib.site.build import build_site

name, notebooks, outputs, folder = sys.argv[1:]
values = {"folder": folder} if folder else {}
runbook, archive = find_runbook(name, Path(notebooks)), Archive(outputs)
run = execute(runbook, values, archive=archive, limits=Limits(grace_seconds=5), on_change=build_site)
sys.exit(run.exit_code)
"""


def with_head(name: str, folder: Path) -> Path:
    """Return the folder of the notebook, with a head cell below its title."""
    notebook = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())
    of_frame = frame.notebook("any", "Any?")["cells"]
    notebook["cells"].insert(1, next(cell for cell in of_frame if cell["id"] == CELL))
    folder.mkdir()
    (folder / f"{name}.ipynb").write_text(json.dumps(notebook))
    return folder


def run_here(name: str, tmp_path: Path, limits: Limits | None = None, **parameters: object) -> Run:
    archive = Archive(tmp_path / "outputs")
    return execute(find_runbook(name, NOTEBOOKS), parameters, archive=archive, limits=limits, on_change=build_site)


def start_elsewhere(name: str, tmp_path: Path, folder: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, name, str(NOTEBOOKS), str(tmp_path / "outputs"), folder],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_and_await_cell(name: str, tmp_path: Path) -> subprocess.Popen[str]:
    """Start a run of a notebook that signals through a named pipe that its cell runs."""
    os.mkfifo(tmp_path / "ready")
    pipe = os.open(tmp_path / "ready", os.O_RDONLY | os.O_NONBLOCK)
    runner = start_elsewhere(name, tmp_path, str(tmp_path))
    readable, _, _ = select.select([pipe], [], [], WAIT_SECONDS)
    os.close(pipe)
    assert readable
    return runner


def only_run(tmp_path: Path) -> Run:
    [run] = Archive(tmp_path / "outputs").runs()
    assert isinstance(run, Run)
    return run


def living(tmp_path: Path) -> list[int]:
    """Return the kernel and its child if they are alive."""
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize(
    ("name", "status", "verdict", "exit_code", "headline"),
    [
        ("healthy", RunStatus.COMPLETED, Verdict.PASS, 0, "Echo: local"),
        ("warns", RunStatus.COMPLETED, Verdict.WARN, 0, "Backlog: 3 tables"),
        ("broken_rule", RunStatus.COMPLETED, Verdict.FAIL, 1, "Duplicates: 5 keys of 587"),
        ("could_not_look", RunStatus.COMPLETED, Verdict.UNKNOWN, 3, "Logs: nothing logged"),
        ("empty_verdict", RunStatus.COMPLETED, Verdict.UNKNOWN, 3, "No checks were made"),
        ("no_verdict", RunStatus.NO_VERDICT, Verdict.UNKNOWN, 3, "Ended without a verdict"),
        ("cell_error", RunStatus.FAILED, Verdict.UNKNOWN, 3, "ValueError in step-broken: no such table"),
        ("refuses", RunStatus.FAILED, Verdict.UNKNOWN, 2, "names no lock"),
        ("fails_in_group", RunStatus.FAILED, Verdict.UNKNOWN, 3, GROUP_HEADLINE),
        ("half_a_pair", RunStatus.FAILED, Verdict.UNKNOWN, 3, "ValueError in step-pair: half a pair: ?"),
        ("early_exit", RunStatus.FAILED, Verdict.UNKNOWN, 3, "Ended early by SystemExit in step-exit"),
        ("dies", RunStatus.KERNEL_DIED, Verdict.UNKNOWN, 3, "The kernel died"),
        ("dies_publishing", RunStatus.KERNEL_DIED, Verdict.UNKNOWN, 3, "The kernel died"),
        ("loses_output", RunStatus.COMPLETED, Verdict.UNKNOWN, 3, "Output of the cells: 1 message from the kernel"),
        ("loses_output_of_failure", RunStatus.COMPLETED, Verdict.FAIL, 1, "Echo: fine"),
    ],
)
def test_run_is_judged_and_archived(
    tmp_path: Path, name: str, status: RunStatus, verdict: Verdict, exit_code: int, headline: str
) -> None:
    archive = Archive(tmp_path / "outputs")
    runbook = find_runbook(name, with_head(name, tmp_path / "notebooks"))
    run = execute(runbook, archive=archive, on_change=build_site)
    assert (run.record.status, run.record.verdict, run.exit_code) == (status, verdict, exit_code)
    assert run.record.headline.startswith(headline)
    cells = json.loads(archive.store.read(run.notebook))["cells"]
    (head,) = (cell["outputs"][0]["data"]["text/plain"] for cell in cells if cell["id"] == CELL)
    stopped = [] if status is RunStatus.COMPLETED else [f"The run did not complete: {status.words}"]
    assert "".join(head).splitlines() == [*stopped, f"{run.record.verdict}: {run.record.headline}"]
    assert "verdict_so_far" not in (tmp_path / "outputs" / run.report).read_text(encoding="utf-8")
    assert only_run(tmp_path) == run
    assert {path.name for path in (tmp_path / "outputs" / run.place).iterdir()} == {
        "run.json",
        "notebook.ipynb",
        "report.html",
    }
    assert str(verdict) in (tmp_path / "outputs" / run.report).read_text(encoding="utf-8")
    assert f"local/{name}/{run.record.run_id}/report.html" in (tmp_path / "outputs/index.html").read_text()


def test_every_line_that_a_cell_prints_is_archived(tmp_path: Path) -> None:
    run = run_here("logs_a_lot", tmp_path)
    cells = json.loads((tmp_path / "outputs" / run.notebook).read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ()) if output["output_type"] == "stream"]
    lines = "".join(part for output in outputs for part in output["text"]).split("\n")
    for name, count in (("merged", 3000), ("thread", 200)):
        assert [line for line in lines if name in line] == [f"INFO:{name}:{number}" for number in range(count)]
    assert run.record.verdict is Verdict.PASS


def test_parameters_reach_the_notebook_and_the_record(tmp_path: Path) -> None:
    run = run_here("healthy", tmp_path, game_date="2026-01-17", limit="7", players="a,b")
    assert run.record.checks[0].summary == "local '2026-01-17' 7 preview True ['a', 'b']"
    assert run.record.parameters == {
        "environment": "local",
        "game_date": "2026-01-17",
        "limit": 7,
        "mode": "preview",
        "dry": True,
        "players": ["a", "b"],
    }
    assert run.record.given == ("game_date", "limit", "players")


def test_error_shows_where_and_why(tmp_path: Path) -> None:
    record = run_here("cell_error", tmp_path).record
    assert record.error
    assert (record.error.cell, record.error.name) == ("step-broken", "ValueError")
    assert record.checks == ()  # conclusions displayed before the error do not count
    assert record.changed == (Change(action="repair", target="2026-01-17", what="3 rows removed"),)


@pytest.mark.parametrize(
    ("parameters", "environment", "message"),
    [
        ({"limt": "1"}, "local", "did you mean limit"),
        ({"limit": "many"}, "local", "whole number"),
        ({"environment": "local"}, "local", "--env"),
        ({}, "../local", "no environment"),
    ],
)
def test_bad_input_starts_nothing_and_leaves_nothing(
    tmp_path: Path, parameters: dict[str, object], environment: str, message: str
) -> None:
    archive = Archive(tmp_path / "outputs")
    with pytest.raises(UserError, match=message):
        execute(find_runbook("healthy", NOTEBOOKS), parameters, environment=environment, archive=archive)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_the_run_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    runner = start_and_await_cell("holds_lock", tmp_path)
    assert (tmp_path / "lock").exists()
    runner.send_signal(number)
    output = runner.communicate(timeout=WAIT_SECONDS)
    run = only_run(tmp_path)
    assert not (tmp_path / "lock").exists()
    assert living(tmp_path) == []
    assert (runner.returncode, run.record.status) == (3, RunStatus.INTERRUPTED)
    assert run.record.error
    assert run.record.error.cell == "step-hold"
    assert (tmp_path / "outputs" / run.notebook).exists()
    assert output == ("", "")


def is_kernel(process: psutil.Process) -> bool:
    try:
        return "lib.runbooks.kernel_process" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def test_kernel_killed_during_its_start_is_reported(tmp_path: Path) -> None:
    runner = start_elsewhere("healthy", tmp_path)
    kernels: list[psutil.Process] = []
    while not kernels and runner.poll() is None:
        kernels = [child for child in psutil.Process(runner.pid).children() if is_kernel(child)]
    kernels[0].kill()
    _, complaint = runner.communicate(timeout=WAIT_SECONDS)
    assert "Traceback" not in complaint
    assert (runner.returncode, only_run(tmp_path).record.status) == (3, RunStatus.KERNEL_DIED)


def test_kernel_that_ignores_interrupts_is_killed(tmp_path: Path) -> None:
    runner = start_and_await_cell("stubborn", tmp_path)
    runner.terminate()
    runner.communicate(timeout=WAIT_SECONDS)
    assert living(tmp_path) == []
    assert (runner.returncode, only_run(tmp_path).record.status) == (3, RunStatus.INTERRUPTED)


def test_killed_runner_is_shown_as_abandoned(tmp_path: Path) -> None:
    runner = start_and_await_cell("holds_lock", tmp_path)
    kernel, child = (psutil.Process(pid) for pid in living(tmp_path))
    assert only_run(tmp_path).record.status is RunStatus.RUNNING
    runner.kill()
    runner.communicate(timeout=WAIT_SECONDS)
    assert only_run(tmp_path).record.status is RunStatus.ABANDONED
    kernel.wait(timeout=WAIT_SECONDS)
    child.kill()


def test_cell_over_its_time_limit_is_interrupted(tmp_path: Path) -> None:
    run = run_here("holds_lock", tmp_path, Limits(cell_seconds=3), folder=str(tmp_path))
    assert not (tmp_path / "lock").exists()
    assert living(tmp_path) == []
    assert (run.record.status, run.exit_code) == (RunStatus.TIMED_OUT, 3)
    assert json.loads((tmp_path / "outputs" / run.notebook).read_text())["cells"][-1]["outputs"] == []


def test_run_over_its_time_limit_starts_no_further_cell(tmp_path: Path) -> None:
    run = run_here("healthy", tmp_path, Limits(run_seconds=0))
    assert (run.record.status, run.record.verdict) == (RunStatus.TIMED_OUT, Verdict.UNKNOWN)


def test_two_runs_at_once_are_quiet_and_both_in_the_index(tmp_path: Path) -> None:
    runners = [start_elsewhere("healthy", tmp_path) for _ in range(2)]
    assert [runner.communicate(timeout=WAIT_SECONDS) for runner in runners] == [("", "")] * 2
    assert [runner.returncode for runner in runners] == [0, 0]
    index = (tmp_path / "outputs/index.html").read_text()
    runs = Archive(tmp_path / "outputs").runs()
    assert len(runs) == 2
    assert all(f"{run.run_id}/report.html" in index for run in runs)
