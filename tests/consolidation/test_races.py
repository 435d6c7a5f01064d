"""Consolidations that run at once: no duplicate, no lost row, and the figures add up."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import pytest

from lib import places
from lib.consolidation.ledger import ledger_runs
from lib.consolidation.result import ConsolidationResult
from lib.consolidation.upkeep.duplicates import count_duplicates
from tests.consolidation.world import DAY, World, later, predictions

ROWS = 6

_TRIES = """
import json, sys
from pathlib import Path
from tests.consolidation.world import World
world = World(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for batch_id in sys.argv[3:]:
    result = world.consolidate(batch_id, use_lock=sys.argv[2] == "lock")
    print(json.dumps({"batch_id": batch_id, "inserted": result.inserted, "updated": result.updated}), flush=True)
"""


def assert_each_row_once(world: World, rows: int) -> None:
    assert len(world.table()) == rows
    for count in count_duplicates(world.warehouse, world.spec, DAY, DAY):
        assert (count.rows, count.duplicate_keys, count.excess_rows) == (rows, 0, 0)


@pytest.mark.parametrize("use_lock", [True, False], ids=["lock", "no lock"])
def test_threads(world: World, use_lock: bool) -> None:
    """The same batch twice, and another batch of the date with the same keys, all three at once."""
    with world.warehouse.connection(), ThreadPoolExecutor(3) as threads:
        for attempt in range(10):
            ours, other = f"ours_{attempt}", f"other_{attempt}"
            line = attempt + 0.5
            world.stage(predictions(ROWS, current_points_line=line), ours, tables=3)
            world.stage(predictions(ROWS, current_points_line=line, updated_at=later(400)), other, tables=2)
            together = Barrier(3)

            def consolidate(batch_id: str, together: Barrier = together) -> ConsolidationResult:
                together.wait()
                return world.again().consolidate(batch_id, use_lock=use_lock)

            results = list(threads.map(consolidate, [ours, ours, other]))
            assert sum(result.inserted for result in results) == ROWS
            assert sum(result.updated for result in results) == ROWS
            assert_each_row_once(world, ROWS * (attempt + 1))
            assert not world.staged(ours)
            assert not world.staged(other)
    assert Counter(run.batch_id for run in ledger_runs(world.warehouse, world.spec)).most_common(1)[0][1] == 1


@pytest.mark.parametrize("lock", ["lock", "no lock"])
def test_processes(world: World, lock: str) -> None:
    """Two processes work through the same batches at once."""
    batches = [f"batch_{number}" for number in range(8)]
    for number, batch_id in enumerate(batches):
        # Every other batch has the keys of the one before it.
        world.stage(predictions(ROWS, current_points_line=number // 2 + 0.5), batch_id, tables=2)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _TRIES, str(world.folder), lock, *order],
            cwd=places.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for order in (batches, batches)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    printed = [process.communicate("go\n", timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    results = [json.loads(line) for lines in printed for line in lines.splitlines()]
    keys = (len(batches) + 1) // 2 * ROWS
    assert len(results) == 2 * len(batches)
    assert sum(result["inserted"] for result in results) == keys
    assert sum(result["inserted"] + result["updated"] for result in results) == len(batches) * ROWS
    assert_each_row_once(world, keys)
    assert sorted(run.batch_id for run in ledger_runs(world.warehouse, world.spec)) == sorted(batches)


@pytest.mark.parametrize("second", ["batch_1", "batch_2"], ids=["same batch", "two batches"])
@pytest.mark.parametrize("is_fenced", [True, False], ids=["fenced", "fence not moved"])
def test_only_the_fence_prevents_duplicates(tmp_path: Path, is_fenced: bool, second: str) -> None:
    """Two transactions overlap on any machine: if the fence is not moved, duplicates stay."""
    world = World(tmp_path)
    world.stage(predictions(ROWS))
    if second != "batch_1":
        world.stage(predictions(ROWS), second)
    both_merged = Barrier(2)

    def consolidate(batch_id: str) -> ConsolidationResult:
        mine = world.again()
        mine.warehouse.is_fenced = is_fenced
        mine.warehouse.before_commit = lambda: wait_for_rival(both_merged)
        mine.warehouse.after_rollback = both_merged.abort
        return mine.consolidate(batch_id, use_lock=False, cleanup=False)

    with world.warehouse.connection(), ThreadPoolExecutor(2) as threads:
        results = list(threads.map(consolidate, ["batch_1", second]))
    [count] = count_duplicates(world.warehouse, world.spec, DAY, DAY)
    assert count.duplicate_keys == (0 if is_fenced else ROWS)
    assert sum(result.inserted for result in results) == (ROWS if is_fenced else 2 * ROWS)


def wait_for_rival(both_merged: Barrier) -> None:
    """Wait until the rival has merged too; a refused rival breaks the barrier."""
    try:
        both_merged.wait(timeout=60)
    except BrokenBarrierError:
        return
