"""The `runbook` command as a user calls it: a process with its own state folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import warm

Shell = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def shell(tmp_path: Path, home: Path) -> Shell:
    """Call ``runbook`` with these arguments; ``environ`` is added to the environment."""

    def call(*words: object, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return warm.run(
            [sys.executable, "-m", "lib.cli", *map(str, words)],
            env={
                **os.environ,
                "RUNBOOK_HOME": str(home),
                "RUNBOOK_OUTPUTS": str(tmp_path / "outputs"),
                **(environ or {}),
            },
        )

    return call
