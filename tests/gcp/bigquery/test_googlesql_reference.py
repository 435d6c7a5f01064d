"""What DuckDB makes of our statements is what Google's reference implementation makes of them.

Beside `test_googlesql_analysis`, because each process that calls the analyzer has to compile it first.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.consolidation.warehouse import Execute
from tests.consolidation.world import DAY, predictions
from tests.gcp.bigquery.oracle.lives import JudgedWorld, judge


@pytest.mark.long
def test_both_give_the_same_rows() -> None:
    report = judge(3)
    assert not report.differences, str(report)
    assert report.compared.keys() >= {"SELECT", "requirement", "CREATE TABLE AS", "INSERT", "UPDATE", "MERGE"}


def test_other_rows_are_found(tmp_path: Path) -> None:
    """DuckDB rounds half to even, and runs a MERGE that BigQuery refuses."""
    world = JudgedWorld(tmp_path)
    world.insert(predictions(3))
    report, table = world.report, world.spec.table.sql
    of_day = f"FROM {table} WHERE game_date = @day"
    world.warehouse.query(f"SELECT CAST(predicted_points + 0.5 AS INT64) AS rounded {of_day}", {"day": DAY})
    assert [found.kind for found in report.differences] == ["SELECT"], str(report)
    source = "(SELECT number FROM UNNEST([1, 2]) AS number)"
    changed = "WHEN MATCHED THEN UPDATE SET `predicted_points` = S.number"
    twice = f"MERGE INTO {table} AS T USING {source} AS S ON T.game_date = @day {changed}"
    world.warehouse.transact([Execute("merge", twice)], {"day": DAY})
    assert report.differences[-1].kind == "MERGE with several source rows for one row"
