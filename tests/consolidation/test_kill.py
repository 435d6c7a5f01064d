"""``kill -9`` at any moment: the table is as before or as after, and the next try goes through."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from lib import project
from lib.consolidation.ledger import ledger_runs
from tests.consolidation.world import World, predictions

ROWS = 20_000
KILLS = 15
LEASE_SECONDS = 1.0

_CONSOLIDATE = """
import logging, sys
from pathlib import Path
from tests.consolidation.world import World
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
world = World(Path(sys.argv[1]), lease_seconds=float(sys.argv[2]))
print("ready", flush=True)
world.consolidate(sys.stdin.readline().strip())
"""


class Coordinator:
    """A real process that consolidates one batch and may be killed at it."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CONSOLIDATE, str(folder), str(LEASE_SECONDS)],
            cwd=project.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, batch_id: str) -> None:
        """Return when it has the lock."""
        self._wait_for("ready")
        assert self._process.stdin is not None
        self._process.stdin.write(f"{batch_id}\n")
        self._process.stdin.flush()
        self._wait_for("Acquired")

    def _wait_for(self, text: str) -> None:
        assert self._process.stdout is not None
        assert any(text in line for line in iter(self._process.stdout.readline, ""))

    def kill_after(self, seconds: float) -> None:
        try:
            self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def finish(self) -> None:
        self._process.communicate(timeout=60)
        assert self._process.returncode == 0


def test_a_killed_consolidation_leaves_all_or_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, lease_seconds=LEASE_SECONDS)
    moments = random.Random(17)
    batch_id, done = "batch_0", 0
    world.stage(predictions(ROWS, recommendation=batch_id), batch_id, tables=8)
    coordinator = Coordinator(tmp_path)
    for _ in range(KILLS):
        successor = Coordinator(tmp_path)
        coordinator.start(batch_id)
        coordinator.kill_after(moments.uniform(0.0, 0.8))
        coordinator = successor
        if assert_all_or_nothing(world, batch_id, done):
            done += 1
            batch_id = f"batch_{done}"
            world.stage(predictions(ROWS, recommendation=batch_id), batch_id, tables=8)
    coordinator.start(batch_id)
    coordinator.finish()
    assert assert_all_or_nothing(world, batch_id, done)
    assert world.staged(batch_id) == []


def assert_all_or_nothing(world: World, batch_id: str, done: int) -> bool:
    """Whether the batch is in the table, all of it; the ledger says the same."""
    rows = {
        row["recommendation"]: row["row_count"]
        for row in world.warehouse.query(
            f"SELECT recommendation, COUNT(*) AS row_count FROM {world.spec.table.sql} GROUP BY recommendation"
        )
    }
    runs = ledger_runs(world.warehouse, world.spec, batch_id=batch_id)
    assert len(runs) <= 1
    if runs:
        assert rows == {batch_id: ROWS}
        assert runs[0].inserted_rows + runs[0].updated_rows == ROWS
    else:
        assert rows == ({f"batch_{done - 1}": ROWS} if done else {})
        assert len(world.staged(batch_id)) == 8
    return bool(runs)
