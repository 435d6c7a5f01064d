"""A run in a separate process ends with the block that started it."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from pathlib import Path

import pytest

from lib.archive.archive import Archive, Run
from lib.archive.record import RunStatus
from lib.places import ROOT
from lib.runbooks.process import run_words, started

WAIT_SECONDS = 60
CELLS = 5  # cells of `holds_once`, including the injected parameters


def test_leaving_the_block_stops_the_run_cleanly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RUNBOOK_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("RUNBOOK_NOTEBOOKS", str(ROOT / "tests" / "schedule" / "notebooks"))
    # As in a JupyterLab kernel; nobody works in this process's notebook.
    monkeypatch.setenv("JPY_SESSION_NAME", "open.ipynb")
    os.mkfifo(tmp_path / "ready")
    words = [*run_words("holds_once", {"folder": str(tmp_path)}, "local"), "--progress"]
    ready = os.open(tmp_path / "ready", os.O_RDONLY | os.O_NONBLOCK)
    with suppress(KeyboardInterrupt), started(words) as process:
        readable, _, _ = select.select([ready], [], [], WAIT_SECONDS)
        assert readable
        progress = process.progress()
        assert progress is None or progress[0] < progress[1] == CELLS  # the progress bar may come later
        assert b"JPY_SESSION_NAME" not in Path(f"/proc/{process.pid}/environ").read_bytes()
        raise KeyboardInterrupt
    os.close(ready)
    assert process.process.returncode is not None
    [run] = Archive(tmp_path / "outputs").runs()
    assert isinstance(run, Run)
    assert run.record.status is RunStatus.INTERRUPTED


def test_a_process_without_an_answer_is_described_by_its_last_words() -> None:
    with started(["run", "no_such"]) as process:
        ended = process.wait()
    assert (ended.exit_code, ended.answer) == (2, None)
    assert ended.last_words.startswith("there is no runbook 'no_such'")
