"""Marks of running transactions: visible while they run, distinct from those of dead processes, never blocking."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from lib import places
from lib.embedded.activity import LocalActivity
from lib.embedded.job_marks import marked
from lib.errors import SourceUnavailable
from lib.ports.jobs import JobState
from tests.consolidation.world import World, predictions
from tests.ports.activity_suite import BATCH, ActivitySuite, Scene

_DIES = """
import os, sys
from pathlib import Path
from tests.consolidation.world import World
world = World(Path(sys.argv[1]))
world.warehouse.before_commit = lambda: os._exit(9)
world.consolidate(sys.argv[2])
"""


@contextmanager
def consolidating(world: World) -> Iterator[None]:
    """A consolidation that is blocked just before its commit."""
    reached, opened = Event(), Event()

    def wait() -> None:
        reached.set()
        assert opened.wait(60)

    world.warehouse.before_commit = wait
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(world.consolidate, BATCH)
        try:
            assert reached.wait(60)
            yield
        finally:
            opened.set()
        running.result(60)


def activity_of(world: World) -> LocalActivity:
    return LocalActivity(world.warehouse)


class TestLocalActivity(ActivitySuite):
    @pytest.fixture
    def scene(self, tmp_path: Path) -> Scene:
        world = World(tmp_path)
        return Scene(world, activity_of(world), lambda: consolidating(world))


def test_a_waiting_transaction_is_pending_and_a_dead_one_is_gone(tmp_path: Path) -> None:
    world = World(tmp_path)
    since = datetime.now(UTC) - timedelta(minutes=1)
    folder = world.warehouse.job_marks
    with marked(folder, "waits", ["nba_predictions"]):
        [job] = activity_of(world).jobs("nba_predictions", since=since)
        assert (job.job_id, job.state, job.started_at) == ("waits", JobState.PENDING, None)
    world.stage(predictions(3), BATCH)
    died = subprocess.run([sys.executable, "-c", _DIES, str(tmp_path), BATCH], cwd=places.ROOT)
    assert died.returncode == 9
    [job] = activity_of(world).jobs("nba_predictions", since=since)
    assert job.state is JobState.GONE
    assert not job.is_open


def test_a_consolidation_runs_even_if_its_mark_cannot_be_written(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.warehouse.job_marks.write_text("a file is in the way")
    world.stage(predictions(3), BATCH)
    assert world.consolidate(BATCH).inserted == 3


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[1]"])
def test_a_damaged_mark_is_an_error(tmp_path: Path, content: bytes) -> None:
    world = World(tmp_path)
    world.warehouse.job_marks.mkdir()
    (world.warehouse.job_marks / "mark.json").write_bytes(content)
    with pytest.raises(SourceUnavailable, match="damaged"):
        activity_of(world).jobs("nba_predictions", since=datetime.now(UTC))
