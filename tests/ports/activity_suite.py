"""The conformance suite of `WarehouseActivity`, for every warehouse."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from lib.consolidation.errors import TableNotFound
from lib.operations.timeout.jobs import batch_of_job
from lib.ports.jobs import JobState, WarehouseActivity
from tests.consolidation.world import World, predictions

BATCH = "batch_2026-01-17_1768650000"


class Held(Protocol):
    """Keep a consolidation of `BATCH` in the middle of its transaction during the block."""

    def __call__(self) -> AbstractContextManager[None]: ...


@dataclass(frozen=True)
class Scene:
    """A world, its activity, and a way to hold a consolidation in its MERGE."""

    world: World
    activity: WarehouseActivity
    consolidating: Held


class ActivitySuite:
    """A subclass provides the fixture `scene` and the column that its main table is partitioned by."""

    partition_column = ""

    @pytest.fixture
    def since(self) -> datetime:
        return datetime.now(UTC) - timedelta(minutes=1)

    def test_a_transaction_is_listed_only_while_it_runs(self, scene: Scene, since: datetime) -> None:
        dataset = scene.world.spec.table.dataset
        scene.world.stage(predictions(3), BATCH)
        with scene.consolidating():
            [job] = [job for job in scene.activity.jobs(dataset, since=since) if job.is_open]
            assert (job.state, job.statement, batch_of_job(job)) == (JobState.RUNNING, "SCRIPT", BATCH)
            assert job.user
            assert since < job.created_at <= (job.started_at or job.created_at)
            assert [one for one in scene.activity.jobs("elsewhere", since=since) if one.is_open] == []
            later = datetime.now(UTC) + timedelta(minutes=1)
            assert scene.activity.jobs(dataset, since=later) == []
        assert [job for job in scene.activity.jobs(dataset, since=since) if job.state is not JobState.DONE] == []
        assert len(scene.world.table()) == 3

    def test_layout_counts_the_rows(self, scene: Scene) -> None:
        scene.world.insert(predictions(7))
        found = scene.activity.layout(scene.world.spec.table)
        assert (found.rows, found.partition_column) == (7, self.partition_column)
        with pytest.raises(TableNotFound):
            scene.activity.layout(scene.world.spec.table.sibling("player_prop"))
