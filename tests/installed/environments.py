"""Environments with this checkout's wheel, and all other packages or only the core's; nothing is downloaded."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lib.places import ROOT

OURS = "consolidation-runbooks"


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the package; its processes do not see the checkout."""

    folder: Path

    @property
    def packages(self) -> Path:
        [found] = self.folder.glob("lib/python*/site-packages")
        return found

    def call(self, name: str, *words: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Call a command of the environment; of the variables that name places, only these are set."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("RUNBOOK_", "PYTHON"))}
        command = [str(self.folder / "bin" / name), *words]
        return subprocess.run(command, cwd=cwd, env={**kept, **variables}, capture_output=True, text=True, check=False)


def built_wheel(folder: Path) -> Path:
    """Return the wheel, as built by `pip install`."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    [wheel] = folder.glob("*.whl")
    return wheel


def with_all_packages(folder: Path, wheel: Path) -> Installed:
    """Install the wheel with all packages of the tests, but without the checkout."""
    installed = _installed(folder, wheel)
    others = {sysconfig.get_path(kind) for kind in ("purelib", "platlib")}
    (installed.packages / "others.pth").write_text("\n".join(sorted(others)))
    return installed


def with_the_core_alone(folder: Path, wheel: Path) -> Installed:
    """Install the wheel with what it requires without extras, as links to the tests' packages."""
    installed = _installed(folder, wheel)
    [declared] = metadata.distributions(name=OURS, path=[str(installed.packages)])
    for distribution in _closure(declared):
        for place in {_linked(file) for file in distribution.files or () if ".." not in file.parts}:
            link = installed.packages / place
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.exists():
                link.symlink_to(str(distribution.locate_file(place)))
    return installed


def _installed(folder: Path, wheel: Path) -> Installed:
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "-q", "--python", str(python), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--no-index", "--no-deps", "--no-compile", str(wheel)], check=True)
    return Installed(folder)


def _closure(declared: metadata.Distribution) -> Iterator[metadata.Distribution]:
    waiting, seen = [(text, "") for text in declared.requires or ()], set()
    while waiting:
        text, extra = waiting.pop()
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        wanted = {(name, extra) for extra in ("", *requirement.extras)} - seen
        seen |= wanted
        if wanted:
            distribution = metadata.distribution(name)
            waiting += [(each, extra) for _, extra in wanted for each in distribution.requires or ()]
            yield distribution


def _linked(file: metadata.PackagePath) -> Path:
    """Create folders that several distributions share, and link the rest."""
    shared = re.match(r"google/(cloud/)?", file.as_posix())
    depth = 1 + (shared[0].count("/") if shared else 0)
    return Path(*file.parts[:depth])
