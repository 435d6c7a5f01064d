"""DuckDB and Google's reference implementation return the same for our statements.

Separate from `test_googlesql_analysis`, because each process has to compile the analyzer first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from zetasql.core.exceptions import ServerError

from lib.consolidation.values import reader
from lib.consolidation.warehouse import Column, Execute
from tests.consolidation.world import DAY, predictions
from tests.gcp.bigquery.oracle.lives import JudgedWorld, judge
from tests.gcp.bigquery.oracle.reference import select


@pytest.mark.long
def test_both_return_the_same_rows() -> None:
    report = judge(3)
    assert not report.differences, str(report)
    assert report.compared.keys() >= {"SELECT", "requirement", "CREATE TABLE AS", "INSERT", "UPDATE", "MERGE"}


def test_a_number_is_rounded_before_it_is_staged_as_googlesql_rounds_it() -> None:
    """Or both find it out of range; staged values therefore equal merged values."""
    column = Column("points", "NUMERIC", parameters=(5, 1))
    read = reader(column)
    assert read is not None

    def cast(value: str) -> Any:
        [(found,)] = select(f"SELECT CAST(NUMERIC '{value}' AS {column.declared})", {}, {})
        return found

    values = ("26.25", "-26.25", "26.35", "-0.05", "0.049999999", "9999.949")
    assert [read(value) for value in values] == [cast(value) for value in values]
    for value in ("9999.95", "-1e4"):
        with pytest.raises(ServerError, match="not in range"):
            cast(value)
        with pytest.raises(ValueError, match=r"^$"):
            read(value)


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
