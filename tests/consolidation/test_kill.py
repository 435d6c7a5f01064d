"""After ``kill -9`` at any moment the batch is merged or not, never partly, and the next attempt succeeds.

Every second batch moves all lines, so that exactly the batch's rows are active.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from time import perf_counter

import pytest

from lib.consolidation.ledger import ledger_runs
from tests.consolidation.world import LINES_MOVE, World, predictions
from tests.warm import Command

ROWS = 20_000
KILLS = 15
LEASE_SECONDS = 1.0

_CONSOLIDATE = """
import logging, sys
from pathlib import Path
from tests.consolidation.world import LINES_MOVE, World
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
world = World(Path(sys.argv[1]), LINES_MOVE, lease_seconds=float(sys.argv[2]))
print("ready", flush=True)
world.consolidate(sys.stdin.readline().strip())
"""


class Coordinator:
    """A real process that consolidates one batch and may be killed meanwhile."""

    def __init__(self, folder: Path) -> None:
        said, output = os.pipe()
        self._said = os.fdopen(said)
        with os.fdopen(output, "w") as output_file:
            command = [sys.executable, "-c", _CONSOLIDATE, str(folder), str(LEASE_SECONDS)]
            self._process = Command(command, stdout=output_file, stderr=sys.__stderr__, env=os.environ)

    def start(self, batch_id: str) -> None:
        """Wait until it has the lock."""
        self._wait_for("ready")
        self._process.stdin.write(f"{batch_id}\n".encode())
        self._process.stdin.flush()
        self._wait_for("Acquired")

    def _wait_for(self, text: str) -> None:
        assert any(text in line for line in iter(self._said.readline, ""))

    def kill_after(self, seconds: float) -> None:
        """It may have ended well before that."""
        try:
            self.finish(within_seconds=seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._said.close()

    def finish(self, within_seconds: float = 60) -> None:
        assert self._process.wait(within_seconds) == 0


@pytest.mark.long
def test_a_killed_consolidation_leaves_all_or_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, LINES_MOVE, lease_seconds=LEASE_SECONDS)
    moments = random.Random(17)
    with ExitStack() as started:

        def coordinator() -> Coordinator:
            process = Coordinator(tmp_path)
            started.callback(process.kill)
            return process

        batches = (f"batch_{number}" for number in count())
        before, batch_id = "", staged_as(world, next(batches))
        usual_seconds = seconds_of(coordinator(), batch_id)
        assert all_or_nothing(world, before, batch_id)
        before, batch_id = batch_id, staged_as(world, next(batches))
        following = coordinator()
        for _ in range(KILLS):
            killed, following = following, coordinator()
            killed.start(batch_id)
            killed.kill_after(moments.uniform(0.0, 1.2 * usual_seconds))
            if all_or_nothing(world, before, batch_id):
                before, batch_id = batch_id, staged_as(world, next(batches))
        following.start(batch_id)
        following.finish()
    assert all_or_nothing(world, before, batch_id)
    assert world.staged(batch_id) == []


def staged_as(world: World, batch_id: str) -> str:
    line = float(int(batch_id.removeprefix("batch_")) // 2)
    world.stage(predictions(ROWS, recommendation=batch_id, current_points_line=line), batch_id, tables=8)
    return batch_id


def seconds_of(coordinator: Coordinator, batch_id: str) -> float:
    coordinator.start(batch_id)
    started = perf_counter()
    coordinator.finish()
    return perf_counter() - started


def all_or_nothing(world: World, before: str, batch_id: str) -> bool:
    """Return whether the whole batch is in the table, and check that the ledger agrees."""
    found = world.warehouse.query(
        f"SELECT recommendation, COUNT(*) AS row_count FROM {world.spec.table.sql} "
        "WHERE is_active GROUP BY recommendation"
    )
    runs = ledger_runs(world.warehouse, world.spec, batch_id=batch_id)
    assert len(runs) <= 1
    holds = batch_id if runs else before
    assert {row["recommendation"]: row["row_count"] for row in found} == ({holds: ROWS} if holds else {})
    if runs:
        assert runs[0].inserted_rows + runs[0].updated_rows == ROWS
    else:
        assert len(world.staged(batch_id)) == 8
    return bool(runs)
