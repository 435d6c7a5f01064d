"""What GoogleSQL means, DuckDB does, also where its own function of that name does something else."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from lib.embedded.googlesql import translate
from tests.consolidation.world import World, prediction


@pytest.mark.parametrize(
    ("rows", "counted"),
    [("[]", 0), ("[NULL]", 0), ("[NULL, FALSE]", 0), ("[NULL, TRUE, TRUE]", 2)],
)
def test_countif_is_a_number_whatever_it_counts(rows: str, counted: int) -> None:
    """DuckDB's is NULL where nothing is counted, and NULL passes no requirement."""
    sql, _ = translate("SELECT COUNTIF(held), COUNTIF(NOT held IS NULL AND held) FROM looked_at")
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE looked_at AS SELECT unnest(CAST({rows} AS BOOLEAN[])) AS held")
        assert connection.execute(sql).fetchall() == [(counted, counted)]


def test_rows_that_leave_open_whether_they_are_active_are_active(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.stage([prediction(is_active=None)])
    assert world.consolidate().inserted == 1
    assert world.table() == [prediction()]
