"""`runbook new`: a frame that runs at once, and is UNKNOWN until someone writes its step."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lib.places import ROOT
from lib.runbooks import frame


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the files that the command reads and adds to."""
    copy = tmp_path / "checkout"
    for folder in ("lib", "rehearsal", "notebooks", "params"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def call(checkout: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "lib.cli", *words]
    environ = {**os.environ, "PYTHONPATH": str(checkout)}
    return subprocess.run(command, cwd=checkout, env=environ, capture_output=True, text=True, check=False)


def test_a_new_runbook_runs_at_once_and_is_unknown(checkout: Path) -> None:
    made = call(checkout, "new", "queue_depth", "--title", "Is the queue too deep?")
    assert made.returncode == 0, made.stderr
    assert "queue_depth  " in call(checkout, "list").stdout
    run = call(checkout, "run", "queue_depth", "--json")
    answer = json.loads(run.stdout.splitlines()[-1])
    assert (run.returncode, answer["verdict"]) == (3, "UNKNOWN")
    assert "this step has not been written yet" in answer["headline"]

    again = call(checkout, "new", "queue_depth")
    assert again.returncode == 2
    assert "already exists" in again.stderr


@pytest.mark.parametrize(
    ("name", "title"),
    [("Queue", "?"), ("../queue", "?"), ("", "?"), ("1st", "?"), ("queue", 'a "b"'), ("queue", "a\nb"), ("scope", "?")],
)
def test_a_bad_name_or_title_writes_nothing(checkout: Path, name: str, title: str) -> None:
    before = sorted(checkout.rglob("*"))
    made = call(checkout, "new", name, "--title", title)
    assert made.returncode == 2
    assert len(made.stderr.strip().splitlines()) == 1
    assert [path for path in sorted(checkout.rglob("*")) if "__pycache__" not in path.parts] == before


def test_its_step_is_formatted_and_typed(tmp_path: Path) -> None:
    path = tmp_path / "queue_depth.py"
    path.write_text(frame.step("queue_depth", "Is the queue too deep?"), encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    for check in (["check"], ["format", "--check"]):
        subprocess.run([*ruff, *check, "--config", str(ROOT / "pyproject.toml"), str(path)], check=True)
