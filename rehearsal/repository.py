"""A git repository of the services' code, to compare a deployment with."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

_SOMEONE = {"NAME": "someone", "EMAIL": "someone@example.org"}


def commit_all(
    folder: Path, subjects: Sequence[str], *, first_at: datetime, branch: str = "main", path: str = "worker"
) -> list[str]:
    """Make commits an hour apart, each with a change below `path`, in a new or existing repository.

    Args:
        folder: The folder of the repository.
        subjects: The subject of each commit, oldest first.
        first_at: When the first commit is made.
        branch: The branch of a new repository.
        path: The folder that the commits change.

    Returns:
        Their ids, oldest first.
    """
    if not (folder / ".git").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _git(folder, "init", "--quiet", "--template=", f"--initial-branch={branch}")
    (folder / path).mkdir(parents=True, exist_ok=True)
    ids = []
    for number, subject in enumerate(subjects):
        (folder / path / "changed.txt").write_text(subject, encoding="utf-8")
        _git(folder, "add", "--all")
        _git(folder, "commit", "--quiet", "--message", subject, at=first_at + timedelta(hours=number))
        ids.append(_git(folder, "rev-parse", "HEAD").strip())
    return ids


def _git(folder: Path, *words: str, at: datetime | None = None) -> str:
    """Run git without the user's settings, and return what it prints."""
    own = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _SOMEONE.items()}
    moment = {f"GIT_{who}_DATE": at.isoformat() for who in ("AUTHOR", "COMMITTER")} if at else {}
    surroundings = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-C", str(folder), *words]
    done = subprocess.run(command, env={**surroundings, **own, **moment}, capture_output=True, text=True, check=True)
    return done.stdout
