"""Run and archive: a run like any other; the form reports its end in a line."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.archive.archive import Archive, Run
from lib.archive.record import RunStatus
from lib.places import ROOT
from tests.warm import warm_kernels
from tests.workbench.form.conftest import WAIT_SECONDS, Desk, wait_for_the_run

HOLDS = 'environment: str = "local"\nfolder: str = ""  # where it says that it runs\n'


@pytest.fixture(autouse=True, scope="module")
def _warm() -> Iterator[None]:
    with warm_kernels():
        yield


@pytest.fixture
def holding(desk: Desk, notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Start a run that continues until stopped; return the id of its process."""
    monkeypatch.setenv("JPY_SESSION_NAME", str(notebook.with_name("holds_once.ipynb")))
    monkeypatch.setenv("RUNBOOK_NOTEBOOKS", str(ROOT / "tests" / "schedule" / "notebooks"))
    os.mkfifo(tmp_path / "ready")
    ready = os.open(tmp_path / "ready", os.O_RDONLY | os.O_NONBLOCK)
    desk.run(HOLDS)
    desk.show()
    desk.set("folder", str(tmp_path))
    desk.click("Run and archive")
    assert select.select([ready], [], [], WAIT_SECONDS)[0]
    [run] = Archive().runs()
    assert isinstance(run, Run)
    yield run.record.pid
    os.close(ready)


def test_it_is_a_run_like_any_other_with_its_report_shown(desk: Desk) -> None:
    desk.run()
    desk.show()
    desk.set("game_date", "yesterday")
    desk.set("limit", "7")
    desk.click("Run and archive")
    wait_for_the_run()
    [run] = Archive().runs()
    assert isinstance(run, Run)
    assert run.record.status is RunStatus.COMPLETED
    assert run.record.given == ("game_date", "limit")
    assert Archive().store.children("_unsealed/local/healthy") == []
    assert (Path(os.environ["RUNBOOK_OUTPUTS"]) / "index.html").exists()
    assert f"Archived as {run.run_id}: {Archive().store.address(run.report)}" in desk.text
    assert "runbook run healthy --env local -p game_date=yesterday -p limit=7" in desk.text
    assert '<b class="verdict pass">PASS</b>' in desk.text
    assert '<iframe sandbox title="Report of' in desk.text
    assert desk.held("game_date") == [""], "the cells below keep theirs"


def test_it_is_stopped_cleanly_and_only_one_runs_at_a_time(desk: Desk, holding: int) -> None:
    desk.click("Run and archive")
    assert "A run is in progress: stop it, or wait for it to end." in desk.text
    desk.click("Stop")
    wait_for_the_run()
    [run] = Archive().runs()
    assert isinstance(run, Run)
    assert run.record.status is RunStatus.INTERRUPTED
    assert run.record.headline in desk.text
    desk.click("Run and archive")
    wait_for_the_run()
    assert len(Archive().runs()) == 2
    assert '<b class="verdict pass">PASS</b>' in desk.text


def test_a_killed_process_is_reported_in_a_line(desk: Desk, holding: int) -> None:
    os.kill(holding, signal.SIGKILL)
    wait_for_the_run()
    assert "The run&#x27;s process was killed (signal 9); see what it left in the archive" in desk.text


def test_a_run_that_fails_to_start_is_reported_in_a_line(
    desk: Desk, notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.run('environment: str = "local"\nextra: str = ""\n')
    desk.show()
    desk.set("extra", "x")
    desk.click("Run and archive")
    assert "Not run: there is no parameter &#x27;extra&#x27;" in desk.text
    desk.run()
    desk.show()
    (tmp_path / "file").touch()
    monkeypatch.setenv("RUNBOOK_OUTPUTS", str(tmp_path / "file"))
    desk.click("Run and archive")
    wait_for_the_run()
    assert "Could not run: " in desk.text
    assert "cannot be an archive" in desk.text
