"""Each call of the services to stage and consolidate, and what they read from its result."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from google.cloud import bigquery

from lib.compat import (
    TABLE,
    BatchConsolidator,
    BatchStagingWriter,
    ConsolidationLock,
    ConsolidationResult,
    StagingWriteResult,
    get_worker_id,
)
from lib.consolidation.identifiers import TableName
from lib.errors import UserError
from tests.compat.project import DAY, Project
from tests.consolidation.world import later, prediction
from tests.gcp.bigquery.double import Fault
from tests.gcp.bigquery.world import create_main_table

BATCH = "batch_2026-01-16_1768529790"
KEY = f"consolidation_{DAY}"
WORKER = "prediction-worker-00035-4xk_0a49f283"
NOTHING = ConsolidationResult(0, 0, 0, success=True)


def records(*players: str, **changes: Any) -> list[dict[str, Any]]:
    """Return a worker's records, in the form that it would write as JSON."""
    made = {"created_at": later(0).isoformat(), "updated_at": None, "game_date": DAY, **changes}
    return [prediction(prediction_id=f"of {player}", player_lookup=player, **made) for player in players]


def staged(project: Project, *players: str, batch_id: str = BATCH) -> None:
    for player in players:
        assert project.writer.write_to_staging(records(player), batch_id, WORKER).success


def test_positional_calls_return_what_callers_read(project: Project) -> None:
    staged(project, "a", "b", "c")
    result = project.consolidator.consolidate_batch(BATCH, DAY)
    assert (result.success, result.error_message) == (True, None)
    assert (result.rows_affected, result.staging_tables_merged, result.staging_tables_cleaned) == (3, 3, 3)
    assert [row["player_lookup"] for row in project.rows()] == ["a", "b", "c"]
    assert project.staged() == []


def test_an_unknown_batch_is_a_success_with_zero_rows(project: Project) -> None:
    assert project.consolidator.consolidate_batch(BATCH, DAY) == NOTHING
    assert project.rows() == []


def test_a_second_call_changes_nothing(project: Project) -> None:
    staged(project, "a")
    consolidator = project.consolidator
    assert consolidator.consolidate_batch(batch_id=BATCH, game_date=DAY, cleanup=True).rows_affected == 1
    before = project.rows()
    assert consolidator.consolidate_batch(batch_id=BATCH, game_date=DAY, cleanup=True) == NOTHING
    assert project.rows() == before


def test_without_cleanup_the_tables_stay_until_a_call_that_cleans_up(project: Project) -> None:
    staged(project, "a", "b")
    consolidator = project.consolidator
    kept = consolidator.consolidate_batch(BATCH, DAY, cleanup=False)
    assert kept == ConsolidationResult(2, 2, 0, success=True)
    assert len(project.staged()) == 2
    assert consolidator.consolidate_batch(BATCH, DAY, True) == ConsolidationResult(0, 0, 2, success=True)
    assert project.staged() == []


def test_without_the_lock_it_does_not_wait_and_with_it_says_who_holds_it(project: Project) -> None:
    staged(project, "a")
    with ConsolidationLock(project.project_id).acquire(game_date=DAY, batch_id="another"):
        waited = project.consolidator.consolidate_batch(BATCH, DAY, max_wait_seconds=0)
        assert not waited.success
        assert str(waited.error_message).startswith(
            f"Cannot acquire consolidation lock: {KEY} is held by batch another"
        )
        assert project.rows() == []
        assert project.consolidator.consolidate_batch(BATCH, DAY, True, False).rows_affected == 1


@pytest.mark.parametrize(
    ("batch_id", "game_date", "said"),
    [
        (BATCH, "2026-01-17", "rows of another date than 2026-01-17"),
        (BATCH, "16.01.2026", "16.01.2026"),
        ("a batch; DROP TABLE", DAY, "batch id"),
    ],
)
def test_a_failed_merge_is_returned_and_not_raised(project: Project, batch_id: str, game_date: str, said: str) -> None:
    staged(project, "a")
    result = project.consolidator.consolidate_batch(batch_id, game_date)
    assert (result.success, result.rows_affected) == (False, 0)
    assert said in str(result.error_message)
    assert "\n" not in str(result.error_message)
    assert (project.rows(), len(project.staged())) == ([], 1)


def test_a_warehouse_that_refuses_is_returned_too(project: Project) -> None:
    staged(project, "a")
    project.double.faults.append(Fault("POST .*/(queries|jobs)$", 403, "accessDenied"))
    result = project.consolidator.consolidate_batch(BATCH, DAY)
    assert (result.success, result.rows_affected) == (False, 0)
    assert "accessDenied" in str(result.error_message) or "denied" in str(result.error_message)


def test_what_callers_read(project: Project) -> None:
    result = project.writer.write_to_staging(predictions=records("a", "b"), batch_id=BATCH, worker_id=WORKER)
    [table] = project.staged()
    assert result == StagingWriteResult(f"{project.project_id}.nba_predictions.{table}", 2, success=True)
    assert table.startswith("_staging_batch_2026_01_16_1768529790_predictionworker000354xk0a49f283")


def test_no_predictions_are_a_success(project: Project) -> None:
    assert project.writer.write_to_staging([], BATCH, WORKER) == StagingWriteResult("", 0, success=True)
    assert project.staged() == []


def test_records_of_different_systems_share_a_table(project: Project) -> None:
    """A field of one record is NULL in the others, as if the table had all columns."""
    one, another = records("a", "b")
    del one["confidence_score"]
    assert project.writer.write_to_staging([one, another], BATCH, WORKER).rows_written == 2
    assert len(project.staged()) == 1
    project.consolidator.consolidate_batch(BATCH, DAY)
    assert {row["player_lookup"]: row["confidence_score"] for row in project.rows()} == {"a": None, "b": 0.7}


@pytest.mark.parametrize(
    ("predictions", "said"),
    [
        (records("a", unknown_field=1), "unknown_field"),
        (records("a", game_id=None), "game_id"),
        (records("a", predicted_points="many"), "predicted_points"),
        ([7], "TypeError"),
    ],
)
def test_invalid_rows_are_returned_as_a_failure_and_not_raised(
    project: Project, predictions: Sequence[Any], said: str
) -> None:
    result = project.writer.write_to_staging(predictions, BATCH, WORKER)
    assert (result.success, result.rows_written, result.staging_table_name) == (False, 0, "")
    assert said in str(result.error_message)
    assert project.staged() == []


def test_a_worker_is_named_by_its_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K_REVISION", "prediction-worker-00035-4xk")
    assert re.fullmatch(r"prediction-worker-00035-4xk_[0-9a-f]{8}", get_worker_id())
    assert get_worker_id() != get_worker_id()
    monkeypatch.delenv("K_REVISION")
    assert re.fullmatch(r"worker_[0-9a-f]{12}", get_worker_id())


def test_a_dataset_with_a_prefix_has_its_own_rows_and_locks(project: Project) -> None:
    project.client.create_dataset("test_nba_predictions")
    table = TableName("test_nba_predictions", TABLE.table.table)
    create_main_table(project.client, replace(TABLE, table=table))
    writer = BatchStagingWriter(project.client, project.project_id, dataset_prefix="test")
    assert writer.write_to_staging(records("a"), BATCH, WORKER).success
    consolidator = BatchConsolidator(project.client, project.project_id, dataset_prefix="test")
    with ConsolidationLock(project.project_id).acquire(game_date=DAY, batch_id="of the real table"):
        assert consolidator.consolidate_batch(BATCH, DAY, max_wait_seconds=0).rows_affected == 1
    assert (len(project.rows(table)), project.rows()) == (1, [])


Made = Callable[[bigquery.Client, str], object]


@pytest.mark.parametrize("made", [BatchStagingWriter, BatchConsolidator])
def test_a_client_of_another_project_is_refused(project: Project, made: Made) -> None:
    with pytest.raises(UserError, match="some-project"):
        made(project.client, "some-project")
