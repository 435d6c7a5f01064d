"""`runbook lab`: what it prepares, and its one-line errors."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from lib.cli.extras import missing_extra
from lib.places import ROOT
from lib.workbench.lab.folder import LabFolder
from tests.cli.conftest import Shell
from tests.workbench.lab.stand_in import stand_in_for_jupyterlab


def test_an_error_is_one_line(shell: Shell, home: Path) -> None:
    unknown = shell("lab", "--env", "nope", "--no-browser")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (2, 1)
    assert "no environment 'nope'" in unknown.stderr
    folder = LabFolder(home / "lab" / "local")
    descriptor = folder.claim()
    second = shell("lab", "--no-browser")
    os.close(descriptor)
    assert (second.returncode, second.stdout) == (2, "")
    assert re.fullmatch(
        r"runbook: another `runbook lab` is using \S+ \(process \d+\); use that one, or stop it\n", second.stderr
    )
    home.rename(home.with_name("elsewhere"))
    home.write_text("a file")
    unwritable = shell("lab", "--no-browser")
    assert (unwritable.returncode, unwritable.stdout, unwritable.stderr.count("\n")) == (2, "", 1)
    assert "working copies cannot be written in" in unwritable.stderr


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of this checkout with everything committed."""
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


def test_make_lab_leaves_the_checkout_unchanged(clone: Path, tmp_path: Path) -> None:
    """JupyterLab itself is driven in tests/browser/jupyterlab; here a stand-in reports how it was started."""
    search_path = [str(stand_in_for_jupyterlab(tmp_path / "path")), str(clone)]
    commands = clone / ".venv" / "bin"
    commands.mkdir(parents=True)
    (commands / "python").symlink_to(sys.executable)
    # make passes no search path on, but JupyterLab must be the stand-in.
    path = os.pathsep.join(search_path)
    code = f"import os, sys; os.environ['PYTHONPATH'] = '{path}'; sys.path[:0] = {search_path!r}; "
    code += "from lib.cli import main; main()"
    (commands / "runbook").write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$@"\n')
    (commands / "runbook").chmod(0o755)
    for stamp in ("ready", "ready-lab"):
        (commands.parent / stamp).write_text(str(clone))
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("RUNBOOK_", "MAKE", "MFLAGS"))}
    called = subprocess.run(
        ["make", "-C", str(clone), "--no-print-directory", "lab"],
        env={**environ, "JUPYTER_DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lab = clone / ".runbook" / "lab" / "local"
    *_, started = called.stdout.splitlines()
    assert started.startswith(f"{clone} {lab} --ServerApp.root_dir={lab} --LabApp.default_url=/lab/tree/START.ipynb ")
    names = {path.name for path in (clone / "notebooks").glob("*.ipynb")}
    assert {path.name for path in lab.glob("*.ipynb")} >= {*names, "START.ipynb"}
    assert git(clone, "status", "--porcelain") == ""
    (clone / ".gitignore").write_text("/.venv/\n")  # as in a project without a .gitignore for state
    assert str(lab.relative_to(clone)) not in git(clone, "status", "--porcelain", "--untracked-files=all")


@pytest.mark.parametrize(
    ("missing", "extra"), [("jupyterlab", "lab"), ("ipylab", "lab"), ("prometheus_client", "metrics"), ("numpy", "")]
)
def test_the_missing_packages_extra_is_named(missing: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an installation with only [runbooks]."""
    version = metadata.version

    def installed(name: str) -> str:
        if name in ("jupyterlab", "ipylab", "ipywidgets", "prometheus-client"):
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", installed)
    message = missing_extra(ModuleNotFoundError(name=missing))
    assert (f"[{extra}]:" in message) if extra else message == ""
