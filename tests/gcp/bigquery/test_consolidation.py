"""Consolidations over the real client: the model holds, and only the fence prevents duplicates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.consolidation.errors import RowsStillStreaming
from lib.consolidation.identifiers import TableName
from lib.consolidation.ledger import ledger_runs
from lib.consolidation.result import ConsolidationResult, ConsolidationStatus
from lib.consolidation.upkeep.cleanup import Proof, drop_merged, prove_merged
from lib.consolidation.upkeep.duplicates import DuplicateKind, count_duplicates, explain_duplicates
from lib.consolidation.upkeep.repair import apply_repair, plan_repair
from lib.consolidation.upkeep.undo import plan_undo, undo_repair
from lib.embedded.adapters import MAIN_TABLE
from lib.gcp.bigquery_types import schema_fields
from tests.consolidation.real_schema import check_the_real_schema, check_what_a_worker_writes
from tests.consolidation.test_against_a_model import batches, consolidated, old_rows
from tests.consolidation.test_rows import check_every_type_is_staged_and_merged
from tests.consolidation.world import DAY, LINES_MOVE, PREDICTIONS, in_order, later, prediction, predictions
from tests.gcp.bigquery.counted_jobs import MERGE_SECONDS, SECONDS_A_JOB, jobs_of
from tests.gcp.bigquery.double import BigqueryDouble, Fault, Gate
from tests.gcp.bigquery.world import PROJECT, BigqueryWorld, with_the_real_schema

ROWS = 5
LEDGER = "^INSERT INTO .*consolidation_runs"
MOVE_FENCE = "^UPDATE .*consolidation_fences"
numbers = count()


@pytest.fixture(scope="module")
def shared() -> Iterator[BigqueryDouble]:
    with BigqueryDouble(PROJECT) as server:
        yield server


@settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(old=old_rows.map(lambda row: [row]), batches=batches, supersedes=st.sampled_from([(), LINES_MOVE.supersedes]))
def test_batches_do_what_the_model_says(
    shared: BigqueryDouble,
    tmp_path_factory: pytest.TempPathFactory,
    old: list[Any],
    batches: list[Any],
    supersedes: tuple[str, ...],
) -> None:
    """The same model as for the embedded warehouse; each example in a dataset of its own."""
    spec = replace(PREDICTIONS, table=TableName(f"dataset_{next(numbers)}", "predictions"), supersedes=supersedes)
    world = BigqueryWorld(tmp_path_factory.mktemp("model"), spec, address=shared.address).set_up()
    world.insert(old)
    for number, (tables, use_lock) in enumerate(batches):
        before = world.table()
        for table in tables:
            world.staging_writer.write(table, batch_id=f"b{number}", worker_id="w", game_date=DAY)
        expected, figures = consolidated(before, [row for table in tables for row in table], supersedes=supersedes)
        planned = world.consolidate(f"b{number}", dry_run=True)
        assert world.table() == before
        result = world.consolidate(f"b{number}", use_lock=use_lock)
        assert world.table() == in_order(expected)
        assert {name: getattr(result, name) for name in figures} == figures
        assert {name: getattr(planned, name) for name in figures} == figures
        assert world.consolidate(f"b{number}").status is ConsolidationStatus.ALREADY_CONSOLIDATED


def test_a_consolidation_returns_its_job_and_its_cost(world: BigqueryWorld, double: BigqueryDouble) -> None:
    world.insert(predictions(ROWS))
    world.stage(predictions(2 * ROWS, updated_at=later(1)), tables=4)
    result = world.consolidate()
    assert (result.inserted, result.updated, result.staging_dropped, result.attempts) == (ROWS, ROWS, 4, 1)
    assert result.statistics["bytes_billed"] >= result.statistics["bytes_processed"] > 0
    assert result.merge_ms > 0
    job = world.client.get_job(result.job_id)
    assert (job.job_id, job.state, job.error_result) == (result.job_id, "DONE", None)
    [run] = ledger_runs(world.warehouse, world.spec)
    assert run.job_id == result.job_id
    assert {table for _, table in double.catalogue.tables} == {
        "player_prop_predictions",
        "consolidation_fences__player_prop_predictions",
        "consolidation_runs__player_prop_predictions",
    }


@pytest.mark.parametrize(("supersedes", "more"), [((), 0), (LINES_MOVE.supersedes, 1)], ids=["plain", "supersedes"])
def test_a_consolidation_is_few_jobs(
    tmp_path: Path, double: BigqueryDouble, supersedes: tuple[str, ...], more: int
) -> None:
    """Each job takes about a second on BigQuery, whatever it does."""
    world = BigqueryWorld(tmp_path, replace(PREDICTIONS, supersedes=supersedes), address=double.address).set_up()
    world.insert(predictions(ROWS))
    world.stage(predictions(ROWS), "earlier")
    world.consolidate("earlier")
    world.stage(predictions(2 * ROWS, updated_at=later(1)), tables=4)
    counted = jobs_of(double, world.consolidate)
    assert len(counted.jobs) <= 12 + more
    assert len(counted.until_commit.jobs) <= 9 + more
    assert len(counted.reading(world.spec.table.sql)) <= 3 + more
    old_seconds = 2 * SECONDS_A_JOB + MERGE_SECONDS  # the MERGE and the check of the services' old code
    if not more:  # the old code does not supersede
        assert counted.until_commit.modelled_seconds <= 1.55 * old_seconds
        assert counted.modelled_seconds <= 1.85 * old_seconds


@pytest.mark.parametrize("is_fenced", [True, False], ids=["fenced", "fence not moved"])
def test_only_the_fence_prevents_duplicates(double: BigqueryDouble, tmp_path: Path, is_fenced: bool) -> None:
    """Two batches with the same keys, without the lock, and with both transactions open at once."""
    world = BigqueryWorld(tmp_path, address=double.address, is_fenced=is_fenced).set_up()
    for batch_id in ("batch_1", "batch_2"):
        world.stage(predictions(ROWS), batch_id)
    # With the fence, the second one never reaches its MERGE: moving the fence aborts it.
    double.jobs.gates.append(Gate(MOVE_FENCE if is_fenced else LEDGER, arrivals=2))
    with ThreadPoolExecutor(2) as threads:
        results = list(
            threads.map(lambda batch_id: world.again().consolidate(batch_id, use_lock=False), ["batch_1", "batch_2"])
        )
    [counted] = count_duplicates(world.warehouse, world.spec, DAY, DAY)
    assert counted.duplicate_keys == (0 if is_fenced else ROWS)
    assert sum(result.inserted for result in results) == (ROWS if is_fenced else 2 * ROWS)
    if is_fenced:
        assert any("concurrent update" in message for message in aborted(double))
        assert max(result.attempts for result in results) > 1


def test_consolidating_a_batch_twice_at_the_same_time_is_one_job(world: BigqueryWorld, double: BigqueryDouble) -> None:
    """Both use the same job id, so the second waits for the first one's job."""
    world.stage(predictions(ROWS), tables=2)
    gate = Gate(LEDGER)
    double.jobs.gates.append(gate)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(world.again().consolidate, use_lock=False)
        assert gate.reached.wait(60)
        waits = double.awaited("GET .*/jobs/consolidation_")
        second = threads.submit(world.again().consolidate, use_lock=False)
        assert waits.wait(60)
        gate.open()
        assert first.result(60).inserted == ROWS
        assert second.result(60).status in (ConsolidationStatus.CONSOLIDATED, ConsolidationStatus.ALREADY_CONSOLIDATED)
    assert len(world.table()) == ROWS
    assert len(ledger_runs(world.warehouse, world.spec)) == 1


def aborted(double: BigqueryDouble) -> list[str]:
    """Return the messages of failed scripts."""
    jobs = list(double.jobs.by_id.values())
    return [job.error.message for job in jobs if job.error and "parentJobId" not in job.statistics]


def test_concurrent_consolidations_lose_no_row(world: BigqueryWorld) -> None:
    """Rivals on the same and on another date, with and without the lock, conflict because the table is the same."""
    world.stage(predictions(ROWS), "a", tables=3)
    world.stage(predictions(ROWS, updated_at=later(400)), "b", tables=2)
    world.stage(predictions(ROWS, game_date=DAY.replace(day=18)), "c", tables=2)

    def consolidate(asked: tuple[str, bool]) -> ConsolidationResult:
        batch_id, use_lock = asked
        day = DAY.replace(day=18) if batch_id == "c" else DAY
        return world.again().consolidate(batch_id, game_date=day, use_lock=use_lock)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(consolidate, [("a", True), ("a", False), ("b", True), ("c", False)]))
    runs = ledger_runs(world.warehouse, world.spec)
    assert sorted(run.batch_id for run in runs) == ["a", "b", "c"]
    assert sum(run.inserted_rows for run in runs) == 2 * ROWS == len(world.table())
    assert sum(run.updated_rows for run in runs) == ROWS


@pytest.mark.parametrize("statement", ["^MERGE", "^COMMIT"])
@pytest.mark.parametrize(
    ("message", "script_says"),
    [
        ("Transaction is aborted due to concurrent update against table test:nba_predictions.t.", ""),
        ("Could not serialize access to table test:nba_predictions.t due to concurrent update", ""),
        ("Transaction is aborted due to concurrent update against table test:nba_predictions.t.", "Script failed"),
    ],
    ids=["aborted", "in other words", "only its statement tells"],
)
def test_aborted_twice_then_done(
    world: BigqueryWorld, double: BigqueryDouble, statement: str, message: str, script_says: str
) -> None:
    """A conflict is recognized wherever BigQuery detects it and whichever job reports it."""
    double.jobs.faults.append(Fault(statement, "invalidQuery", message, times=2, script_says=script_says))
    world.stage(predictions(ROWS))
    result = world.consolidate()
    assert (result.inserted, result.attempts) == (ROWS, 3)
    assert len(world.table()) == ROWS


def test_a_table_with_streamed_rows_is_left_alone(world: BigqueryWorld, double: BigqueryDouble) -> None:
    """It is not merged, not counted as merged and not dropped until it can be copied."""
    foreign = staged_by_another(world, double, ["flushed"])

    def stream(player: str) -> None:
        row = {name: str(value) for name, value in prediction(player_lookup=player).items()}
        assert world.client.insert_rows_json(str(foreign), [row]) == []

    def check_left_alone() -> None:
        for options in ({}, {"dry_run": True}):
            with pytest.raises(RowsStillStreaming, match=rf"{foreign.table} .*cannot be copied yet.*try again, at 20"):
                world.consolidate(**options)
        [proven] = prove_merged(world.warehouse, world.spec, "batch_1")
        assert proven.proof is Proof.STREAMING
        assert drop_merged(world.warehouse, world.spec, "batch_1", [proven, before]) == []
        assert world.staged() == [foreign]

    [before] = prove_merged(world.warehouse, world.spec, "batch_1")
    stream("first")
    check_left_alone()
    double.catalogue.flush(foreign.dataset, foreign.table)
    assert world.consolidate(cleanup=False).inserted == 2
    [before] = prove_merged(world.warehouse, world.spec, "batch_1")
    assert before.proof.is_merged
    stream("second")
    check_left_alone()
    double.catalogue.flush(foreign.dataset, foreign.table)
    assert world.consolidate().inserted == 1
    assert sorted(row["player_lookup"] for row in world.table()) == ["first", "flushed", "second"]


LAYOUTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "mode": ({"game_id": {"mode": "REQUIRED"}}, {}),
    "precision": ({"current_points_line": {"type": "NUMERIC", "precision": "4", "scale": "1"}}, {}),
    "another precision": ({"current_points_line": {"type": "NUMERIC", "precision": "6", "scale": "2"}}, {}),
    "partitioning": ({}, {"timePartitioning": {"type": "DAY", "field": "game_date"}}),
    "ingestion time": ({}, {"timePartitioning": {"type": "DAY"}}),
    "clustering": ({}, {"clustering": {"fields": ["game_id", "system_id"]}}),
    "other clustering": ({}, {"clustering": {"fields": ["system_id", "game_id"]}}),
}


def test_tables_with_different_storage_are_copied_separately(world: BigqueryWorld, double: BigqueryDouble) -> None:
    """All sources of a copy job need the same storage; these tables have the same columns and types."""
    world.stage([prediction(player_lookup="plain")])
    for number, (name, (fields, layout)) in enumerate(LAYOUTS.items()):
        for worker in "ab":
            staged_by_another(world, double, [f"{name} {worker}"], f"w{number}{worker}", fields, layout)
    result = world.consolidate()
    assert (result.inserted, result.staging_dropped) == (2 * len(LAYOUTS) + 1,) * 2
    copies = [job for job in double.jobs.by_id.values() if "copy" in job.configuration]
    assert len(copies) == len(LAYOUTS) + 1


def staged_by_another(
    world: BigqueryWorld,
    double: BigqueryDouble,
    players: list[str],
    worker: str = "w1",
    fields: Mapping[str, Any] = MappingProxyType({}),
    layout: Mapping[str, Any] = MappingProxyType({}),
) -> TableName:
    """Create a staging table of another writer."""
    table = world.spec.table.sibling(f"_staging_batch_1_{worker}")
    declared = [field.to_api_repr() | fields.get(field.name, {}) for field in schema_fields(MAIN_TABLE)]
    double.catalogue.add_table(table.dataset, table.table, declared, dict(layout))
    rows = [prediction(player_lookup=player) for player in players]
    double.catalogue.insert(table.dataset, table.table, rows)
    return table


def test_every_type_is_staged_and_merged(world: BigqueryWorld) -> None:
    """Rows with JSON, ARRAY or DATETIME are loaded as JSON lines: Parquet cannot carry them."""
    check_every_type_is_staged_and_merged(world)


def test_the_real_schema_and_the_real_names(world: BigqueryWorld) -> None:
    with_the_real_schema(world.client, world.spec)
    check_the_real_schema(world, lambda sql: world.client.query(sql).result())
    check_what_a_worker_writes(world)


def test_duplicates_are_explained_repaired_and_undone(world: BigqueryWorld) -> None:
    twice = [prediction(prediction_id="x"), prediction(prediction_id="x"), prediction(prediction_id="y")]
    world.insert([*twice, prediction(player_lookup="other")])
    before = world.table()
    [group] = explain_duplicates(world.warehouse, world.spec, DAY).groups
    assert (group.rows, group.kind) == (3, DuplicateKind.BOTH)
    repaired = apply_repair(world.warehouse, world.locks, world.spec, plan_repair(world.warehouse, world.spec, DAY))
    assert (repaired.removed, repaired.kept, repaired.duplicate_keys_after) == (2, 1, 0)
    assert len(world.table()) == 2
    undo = plan_undo(world.warehouse, world.spec, DAY, repaired.backup_table.table)
    undo_repair(world.warehouse, world.locks, world.spec, undo)
    assert undo.rows_to_put_back == 3
    assert world.table() == before
