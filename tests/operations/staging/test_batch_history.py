"""What happened to a batch, and whether the date's duplicates are older than its consolidations."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from lib.consolidation.errors import InvalidIdentifier
from lib.embedded.duckdb_warehouse import DuckdbWarehouse
from lib.operations.freshness.writes import rows_against_ledger
from lib.operations.quality.night import night_of
from lib.operations.scope import Scope, scope_of
from lib.operations.staging.backlog import backlog
from lib.operations.staging.ledger_answers import batch_history, committed_consolidations
from lib.platform import Platform
from lib.verdict.verdict import Verdict

DAY = date(2026, 1, 17)
BATCH = f"batch_{DAY}_1768650000"


def stage(platform: Platform, batch_id: str = BATCH, **values: Any) -> None:
    rows = [
        {
            "prediction_id": f"{batch_id}-{number}",
            "game_id": "g",
            "player_lookup": f"p{number}",
            "system_id": "s",
            **values,
        }
        for number in range(10)
    ]
    full = [{"current_points_line": 24.5, **row} for row in rows]
    platform.staging_writer().write(full, batch_id=batch_id, worker_id="w1", game_date=DAY)


def seen(platform: Platform) -> Scope:
    return scope_of(platform, game_date=str(DAY))


def consolidate(platform: Platform, batch_id: str = BATCH) -> None:
    platform.consolidator().consolidate_batch(batch_id=batch_id, game_date=DAY)


def write_without_the_fence(platform: Platform, rows: int) -> None:
    assert isinstance(platform.warehouse, DuckdbWarehouse)
    table = '"nba_predictions"."player_prop_predictions"'
    with platform.warehouse.connection() as connection:
        connection.execute(f"INSERT INTO {table} SELECT DISTINCT ON (player_lookup) * FROM {table} LIMIT {rows}")


def test_a_batch_is_followed_from_its_first_table_to_its_last(platform: Platform) -> None:
    told = []
    for act in (lambda: None, lambda: stage(platform), lambda: consolidate(platform), lambda: stage(platform)):
        act()
        (check,) = batch_history(seen(platform), BATCH).checks
        told.append((check.verdict, check.summary))
    verdicts, summaries = zip(*told, strict=True)
    assert verdicts == (Verdict.UNKNOWN, Verdict.WARN, Verdict.PASS, Verdict.WARN)
    assert summaries[1] == "never consolidated; 1 staging table with 10 rows waits"
    assert "10 rows from 1 staging table (10 inserted, 0 updated, 0 deduplicated)" in summaries[2]
    assert summaries[2].endswith("nothing waits in staging, and nothing is lost")
    assert summaries[3].endswith("1 staging table with 10 rows waits")


def test_no_batch_reports_nothing_and_an_invalid_id_is_refused(platform: Platform) -> None:
    assert batch_history(seen(platform), "").checks == ()
    with pytest.raises(InvalidIdentifier):
        batch_history(seen(platform), "'; DROP TABLE x; --")


def test_old_and_new_duplicates_are_distinguished(platform: Platform) -> None:
    stage(platform)
    consolidate(platform)
    assert committed_consolidations(seen(platform)).checks == ()
    write_without_the_fence(platform, 3)
    (new,) = committed_consolidations(seen(platform)).checks
    assert new.summary == f"new ones were written without the fence: 3 after {BATCH}"
    stage(platform, "later", predicted_points=1.0)
    consolidate(platform, "later")
    (between,) = committed_consolidations(seen(platform)).checks
    assert f"3 between {BATCH} and later" in between.summary
    assert {check.verdict for check in (new, between)} == {Verdict.WARN}


def test_only_the_newest_runs_of_a_long_ledger_are_read_and_the_checks_say_so(platform: Platform) -> None:
    """500 older runs of the date, as many as a runbook reads, and 500 runs of a batch that is still staged."""
    stage(platform)
    consolidate(platform)
    write_without_the_fence(platform, 3)
    stage(platform, "waits")
    assert isinstance(platform.warehouse, DuckdbWarehouse)
    ledger = f'"nba_predictions"."{platform.table.ledger.table}"'
    with platform.warehouse.connection() as connection:
        older = "'older' AS batch_id, L.committed_at - INTERVAL 1 DAY AS committed_at, 0 AS inserted_rows"
        named = "'waits' AS batch_id, L.committed_at + INTERVAL 1 DAY AS committed_at, L.day - 1 AS day"
        for changed in (older, named):
            connection.execute(
                f"INSERT INTO {ledger} SELECT L.* REPLACE ({changed}) FROM {ledger} AS L, range(500) "
                f"WHERE L.batch_id = '{BATCH}'"
            )
    scope = seen(platform)
    (age,) = committed_consolidations(scope).checks
    assert age.evidence["first consolidation"] == "older, of the newest 500"
    (history,) = batch_history(scope, "older").checks
    assert history.evidence["consolidations"] == "the newest 500"
    (unknown,) = batch_history(scope, "older_1").checks
    assert unknown.evidence["similar batch ids, of the newest 500 runs"] == []
    (waiting,) = backlog(scope, stuck_after_minutes=60).checks
    assert waiting.verdict is Verdict.UNKNOWN
    assert "the ledger has 500 or more consolidations" in waiting.summary
    (kept,) = rows_against_ledger(night_of(scope, days=1)).checks
    assert (kept.verdict, kept.evidence["consolidations"]) == (Verdict.UNKNOWN, "the newest 500")
