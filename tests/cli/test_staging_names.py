"""A batch staged by Cloud Run workers under their real names: shown, consolidated, cleaned up."""

from __future__ import annotations

import logging
import shlex
from datetime import date
from pathlib import Path

import duckdb
import pytest

from lib.operations.scope import scope_of
from lib.operations.staging.backlog import backlog, staging_state
from lib.platform import connect
from lib.verdict.verdict import Verdict
from tests.cli.conftest import Shell

NIGHT = "batch_2026-01-17_1768650000"
# A deployment in the middle of the batch: two revisions, and another batch whose id begins the same.
TABLES = {
    "_staging_batch_2026_01_17_1768650000_prediction_worker_00035_4xk_0a49f283": "a",
    "_staging_batch_2026_01_17_1768650000_prediction_worker_00035_4xk_77aa00bb": "b",
    "_staging_batch_2026_01_17_1768650000_prediction_worker_00036_q2z_0a49f283": "c",
    "_staging_batch_2026_01_17_1768650000_2_prediction_worker_00036_q2z_12345678": "other",
}


def as_their_workers_do(home: Path) -> None:
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        for table, player in TABLES.items():
            connection.execute(
                f"CREATE TABLE nba_predictions.{table} AS SELECT 'p' AS prediction_id, 'g' AS game_id, "
                f"'{player}' AS player_lookup, 's' AS system_id, 20.5 AS current_points_line, DATE '2026-01-17' AS "
                "game_date, TRUE AS is_active"
            )


def test_tables_of_two_revisions_are_found_under_the_batchs_real_id(
    shell: Shell, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("lib"), "handlers", [])
    monkeypatch.setenv("RUNBOOK_HOME", str(home))
    platform = connect("local")
    assert platform.warehouse.columns(platform.table.table)
    as_their_workers_do(home)

    scope = scope_of(platform, game_date="2026-01-17")
    section = backlog(scope, stuck_after_minutes=60)
    [check], [table] = section.checks, section.exhibits
    assert [row[:4] for row in table.rows] == [(NIGHT, "2026-01-17", 3, 3), (f"{NIGHT}_2", "2026-01-17", 1, 1)]
    assert check.verdict is Verdict.WARN
    assert [row[:3] for row in staging_state(scope).exhibits[0].rows] == [
        (NIGHT, "2026-01-17", 3),
        (f"{NIGHT}_2", "2026-01-17", 1),
    ]
    planned = shell(*shlex.split(check.commands[0])[1:])
    assert planned.stdout.startswith("dry_run: 3 staged = 3 inserted"), planned.stderr
    done = shell(*shlex.split(check.changes[0])[1:])
    assert (done.returncode, done.stdout[:41]) == (0, "consolidated: 3 staged = 3 inserted + 0 up"[:41]), done.stderr
    again = shell("consolidate", "--batch", NIGHT, "--date", date(2026, 1, 17))
    assert again.stdout.startswith("already_consolidated")
    [rest] = backlog(scope_of(platform, game_date="2026-01-17"), stuck_after_minutes=60).exhibits[0].rows
    assert rest[0] == f"{NIGHT}_2"
