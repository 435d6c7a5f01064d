"""DuckDB does what GoogleSQL means, even if its own function of the same name differs."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.consolidation.identifiers import TableName
from lib.consolidation.upkeep.staged_dates import union
from lib.embedded.googlesql import bind, translate
from tests.consolidation.world import World, later, prediction


@pytest.mark.parametrize(
    ("rows", "counted"),
    [("[]", 0), ("[NULL]", 0), ("[NULL, FALSE]", 0), ("[NULL, TRUE, TRUE]", 2)],
)
def test_countif_is_always_a_number(rows: str, counted: int) -> None:
    """DuckDB returns NULL for no rows, and NULL fails every requirement."""
    sql, _ = translate("SELECT COUNTIF(held), COUNTIF(NOT held IS NULL AND held) FROM looked_at")
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE looked_at AS SELECT unnest(CAST({rows} AS BOOLEAN[])) AS held")
        assert connection.execute(sql).fetchall() == [(counted, counted)]


def test_rows_without_an_active_flag_are_active(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.stage([prediction(is_active=None)])
    assert world.consolidate().inserted == 1
    assert world.table() == [prediction()]


_KEYS = st.tuples(st.sampled_from([None, "a", "b"]), st.sampled_from([None, 0.0, -0.0, float("nan"), 1.5]))


@given(st.lists(st.tuples(_KEYS, st.integers(0, 3)), max_size=12))
def test_the_newest_row_of_each_key_is_the_one_that_a_window_finds(rows: list[tuple[tuple[str, float], int]]) -> None:
    newest = "SELECT * FROM (SELECT * FROM staged) AS staged WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY {}) = 1"
    sql, _ = translate(newest.format("name, CAST(number + 0 AS STRING) ORDER BY newness DESC, place"))
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE staged (name VARCHAR, number DOUBLE, newness INTEGER, place INTEGER)")
        for place, ((name, number), newness) in enumerate(rows):
            connection.execute("INSERT INTO staged VALUES (?, ?, ?, ?)", [name, number, newness, place])
        expected = connection.execute(newest.format("name, number ORDER BY newness DESC, place")).fetchall()
        found = connection.execute(sql).fetchall()
        assert sorted(row[-1] for row in found) == sorted(row[-1] for row in expected)


@pytest.mark.parametrize(
    "also", ["", "'' AS staging_table, {items}", "'more' AS staging_table, {items} AS S WHERE 1 > 2"]
)
@pytest.mark.parametrize("where", ["", " WHERE number < @most"])
@pytest.mark.parametrize("tables", [1, 2, 7])
def test_same_select_of_each_table_is_translated_once(tables: int, where: str, also: str) -> None:
    names = [TableName("staging", f"table_{number}") for number in range(tables)]
    items = "number * 2 AS doubled, COUNTIF(number = @first) OVER () = 1 AS is_first"
    more = also and f" UNION ALL SELECT {also.format(items=f'{items} FROM `staging`.`more`')}"
    select = f"{union(names, items).replace(' AS S', f' AS S{where}')}{more}"
    sql = f"SELECT staging_table, doubled, is_first FROM ({select}) AS A ORDER BY 1, 2"
    given = {"first": 1, **({"most": 3} if where else {})}
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA staging")
        for name in (*names, TableName("staging", "more")):
            connection.execute(f"CREATE TABLE {name} AS FROM range(5) AS numbers(number)")
        bound, parameters = bind(sql, given)
        assert parameters == given
        found = connection.execute(bound, given).fetchall()
        assert found == connection.execute(translate(sql)[0], given).fetchall()
    assert len(found) == tables * (3 if where else 5) + (5 if also and "WHERE" not in also else 0)
    translated = translate.cache_info().misses
    bind(sql.replace("table_", "other_"), given)
    assert translate.cache_info().misses - translated == (0 if tables > 1 else 1)


def test_many_small_tables_are_merged_as_one(tmp_path: Path) -> None:
    rows = [
        prediction(prediction_id=f"p{n}", player_lookup=f"player{n % 45}", updated_at=later(n), predicted_points=n)
        for n in range(90)
    ]
    merged = []
    for tables in (1, 90):
        world = World(tmp_path / str(tables))
        world.insert(rows[:10])
        world.stage(rows, tables=tables)
        result = world.consolidate()
        assert (len(result.staging_tables), result.inserted, result.updated, result.deduplicated) == (
            tables,
            35,
            10,
            45,
        )
        merged.append(world.table())
        with world.warehouse.connection() as connection:
            assert connection.execute(
                "SELECT count(*) FROM duckdb_tables() WHERE starts_with(table_name, '_')"
            ).fetchall() == [(0,)]
    assert merged[0] == merged[1]
