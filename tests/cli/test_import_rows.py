"""Importing a table's export with `runbook import rows`: every column, all files or none."""

from __future__ import annotations

import json
import logging
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from tests.environments import NEEDED
from tests.hostile.hostile import FRAGMENTS, assert_refused, call

TABLE = "nba_predictions.player_prop_predictions"
DAY = date(2026, 1, 17)
NOON = datetime(2026, 1, 17, 12, tzinfo=UTC)
DECLARED: dict[str, tuple[pyarrow.DataType, Any, str]] = {
    "prediction_id": (pyarrow.string(), "p", "STRING"),
    "game_id": (pyarrow.string(), "0022500123", "STRING"),
    "player_lookup": (pyarrow.string(), "a", "STRING"),
    "recommendation": (pyarrow.string(), "2026-01-17", "STRING"),
    "system_id": (pyarrow.string(), "", "STRING"),
    "current_points_line": (pyarrow.decimal128(4, 1), Decimal("20.5"), "NUMERIC"),
    "game_date": (pyarrow.date32(), DAY, "DATE"),
    "is_active": (pyarrow.bool_(), True, "BOOL"),
    "created_at": (pyarrow.timestamp("us", tz="UTC"), NOON, "TIMESTAMP"),
    "updated_at": (pyarrow.timestamp("us", tz="UTC"), None, "TIMESTAMP"),
    "predicted_points": (pyarrow.float64(), 21.25, "FLOAT64"),
    "games_played": (pyarrow.int32(), 7, "INT64"),
    "scheduled_for": (pyarrow.timestamp("us"), NOON.replace(tzinfo=None), "DATETIME"),
    "data_quality_issues": (pyarrow.list_(pyarrow.string()), ["a", "b"], "ARRAY<STRING>"),
    "line_ids": (pyarrow.list_(pyarrow.int64()), [1, 2**62], "ARRAY<INT64>"),
    "key_factors": (pyarrow.struct([("pace", pyarrow.float64())]), {"pace": 1.5}, "JSON"),
    "notes": (pyarrow.null(), None, "STRING"),
}
ROW = {name: value for name, (_, value, _) in DECLARED.items()}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(logging.getLogger("lib"), "handlers", [])
    return tmp_path / "home"


def as_parquet(path: Path, *rows: dict[str, Any]) -> Path:
    schema = pyarrow.schema([(name, type_) for name, (type_, *_) in DECLARED.items()])
    parquet.write_table(pyarrow.Table.from_pylist([{**ROW, **row} for row in rows], schema=schema), path)
    return path


def as_bigquery_exports(value: Any) -> Any:
    """As written by `bq extract --destination_format NEWLINE_DELIMITED_JSON`: integers and decimals are text."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC" if value.tzinfo else f"{value:%Y-%m-%dT%H:%M:%S}"
    return str(value) if isinstance(value, date | Decimal) else value


def as_json_lines(path: Path, *rows: dict[str, Any]) -> Path:
    lines = [
        {name: as_bigquery_exports(value) for name, value in {**ROW, **row}.items() if value is not None}
        for row in rows
    ]
    path.write_text("\ufeff" + "\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    return path


def imported(*files: Path) -> dict[str, Any]:
    result = call("import", "rows", *files, "--json")
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return answer


def held(home: Path) -> list[dict[str, Any]]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(f"FROM {TABLE} ORDER BY player_lookup").to_arrow_table().to_pylist()


def test_parquet_keeps_every_column_and_its_type(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "day=1 [of] 'two'*?"
    folder.mkdir()
    first = as_parquet(folder / "a.parquet", {}, {"player_lookup": "b", "current_points_line": None})
    second = as_parquet(folder / "b.parquet", {"player_lookup": "c", "game_date": DAY - timedelta(days=1)})
    answer = call("import", "rows", first, second)
    assert answer.exit_code == 0, answer.output
    assert f"{first}: 2 rows\n{second}: 1 row\n" in answer.stdout
    assert "created with 17 columns, replacing an empty table with 12 columns: " in answer.stdout
    assert "3 rows of 2026-01-16 to 2026-01-17" in answer.stdout
    rows = held(home)
    assert [row["player_lookup"] for row in rows] == ["a", "b", "c"]
    assert {**rows[0], "key_factors": json.loads(rows[0]["key_factors"])} == {**ROW, "created_at": NOON}
    counted = call("duplicates", "--date", DAY)
    assert (counted.exit_code, "among 2 rows" in counted.stdout) == (0, True)

    again = call("import", "rows", first)
    assert_refused(again, f"{TABLE} has 3 rows", "RUNBOOK_HOME")
    assert held(home) == rows


def test_json_lines_of_bigquery_become_the_same_columns(tmp_path: Path, home: Path) -> None:
    """All except the decimal: it is text in the file, and a number only if the table's column is one."""
    done = imported(
        as_json_lines(tmp_path / "a.jsonl", {}, {"player_lookup": "b"}), as_json_lines(tmp_path / "b.ndjson")
    )
    expected = {name: type_ for name, (*_, type_) in DECLARED.items() if name != "notes"}
    assert done["columns"] == {**expected, "current_points_line": "FLOAT64"}
    assert (done["rows"], list(done["files"].values())) == (2, [2, 0])
    [row, _] = held(home)
    without = {name: value for name, value in ROW.items() if name != "notes"}
    assert {**row, "key_factors": json.loads(row["key_factors"])} == {**without, "current_points_line": 20.5}


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([1, 2.5, "NaN"], "FLOAT64"),
        (["1", "2"], "STRING"),
        (["007", None], "STRING"),
        ([True, False], "BOOL"),
        (["2026-01-17"], "DATE"),
        (["2026-01-17", "soon"], "STRING"),
        (["2026-01-17T10:00:00", "2026-01-17 10:00:00+02:00"], "TIMESTAMP"),
        (["2026-01-17T25:61:00"], "STRING"),
        ([[], [1]], "ARRAY<INT64>"),
        ([[1], [1.5]], "ARRAY<FLOAT64>"),
        ([[]], "ARRAY<STRING>"),
        ([["a", None]], "JSON"),
        ([["a"], "a"], "JSON"),
        ([{"a": [1, "x"]}, [1], None], "JSON"),
        ([1, "x"], "JSON"),
        ([[], False], "JSON"),
        ([[], 1, None], "JSON"),
        ([[], 1.5], "JSON"),
        ([[1], 1], "JSON"),
    ],
)
def test_a_column_of_json_lines_has_the_type_that_keeps_all_its_values(
    tmp_path: Path, home: Path, values: list[Any], type_: str
) -> None:
    file = as_json_lines(tmp_path / "a.jsonl", *({"player_lookup": f"p{n}", "extra": v} for n, v in enumerate(values)))
    assert imported(file)["columns"]["extra"] == type_
    found = [row["extra"] for row in held(home)]
    if type_ == "JSON":
        assert [None if value is None else json.loads(value) for value in found] == values
    elif type_ in {"STRING", "BOOL"}:
        assert found == values


def test_all_files_or_none(tmp_path: Path, home: Path) -> None:
    good = as_parquet(tmp_path / "a.parquet", {})
    for name, content, expected in (
        ("b.parquet", b"PAR1", "b.parquet cannot be imported"),
        ("b.jsonl", b"{}\n", "line 1 has no columns"),
        ("b.jsonl", b'{"a": 1, "a": 2}\n', "line 1 is not JSON"),
        ("b.jsonl", b'{"a": "\\ud800"}\n', "line 1 contains text that is not valid Unicode"),
        ("b.jsonl", b'{"a": 1' + b"0" * 30 + b"}\n", "line 1: 1000"),
        ("b.jsonl", b'{"x\\"; DROP TABLE y": 1}\n', "only letters, digits and underscores"),
        ("b.jsonl", b'{"Game_ID": "g"}\n', "differ only in case"),
        ("b.jsonl", b'{"game_id": 5}\n', "column game_id is STRING in "),
        ("b.jsonl", b"\xff\xfe\n", "is not UTF-8 text"),
        ("b.csv", b"a\n1\n", "unknown kind of file"),
        ("missing.parquet", None, "cannot be imported"),
        ("missing.jsonl", None, "cannot be read"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        assert_refused(call("import", "rows", good, tmp_path / name), expected)
    assert_refused(call("import", "rows", good, good), "the same file is given twice")
    lacking = tmp_path / "lacking.jsonl"
    lacking.write_text('{"game_id": "g"}\n')
    assert "the table lacks" in call("import", "rows", lacking).stderr
    assert imported(good)["rows"] == 1


def test_another_table_is_created_if_missing_and_filled_if_empty(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.yaml").write_text(NEEDED)
    monkeypatch.setenv("RUNBOOK_ENVIRONMENTS", str(tmp_path))
    orders, more = tmp_path / "orders.jsonl", tmp_path / "more.jsonl"
    orders.write_text('{"id": 1, "day": "2026-01-17", "total": 2.5}\n')
    more.write_text('{"id": 1, "day": "2026-01-17", "total": 2.5, "extra": 1}\n')
    made = call("import", "rows", orders, "--env", "shop")
    assert "shop.orders: created with 3 columns, as it was missing: 1 INT64, 1 DATE, 1 FLOAT64" in made.stdout
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("DELETE FROM shop.orders")
        connection.execute("ALTER TABLE shop.orders ALTER total TYPE DECIMAL(9, 2)")
    assert_refused(call("import", "rows", more, "--env", "shop"), "lacks columns of the files: extra")
    filled = call("import", "rows", orders, "--env", "shop")
    assert "shop.orders: filled the empty table: 1 INT64, 1 DATE, 1 NUMERIC" in filled.stdout
    assert filled.stdout.endswith("Next: runbook run duplicate_diagnosis -p date=2026-01-17 --env shop\n")


texts = st.text(st.characters(codec="utf-8"), max_size=9) | st.sampled_from(
    [text for text in FRAGMENTS.values() if len(text) < 100 and text != FRAGMENTS["half a pair"]]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(values, min_size=1, max_size=4))
@example([[], False])
def test_every_value_of_a_column_is_kept(tmp_path_factory: pytest.TempPathFactory, values: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("rows")
    file = as_json_lines(folder / "a.jsonl", *({"player_lookup": f"p{n}", "extra": v} for n, v in enumerate(values)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNBOOK_HOME", str(folder / "home"))
        patch.setattr(logging.getLogger("lib"), "handlers", [])
        type_ = imported(file)["columns"].get("extra")
    found = [row.get("extra") for row in held(folder / "home")]
    if type_ == "JSON":
        found = [None if value is None else json.loads(value) for value in found]
    if type_ not in {"DATE", "DATETIME", "TIMESTAMP"}:
        assert found == values
