"""`runbook lab` as it is called: what it prepares, and what it says in a line when it cannot."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lib.places import ROOT
from lib.workbench.folder import LabFolder
from tests.cli.conftest import Shell

# In place of JupyterLab: what it would be started with.
STAND_IN = "import os, sys; print(os.environ['RUNBOOK_PROJECT'], os.environ['RUNBOOK_LAB'], *sys.argv[1:])"


def test_what_cannot_be_is_one_line(shell: Shell, home: Path) -> None:
    unknown = shell("lab", "--env", "nope", "--no-browser")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (2, 1)
    assert "no environment 'nope'" in unknown.stderr
    folder = LabFolder(home / "lab" / "local")
    descriptor = folder.claim()
    second = shell("lab", "--no-browser")
    os.close(descriptor)
    assert (second.returncode, second.stdout) == (2, "")
    assert re.fullmatch(
        r"runbook: another `runbook lab` has \S+ \(process \d+\); work in that one, or stop it\n", second.stderr
    )
    home.rename(home.with_name("elsewhere"))
    home.write_text("a file")
    unwritable = shell("lab", "--no-browser")
    assert (unwritable.returncode, unwritable.stdout, unwritable.stderr.count("\n")) == (2, "", 1)
    assert "working copies cannot be written in" in unwritable.stderr


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """This checkout, committed, as git has it."""
    copy = tmp_path / "clone"
    ignored = shutil.ignore_patterns(
        ".git", ".venv*", ".runbook", "outputs", "*cache*", ".hypothesis", "tests", "docs", "proof"
    )
    shutil.copytree(ROOT, copy, ignore=ignored)
    git(copy, "init", "-q")
    git(copy, "add", "-A")
    git(copy, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "as it is")
    return copy


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True).stdout


def test_make_lab_leaves_the_checkout_as_it_was(clone: Path, tmp_path: Path) -> None:
    """JupyterLab itself is driven in tests/browser/jupyterlab; here a stand-in says how it was started."""
    stand_in = tmp_path / "path" / "jupyterlab"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").touch()
    (stand_in / "__main__.py").write_text(STAND_IN)
    ours = ("RUNBOOK_", "MAKE", "MFLAGS")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    python_path = f"{tmp_path / 'path'}{os.pathsep}{clone}"
    code = f"import sys; sys.path[:0] = {python_path.split(os.pathsep)!r}; from lib.cli import main; main()"
    called = subprocess.run(
        [sys.executable, "-c", code, "lab", "--no-browser", "--port", "8000"],
        cwd=clone / "notebooks",
        env={**environ, "PYTHONPATH": python_path, "JUPYTER_DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=True,
    )
    lab = clone / ".runbook" / "lab" / "local"
    *_, started = called.stdout.splitlines()
    assert started.startswith(f"{clone} {lab} --ServerApp.root_dir={lab} --LabApp.default_url=/lab/tree/START.ipynb ")
    assert "--ServerApp.port=8000 --ServerApp.port_retries=0 --no-browser" in started
    names = {path.name for path in (clone / "notebooks").glob("*.ipynb")}
    assert {path.name for path in lab.glob("*.ipynb")} >= {*names, "START.ipynb"}
    assert git(clone, "status", "--porcelain") == ""
