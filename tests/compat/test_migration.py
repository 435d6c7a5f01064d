"""The migration of docs/how-to/upgrade.md: the coordinator first, in the middle of an evening, then the workers."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from google.cloud import bigquery

from lib.compat import TABLE
from lib.consolidation.ledger import ledger_runs
from lib.consolidation.warehouse import Row
from lib.environment import load_environment
from tests.compat import old_worker
from tests.compat.coordinator import Coordinator
from tests.compat.project import DAY, Project
from tests.compat.worker import write_predictions_to_bigquery
from tests.consolidation.world import later
from tests.gcp.bigquery.world import create_main_table, with_the_real_schema
from tests.locking.backends import Backend

EVENING = "batch_2026-01-16_1768529790"
LINECHECK = "linecheck_2026-01-16_1768543200"
OLD, NEW, MIGRATED = (f"prediction-worker-{revision}" for revision in ("00035-4xk", "00036-q2z", "00037-b7d"))
NUMBER_OF_COLUMNS = 22
SYSTEMS = ("catboost_v9", "ensemble_v1_1", "moving_average")
PLAYERS = [f"player{number:02}" for number in range(80)]
ASKED_TWICE = PLAYERS[:4]
MOVED = PLAYERS[:5]
CHECKED = PLAYERS[:12]
WITHOUT_A_LINE = PLAYERS[11]
ids = random.Random(92)


def records(player: str, line: float, at: datetime) -> list[dict[str, Any]]:
    """Return the records of one player's request: one for each system, each with its own id."""
    return [
        {
            "prediction_id": str(uuid.UUID(int=ids.getrandbits(128), version=4)),
            "system_id": system_id,
            "player_lookup": player,
            "game_id": "20260116_LAL_BOS",
            "game_date": DAY,
            "current_points_line": None if player == WITHOUT_A_LINE else line,
            "predicted_points": 26.1,
            "confidence_score": 0.71,
            "recommendation": "NO_LINE" if player == WITHOUT_A_LINE else "OVER",
            "is_active": True,
            "data_quality_issues": ["late line"],
            "prediction_warnings": [],
            "feature_sources": ["vegas", "it's"],
            "created_at": at.replace(tzinfo=None).isoformat(),
            "updated_at": None,
            **({"model_metadata": '{"version": 9}'} if system_id == "catboost_v9" and at != later(0) else {}),
        }
        for system_id in SYSTEMS
    ]


@pytest.mark.long
def test_the_evening_of_a_migration(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    client = project.client
    schema = with_the_columns_that_workers_fill(client)

    # Workers of two revisions write the evening's batch. A column was added to the table between them.
    for number, player in enumerate([*PLAYERS, *ASKED_TWICE]):
        revision, columns = (OLD, schema[:-1]) if number < 50 else (NEW, schema)
        worker_id = f"{revision}_{ids.getrandbits(32):08x}"
        at = later(60_000 if number >= len(PLAYERS) else 0)
        old_worker.write_to_staging(client, records(player, 24.5, at), EVENING, worker_id, columns)
    assert len(project.staged()) == 84
    assert project.staged()[0].startswith("_staging_batch_2026_01_16_1768529790_prediction_worker_00035_4xk_")

    # The coordinator is migrated, and the last event is delivered twice.
    coordinator = Coordinator(client, EVENING, DAY, len(PLAYERS))
    for player in PLAYERS:
        coordinator.complete({"player_lookup": player})
    done = {"success": True, "rows_affected": 240, "staging_tables_merged": 84, "staging_tables_cleaned": 84}
    assert (coordinator.summaries, project.staged()) == ([done], [])
    evening = project.rows()
    assert one_active_row_each(evening) == len(PLAYERS) * len(SYSTEMS)
    coordinator.complete({"player_lookup": PLAYERS[-1]})
    nothing = {"success": True, "rows_affected": 0, "staging_tables_merged": 0, "staging_tables_cleaned": 0}
    assert coordinator.summaries == [done, nothing]
    assert project.rows() == evening

    # Then the workers are migrated. Five players' lines have moved.
    monkeypatch.setenv("K_REVISION", MIGRATED)
    for player in CHECKED:
        line = 25.0 if player in MOVED else 24.5
        assert write_predictions_to_bigquery(client, records(player, line, later(3_600_000)), LINECHECK)
    coordinator = Coordinator(client, LINECHECK, DAY, len(CHECKED))
    for player in [*CHECKED, CHECKED[-1]]:
        coordinator.complete({"player_lookup": player})
    checked = {"success": True, "rows_affected": 36, "staging_tables_merged": 12, "staging_tables_cleaned": 12}
    assert (coordinator.summaries, project.staged()) == ([checked, nothing], [])

    rows = project.rows()
    assert one_active_row_each(rows) == len(PLAYERS) * len(SYSTEMS)
    lines = {row["player_lookup"]: row["current_points_line"] for row in rows if row["is_active"]}
    assert lines == {**dict.fromkeys(PLAYERS, 24.5), **dict.fromkeys(MOVED, 25.0), WITHOUT_A_LINE: None}
    gave_way = [row for row in rows if not row["is_active"]]
    assert {(row["player_lookup"], row["current_points_line"]) for row in gave_way} == {(name, 24.5) for name in MOVED}
    assert all(list(row["feature_sources"]) == ["vegas", "it's"] for row in rows)
    assert all(row["updated_at"] is not None for row in rows)
    assert len({row["prediction_id"] for row in rows}) == len(rows)

    the_ledger_agrees_with_the_table(project, rows)
    assert Backend("firestore", project.project_id).store().read_all() == []


def with_the_columns_that_workers_fill(client: bigquery.Client) -> Sequence[bigquery.SchemaField]:
    """Return the first of the real table's 117 columns; with all, the double would take minutes for 84 tables."""
    with_the_real_schema(client, TABLE)
    fields: Sequence[bigquery.SchemaField] = client.get_table(str(TABLE.table)).schema[:NUMBER_OF_COLUMNS]
    client.delete_table(str(TABLE.table))
    create_main_table(client, TABLE, fields)
    return fields


def one_active_row_each(rows: list[Row]) -> int:
    """Return the number of rows, after checking that no game, player and system has two."""
    active = Counter((row["game_id"], row["player_lookup"], row["system_id"]) for row in rows if row["is_active"])
    assert set(active.values()) == {1}
    return len(active)


def the_ledger_agrees_with_the_table(project: Project, rows: list[Row]) -> None:
    later_run, first = ledger_runs(project.warehouse, TABLE)
    assert (first.batch_id, later_run.batch_id) == (EVENING, LINECHECK)
    for run in (first, later_run):
        assert run.staged_rows == run.inserted_rows + run.updated_rows + run.deduplicated_rows
    assert first.inserted_rows + later_run.inserted_rows == len(rows)
    assert (first.deduplicated_rows, later_run.updated_rows) == (12, 21)
    assert first.superseded_rows + later_run.superseded_rows == len([row for row in rows if not row["is_active"]])
    assert (len(first.staging_tables), len(later_run.staging_tables)) == (84, 12)


def test_the_runbooks_settings_match_the_table_of_the_calls() -> None:
    environment = load_environment("production")
    assert environment.table_spec == replace(TABLE, timezone=environment.timezone)
