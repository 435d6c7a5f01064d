"""Set-up by make: each target installs what it needs, once, and again only if needed. A stub records calls of uv."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lib.places import ROOT

PYTHON = f"""#!/bin/sh
test "$*" = "-m venv --clear .venv" && exec {sys.executable} -m venv --clear --without-pip .venv
exec {sys.executable} "$@"
"""
DEMO = ["-r requirements.lock", "--no-deps -e ."]


class Checkout:
    """A checkout with the files that the set-up reads, and fake commands that download nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.commands = folder / "checkout", folder / "bin"
        self.calls = folder / "calls"
        self.folder.mkdir()
        self.commands.mkdir()
        for path in (ROOT / "Makefile", ROOT / "pyproject.toml", *ROOT.glob("requirements*.lock")):
            shutil.copy(path, self.folder)
        self.command("python", PYTHON)
        self.command("uv", f'#!/bin/sh\necho "$@" >> {self.calls}\n')

    def command(self, name: str, script: str) -> None:
        (self.commands / name).write_text(script)
        (self.commands / name).chmod(0o755)

    def start(self, target: str) -> subprocess.Popen[str]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        environ["PATH"] = f"{self.commands}:{environ['PATH']}"
        command = ["make", target, f"PYTHON={self.commands / 'python'}"]
        return subprocess.Popen(command, cwd=self.folder, env=environ, stderr=subprocess.PIPE, text=True)

    def make(self, target: str) -> tuple[int, str]:
        with self.start(target) as process:
            _, errors = process.communicate()
        return process.returncode, errors

    def installed(self) -> list[str]:
        """Return what was installed since the last call."""
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return [call.partition("--python .venv/bin/python ")[2] for call in calls]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_each_target_adds_what_it_needs_once(checkout: Checkout) -> None:
    for target, installed in {
        ".venv/ready": DEMO,
        ".venv/ready-lab": ["-r requirements-lab.lock"],
        ".venv/ready-dev": ["-r requirements-dev.lock"],
    }.items():
        assert (checkout.make(target), checkout.installed()) == ((0, ""), installed)
        assert (checkout.make(target), checkout.installed()) == ((0, ""), [])
    (checkout.folder / "requirements.lock").touch()
    assert (checkout.make(".venv/ready-dev"), checkout.installed()) == ((0, ""), [*DEMO, "-r requirements-dev.lock"])


def test_after_a_move_or_an_interruption_the_set_up_starts_again(checkout: Checkout) -> None:
    assert checkout.make(".venv/ready-dev")[0] == 0
    checkout.installed()
    checkout.folder = checkout.folder.rename(checkout.folder.with_name("moved"))
    assert (checkout.make(".venv/ready"), checkout.installed()) == ((0, ""), DEMO)
    assert not (checkout.folder / ".venv" / "ready-dev").exists()
    (checkout.folder / ".venv" / "ready").unlink()
    assert (checkout.make(".venv/ready"), checkout.installed()) == ((0, ""), DEMO)


def test_two_concurrent_targets_set_up_once(checkout: Checkout) -> None:
    makes = [checkout.start(target) for target in (".venv/ready", ".venv/ready-dev")]
    assert [make.communicate()[1] for make in makes] == ["", ""]
    assert checkout.installed() == [*DEMO, "-r requirements-dev.lock"]


def test_a_failed_set_up_shows_why_and_does_not_count_as_done(checkout: Checkout) -> None:
    checkout.command("uv", "#!/bin/sh\necho 'error: no route' >&2\nexit 1\n")
    code, errors = checkout.make(".venv/ready")
    assert (code, "error: no route" in errors, "by pip" in errors) == (2, True, True)
    assert not (checkout.folder / ".venv" / "ready").exists()
    checkout.command("python", "#!/bin/sh\ntest \"$1\" = -V && echo 'Python 3.9.2'\nexit 1\n")
    assert "Python 3.11 or newer is needed" in checkout.make("demo")[1]
