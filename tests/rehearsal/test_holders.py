"""A killed holder leaves only its lock behind; a live one leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime

import pytest

from lib import places
from lib.consolidation.staging import staging_backlog
from lib.errors import Unavailable
from lib.locking.store import Observation
from lib.platform import Platform
from rehearsal.holders import killed_consolidation, slow_consolidation
from rehearsal.slates import slate_of
from rehearsal.stage import stage_batch

DAY = date(2026, 1, 17)
BATCH = "batch_2026-01-17_1768650000"


def stage(platform: Platform) -> int:
    rows = slate_of(DAY).predict(BATCH, generated_at=datetime.now(UTC))
    stage_batch(platform, rows, batch_id=BATCH, tables=3)
    return len(rows)


def lock(platform: Platform) -> Observation:
    return platform.locks.store.read(platform.table.lock_key(DAY))


def test_a_killed_holder_leaves_its_lock_and_its_batch(platform: Platform) -> None:
    rows = stage(platform)

    pid = killed_consolidation(platform, batch_id=BATCH, game_date=DAY)

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    seen = lock(platform)
    assert seen.record is not None
    assert seen.record.claim.batch_id == BATCH
    assert seen.is_expired
    assert [batch.unmerged_tables for batch in staging_backlog(platform.warehouse, platform.table)] == [3]
    result = platform.consolidator().consolidate_batch(batch_id=BATCH, game_date=DAY)
    assert result.inserted == rows


def test_a_slow_holder_renews_its_lease_and_completes_its_consolidation(platform: Platform) -> None:
    rows = stage(platform)

    with slow_consolidation(platform, batch_id=BATCH, game_date=DAY, lease_seconds=2) as process:
        seen = lock(platform)
        assert seen.record is not None
        platform.locks.store.wait_for_change(seen.record, 30)
        renewed = lock(platform)
        assert renewed.record is not None
        assert renewed.record.claim == seen.record.claim
        assert renewed.record.renewed_at > seen.record.renewed_at

    assert process.returncode == 0
    assert lock(platform).record is None
    assert staging_backlog(platform.warehouse, platform.table) == []
    (counted,) = platform.warehouse.query(f"SELECT COUNT(*) AS row_count FROM {platform.table.table.sql}")
    assert counted["row_count"] == rows


def test_a_slow_holder_ends_when_its_parent_is_killed(platform: Platform) -> None:
    stage(platform)
    parent = (
        "import os; from datetime import date; from lib.platform import connect\n"
        "from rehearsal.holders import slow_consolidation\n"
        f"with slow_consolidation(connect(), batch_id={BATCH!r}, game_date=date(2026, 1, 17), lease_seconds=300):\n"
        "    os.kill(os.getpid(), 9)\n"
    )

    finished = subprocess.run([sys.executable, "-c", parent], cwd=places.ROOT, check=False)

    assert finished.returncode == -9
    # Its lease has not expired yet, so an orderly end has released the lock.
    with platform.locks.acquire(game_date=DAY, batch_id="next", max_wait_seconds=60):
        assert staging_backlog(platform.warehouse, platform.table) == []


def test_a_coordinator_that_fails_before_its_merge_reports_why(platform: Platform) -> None:
    with pytest.raises(Unavailable, match="has no staging tables"):
        killed_consolidation(platform, batch_id="batch_of_nobody", game_date=DAY)

    assert lock(platform).record is None
