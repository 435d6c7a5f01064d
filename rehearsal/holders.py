"""Coordinators that hold a lock: one that is slow, and one that was killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from lib import places
from lib.errors import Unavailable
from lib.platform import Platform
from rehearsal.stage import embedded_warehouse

# The process of `rehearsal.coordinator` prints this once its MERGE has begun.
MERGE_HAS_BEGUN = "MERGE has begun"

_LONGEST_END_SECONDS = 30
_POLL_SECONDS = 0.02


@contextmanager
def slow_consolidation(
    platform: Platform, *, batch_id: str, game_date: date, lease_seconds: float = 20
) -> Iterator[subprocess.Popen[str]]:
    """Start a process whose MERGE has begun, and which ends with the ``with`` block.

    At the end the staged batch is consolidated and the lock released. A process that does not end is killed.

    Args:
        platform: An embedded platform.
        batch_id: A staged batch.
        game_date: Its date.
        lease_seconds: Its lease, which it renews six times in that time.

    Raises:
        Unavailable: The process failed.
    """
    process = _start(platform, batch_id, game_date, lease_seconds)
    try:
        _await_merge(process)
        yield process
    finally:
        complaint = _end(process)
    if process.returncode:
        said = _last_line(complaint) or f"exit code {process.returncode}"
        raise Unavailable(f"the simulated coordinator failed during its MERGE: {said}")


def killed_consolidation(platform: Platform, *, batch_id: str, game_date: date, lease_seconds: float = 2) -> int:
    """Start a process and kill it during its MERGE: its lock and staging tables stay.

    Args: as for `slow_consolidation`.

    Returns:
        The id of the process, which has ended. Its lease has expired.
    """
    process = _start(platform, batch_id, game_date, lease_seconds)
    try:
        _await_merge(process)
        process.kill()
    finally:
        _end(process)
    lock_key = platform.table.lock_key(game_date)
    while (seen := platform.locks.store.read(lock_key)).record and not seen.is_expired:
        time.sleep(_POLL_SECONDS)
    return process.pid


def _start(platform: Platform, batch_id: str, game_date: date, lease_seconds: float) -> subprocess.Popen[str]:
    home = embedded_warehouse(platform).path.parent
    arguments = (platform.name, batch_id, game_date.isoformat(), str(lease_seconds))
    return subprocess.Popen(
        [sys.executable, "-m", "rehearsal.coordinator", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=places.ROOT,
        env={**os.environ, **places.handed_down(), "RUNBOOK_HOME": str(home)},
        # Ctrl+C goes to the parent, which ends this process properly.
        start_new_session=True,
    )


def _await_merge(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    if process.stdout.readline().strip() != MERGE_HAS_BEGUN:
        raise Unavailable(f"the simulated coordinator failed before its MERGE: {_last_line(_end(process))}")


def _end(process: subprocess.Popen[str]) -> str:
    """Let the process end, and return its error output."""
    if process.returncode is not None:
        return ""
    try:
        return process.communicate(timeout=_LONGEST_END_SECONDS)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[1]


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]
