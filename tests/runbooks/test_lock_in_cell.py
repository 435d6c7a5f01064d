"""A run that is stopped while a cell holds the consolidation lock."""

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
from lib.embedded.sqlite_locks import SqliteLockStore
from lib.places import ROOT

NOTEBOOKS = Path(__file__).parent / "notebooks"
WAIT_SECONDS = 60
DRIVER = """
import sys
from pathlib import Path
from lib.runbooks.catalogue import find_runbook
from lib.runbooks.execution import execute
from lib.runbooks.stop import Limits

notebooks, folder, run_seconds = sys.argv[1:]
limits = Limits(run_seconds=float(run_seconds), grace_seconds=8)
run = execute(find_runbook("works_under_lock", Path(notebooks)), {"folder": folder}, limits=limits)
sys.exit(run.exit_code)
"""


def start_and_await_query(tmp_path: Path, run_seconds: float = 600) -> subprocess.Popen[bytes]:
    os.mkfifo(tmp_path / "ready")
    pipe = os.open(tmp_path / "ready", os.O_RDONLY | os.O_NONBLOCK)
    environment = {"RUNBOOK_HOME": str(tmp_path / "home"), "RUNBOOK_OUTPUTS": str(tmp_path / "outputs")}
    runner = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(NOTEBOOKS), str(tmp_path), str(run_seconds)],
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    readable, _, _ = select.select([pipe], [], [], WAIT_SECONDS)
    os.close(pipe)
    assert readable
    return runner


def ended(tmp_path: Path, runner: subprocess.Popen[bytes]) -> Run:
    """Return the run, once none of its processes is left."""
    assert runner.wait(timeout=WAIT_SECONDS) == 3
    kernel = int((tmp_path / "pids").read_text())
    assert not psutil.pid_exists(kernel)
    [run] = Archive(tmp_path / "outputs").runs()
    assert isinstance(run, Run)
    return run


def locks(tmp_path: Path) -> list[str]:
    held = SqliteLockStore(tmp_path / "home" / "locks.sqlite").read_all()
    return [seen.record.claim.batch_id for seen in held if seen.record]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_cancels_the_query_and_frees_the_lock(tmp_path: Path, number: signal.Signals) -> None:
    runner = start_and_await_query(tmp_path)
    assert locks(tmp_path) == ["in_a_cell"]
    runner.send_signal(number)
    assert ended(tmp_path, runner).record.status is RunStatus.INTERRUPTED
    assert locks(tmp_path) == []


def test_a_timeout_cancels_the_query_and_frees_the_lock(tmp_path: Path) -> None:
    runner = start_and_await_query(tmp_path, run_seconds=6)
    assert ended(tmp_path, runner).record.status is RunStatus.TIMED_OUT
    assert locks(tmp_path) == []


def test_a_killed_kernel_leaves_a_lock_that_expires(tmp_path: Path) -> None:
    runner = start_and_await_query(tmp_path)
    os.kill(int((tmp_path / "pids").read_text()), signal.SIGKILL)
    assert ended(tmp_path, runner).record.status is RunStatus.KERNEL_DIED
    [seen] = SqliteLockStore(tmp_path / "home" / "locks.sqlite").read_all()
    assert seen.seconds_until_expiry > 0
