"""BigQuery's jobs and tables, listed by the real client."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from lib.embedded.adapters import MAIN_TABLE
from lib.errors import SourceUnavailable
from lib.gcp import bigquery_activity
from lib.gcp.bigquery_activity import BigqueryActivity
from lib.gcp.clients import GoogleClients
from lib.gcp.errors import AccessDenied
from lib.ports.jobs import JobState
from tests.consolidation.world import predictions
from tests.gcp.bigquery.double import BigqueryDouble, Fault, Gate
from tests.gcp.bigquery.world import PROJECT, BigqueryWorld
from tests.ports.activity_suite import BATCH, ActivitySuite, Scene

MERGE = "^MERGE"


@pytest.fixture
def activity(double: BigqueryDouble, monkeypatch: pytest.MonkeyPatch) -> BigqueryActivity:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", double.address)
    return BigqueryActivity(GoogleClients(PROJECT, outage_seconds=0.3, quota_seconds=1.0))


@contextmanager
def consolidating(world: BigqueryWorld, double: BigqueryDouble) -> Iterator[None]:
    gate = Gate(MERGE)
    with ThreadPoolExecutor(1) as threads:
        double.jobs.gates.append(gate)
        running = threads.submit(world.consolidate, BATCH)
        try:
            assert gate.reached.wait(60)
            yield
        finally:
            gate.open()
        running.result(60)


class TestBigqueryActivity(ActivitySuite):
    partition_column = "game_date"

    @pytest.fixture
    def scene(self, world: BigqueryWorld, double: BigqueryDouble, activity: BigqueryActivity) -> Scene:
        return Scene(world, activity, lambda: consolidating(world, double))


def test_each_kind_of_job_has_its_table_and_the_bytes_read(
    world: BigqueryWorld, double: BigqueryDouble, activity: BigqueryActivity
) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    [staged] = world.stage(predictions(3), BATCH)
    world.consolidate(BATCH)
    world.client.query(f"SELECT * FROM {world.spec.table.sql} WHERE game_date >= '2026-01-01'").result()
    jobs = activity.jobs("nba_predictions", since=since)
    assert [job.created_at for job in jobs] == sorted((job.created_at for job in jobs), reverse=True)
    assert {job.statement for job in jobs} >= {"LOAD", "COPY", "SCRIPT"}
    [load] = [job for job in jobs if job.statement == "LOAD"]
    assert load.target == staged
    assert (jobs[0].state, (jobs[0].bytes_processed or 0) > 0, jobs[0].error) == (JobState.DONE, True, "")


def test_a_job_in_the_queue_has_not_started(
    world: BigqueryWorld, double: BigqueryDouble, activity: BigqueryActivity
) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    double.jobs.on_insert.append(lambda job: setattr(job, "is_queued", True))
    gate = Gate("SELECT 1")
    double.jobs.gates.append(gate)
    world.client.query(f"SELECT 1 FROM {world.spec.table.sql}")
    assert gate.reached.wait(60)
    [job] = [job for job in activity.jobs("nba_predictions", since=since) if job.is_open]
    assert (job.state, job.started_at) == (JobState.PENDING, None)


def test_a_missing_permission_to_list_names_the_role(double: BigqueryDouble, activity: BigqueryActivity) -> None:
    double.faults.append(Fault("GET .*/jobs$", "accessDenied", "Access Denied: bigquery.jobs.listAll", times=9))
    with pytest.raises(AccessDenied, match=r"roles/bigquery\.resourceViewer"):
        activity.jobs("nba_predictions", since=datetime.now(UTC))


def test_more_jobs_than_can_be_listed_are_an_error(
    world: BigqueryWorld, activity: BigqueryActivity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bigquery_activity, "MOST_JOBS", 2)
    world.stage(predictions(3), BATCH, tables=3)
    with pytest.raises(SourceUnavailable, match="fewer hours"):
        activity.jobs("nba_predictions", since=datetime.now(UTC) - timedelta(minutes=1))


def test_a_table_without_partitions_has_no_partition_column(world: BigqueryWorld, activity: BigqueryActivity) -> None:
    whole = world.spec.table.sibling("whole")
    world.warehouse.create_table(whole, MAIN_TABLE)
    assert activity.layout(whole).partition_column == ""
    assert activity.layout(world.spec.table).size_bytes == 0
