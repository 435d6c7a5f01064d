"""Runs of one runbook exclude each other on either platform, independently of consolidations."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from lib.archive.machine import this_machine
from lib.environment import Environment, load_environment
from lib.locking.errors import LockAcquisitionError
from lib.locking.store import Claim
from lib.platform import connect, run_lock_store
from lib.schedule.attempt import only_run
from tests.environments import NEEDED
from tests.locking.emulator import HOST_VARIABLE, running_emulator


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_emulator(tmp_path_factory.mktemp("emulator") / "log") as host:
        yield host


@pytest.fixture(params=["embedded", "google"])
def environment(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path))
    if request.param == "google":
        monkeypatch.setenv(HOST_VARIABLE, request.getfixturevalue("emulator"))
    monkeypatch.setenv("RUNBOOK_ENVIRONMENTS", str(tmp_path))
    (tmp_path / "tried.yaml").write_text(
        NEEDED.replace("embedded", request.param).replace("project_id: x", f"project_id: project-{uuid4().hex[:8]}")
    )
    return load_environment("tried")


def test_one_run_at_a_time(environment: Environment) -> None:
    with ExitStack() as others:
        with only_run("daily_quality", environment, "the first"):
            with pytest.raises(LockAcquisitionError) as held, only_run("daily_quality", environment, "the second"):
                pass
            assert held.value.held_by == f"batch the first on {this_machine()}:{os.getpid()}"
            others.enter_context(only_run("day1_monitoring", environment, "another runbook"))
        others.enter_context(only_run("daily_quality", environment, "the next"))
    assert run_lock_store(environment).read_all() == []


def test_a_dead_holder_on_this_machine_is_not_waited_for(environment: Environment) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    host = f"{this_machine()}:{int(dead.stdout)}"
    store = run_lock_store(environment)
    assert store.create(Claim("runbook_tried_daily_quality", uuid4().hex, "killed", 86_400, host))
    with only_run("daily_quality", environment, "the next") as lease:
        assert not lease.is_lost


def test_consolidations_do_not_see_it(environment: Environment) -> None:
    with only_run("daily_quality", environment, "a run"):
        assert connect(environment.name).locks.locks() == []
