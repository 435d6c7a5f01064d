"""Which code ran, on which libraries, and as which account."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata

from lib import places
from lib.account import account

_DISTRIBUTION = "consolidation-runbooks"
_LIBRARIES = ("papermill", "ipykernel", "duckdb", "pandas")


def code_version() -> str:
    """``git describe`` of the checkout, or the installed package's version."""
    command = ["git", "-C", str(places.ROOT), "describe", "--always", "--dirty", "--tags"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return _version(_DISTRIBUTION)
    return answer.stdout.strip()


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide what a run does."""
    return {"python": platform.python_version(), **{name: _version(name) for name in _LIBRARIES}}


def user() -> str:
    """The account that runs it; who may change what is asked of the platform (`Platform.actor`)."""
    return account()


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"
