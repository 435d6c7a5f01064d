"""A user's own query in a notebook returns a DataFrame, and must be a SELECT."""

from datetime import date

import pytest

from lib.errors import UserError
from lib.operations.scope import Scope, scope_of
from lib.platform import Platform
from tests.operations.changes.actions import DAY, consolidate, row, stage


@pytest.fixture
def scope(platform: Platform) -> Scope:
    stage(platform, [row(number) for number in range(3)])
    consolidate(platform)
    return scope_of(platform, game_date=str(DAY))


def test_a_select_returns_a_frame(scope: Scope) -> None:
    name = scope.platform.table.table
    frame = scope.sql(f"SELECT COUNT(*) AS n, MIN(game_date) AS first FROM {name} WHERE game_date = @day")
    assert list(frame.columns) == ["n", "first"]
    assert frame.n[0] > 0
    assert frame["first"][0] == DAY
    other = scope.sql(f"SELECT game_id, system_id FROM {name} WHERE game_date = @day", day=date(1999, 1, 1))
    assert (len(other), list(other.columns)) == (0, ["game_id", "system_id"])
    nothing = scope.sql(f"SELECT * FROM {name} WHERE game_date = @day", day=date(1999, 1, 1))
    assert list(nothing.columns) == [column.name for column in scope.platform.warehouse.columns(name)]
    whole = scope.sql(f"SELECT * FROM {name} WHERE game_date = @day").dtypes
    assert [str(whole[each]) for each in ("created_at", "is_active")] == ["datetime64[us, UTC]", "bool"]
    assert str(scope.sql("SELECT n FROM UNNEST([9007199254740993, NULL]) AS n").dtypes["n"]) == "Int64"


def test_rows_are_limited_to_what_a_notebook_can_show(scope: Scope) -> None:
    with pytest.warns(UserWarning, match="only the first 10,000 rows are returned"):
        frame = scope.sql("SELECT n FROM UNNEST(GENERATE_ARRAY(1, 10500)) AS n")
    assert (len(frame), frame.attrs["cut"]) == (10_000, True)
    assert len(scope.sql("SELECT n FROM UNNEST(GENERATE_ARRAY(1, 10500)) AS n LIMIT 3")) == 3


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("DELETE FROM nba_predictions.player_prop_predictions WHERE TRUE", "single SELECT"),
        ("SELECT 1; DROP TABLE nba_predictions.player_prop_predictions", "single SELECT"),
        ("CREATE TABLE a.b AS SELECT 1", "single SELECT"),
        ("", "single SELECT"),
        ("SELECT FROM WHERE", "not GoogleSQL"),
        ("SELECT @who", "@who"),
        (
            "SELECT player AS p FROM nba_predictions.player_prop_predictions AS t WHERE t.game_date = @day",
            "no column 'player'; did you mean player_lookup",
        ),
    ],
)
def test_anything_else_is_refused_in_one_line(scope: Scope, sql: str, message: str) -> None:
    before = scope.sql("SELECT COUNT(*) AS n FROM nba_predictions.player_prop_predictions")
    with pytest.raises(UserError, match=message) as refused:
        scope.sql(sql)
    assert "\n" not in str(refused.value)
    assert before.equals(scope.sql("SELECT COUNT(*) AS n FROM nba_predictions.player_prop_predictions"))
