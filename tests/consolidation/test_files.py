"""A user's file is staged completely, or refused in one line that names row, column and value."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from lib.consolidation.errors import StagedDataError
from lib.consolidation.files import read_rows
from lib.consolidation.warehouse import Column, Row
from tests.consolidation.world import DAY, World, in_order, prediction, quoted

HOSTILE = 'a "quoted", <b>😀</b>\nname; --'
EXTRA = (
    Column("minutes", "INT64"),
    Column("price", "NUMERIC"),
    Column("seen_at", "DATETIME"),
    Column("details", "JSON"),
    Column("issues", "ARRAY<STRING>"),
)
ROWS = [
    prediction(
        player_lookup=HOSTILE, current_points_line=None, updated_at=None, minutes=-(2**63), price=Decimal("0.1")
    ),
    prediction(player_lookup="007", current_points_line=24.5, minutes=None, seen_at=datetime(2026, 1, 17, 9, 30)),  # noqa: DTZ001
    prediction(player_lookup="NA", current_points_line=25.0, details='{"a": [1, null]}', issues=["it's", "a,b"]),
]


@pytest.fixture
def wide(world: World) -> World:
    """A main table with a column of each type."""
    with world.warehouse.connection() as connection:
        for column, type_ in zip(EXTRA, ("BIGINT", "DECIMAL(38, 9)", "TIMESTAMP", "JSON", "VARCHAR[]"), strict=True):
            connection.execute(f"ALTER TABLE {quoted(world.spec.table)} ADD COLUMN {column.name} {type_}")
    return world


def complete(row: Row) -> Row:
    return {**{column.name: [] if column.element else None for column in EXTRA}, **row}


def text(value: Any) -> str:
    """Return a value as a cell of a CSV file, in which an array is JSON."""
    return "" if value is None else json.dumps(value) if isinstance(value, list) else str(value)


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    cells = [[text(value).replace('"', '""') for value in complete(row).values()] for row in rows]
    lines = [",".join(complete(rows[0])), *(",".join(f'"{cell}"' for cell in row) for row in cells)]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode() + b"\r\n\r\n")


def write_json_lines(path: Path, rows: Sequence[Row]) -> None:
    plain = (int, float, bool, str, list)
    lines = [
        json.dumps({k: v if v is None or isinstance(v, plain) else str(v) for k, v in row.items()}, ensure_ascii=False)
        for row in rows
    ]
    path.write_text("\n\n".join(lines), encoding="utf-8-sig")


def write_parquet(path: Path, rows: Sequence[Row]) -> None:
    names = list(complete(rows[0]))
    parquet.write_table(pyarrow.table({name: [row.get(name) for row in rows] for name in names}), path)


@pytest.mark.parametrize(
    ("name", "write"), [("rows.csv", write_csv), ("ROWS.JSONL", write_json_lines), ("rows.parquet", write_parquet)]
)
def test_every_file_type_supports_every_column_type(
    wide: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, write: Any
) -> None:
    """NULLs, BOM, quotes, newlines, emoji, leading zeros, integers beyond floats; all without pandas."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    write(tmp_path / name, ROWS)
    wide.staging_writer.write_batch(read_rows(tmp_path / name), batch_id="batch_1", workers=2, game_date=DAY)
    assert wide.consolidate().inserted == len(ROWS)
    assert wide.table() == in_order(complete(row) for row in ROWS)


@pytest.mark.parametrize(
    ("line_type", "value", "stored"),
    [
        ("DOUBLE", "-0.0", 0.0),
        ("DOUBLE", " 24.5 ", 24.5),
        ("DOUBLE", Decimal("24.5"), 24.5),
        ("DOUBLE", "NaN", None),
        ("DOUBLE", float("inf"), None),
        ("DOUBLE", "-Infinity", None),
        ("DOUBLE", "", None),
        ("DECIMAL(4,1)", 24.5, 24.5),
        ("DECIMAL(4,1)", "24.50", 24.5),
        ("DECIMAL(4,1)", "-0.0", 0.0),
        ("DECIMAL(4,1)", Decimal("NaN"), None),
        ("DECIMAL(4,1)", "inf", None),
    ],
)
def test_a_number_is_read_in_any_form(world: World, line_type: str, value: Any, stored: Any) -> None:
    with world.warehouse.connection() as connection:
        connection.execute(f"ALTER TABLE {quoted(world.spec.table)} ALTER current_points_line TYPE {line_type}")
    world.stage([prediction(current_points_line=value)])
    world.stage([prediction(current_points_line=stored)])
    assert world.consolidate().deduplicated == 1
    assert world.table() == [prediction(current_points_line=stored)]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("predicted_points", "many"),
        ("predicted_points", "1_000"),
        ("predicted_points", "1e400"),
        ("predicted_points", "0x10"),
        ("predicted_points", "٢٤"),
        ("predicted_points", True),
        ("predicted_points", [1]),
        ("predicted_points", {"a": 1}),
        ("minutes", "1.5"),
        ("minutes", 2**63),
        ("minutes", "99999999999999999999"),
        ("price", "1e29"),
        ("price", "a"),
        ("player_lookup", ["a"]),
        ("player_lookup", True),
        ("player_lookup", 5.0),
        ("player_lookup", "\ud800"),
        ("created_at", "yesterday"),
        ("created_at", "now"),
        ("created_at", 1_700_000_000),
        ("created_at", "2026-13-01T00:00:00Z"),
        ("seen_at", 5),
        ("game_date", "17.01.2026"),
        ("game_date", 20260117),
        ("game_date", "2026-01-17T10:00:00"),
        ("is_active", "maybe"),
        ("is_active", 2),
        ("details", "{"),
    ],
)
def test_a_value_of_another_type_is_named_with_its_place(wide: World, tmp_path: Path, column: str, value: Any) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "\n".join(
            json.dumps({**row, column: bad}, default=str)
            for row, bad in zip(
                (prediction(player_lookup="fine"), prediction()), (complete(prediction())[column], value), strict=True
            )
        )
    )
    with pytest.raises(StagedDataError) as refused:
        wide.staging_writer.write_batch(read_rows(path), batch_id="batch_1", workers=2, source="rows.jsonl")
    assert str(refused.value).startswith(f"rows.jsonl: line 2, column {column}: ")
    assert "\n" not in str(refused.value)
    assert wide.staged() == []


GOOD = ",".join(prediction()), ",".join(str(value) for value in prediction().values())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.csv", b"", "has no rows"),
        ("rows.csv", b"\n\n", "has no rows"),
        ("rows.csv", GOOD[0].encode(), "has no rows"),
        ("rows.csv", b"\n" + GOOD[0].encode() + b"\n\n", "has no rows"),
        ("rows.jsonl", b"\n", "has no rows"),
        ("rows.txt", b"x", r"unknown file type; use \.csv, \.parquet, \.jsonl"),
        ("rows", b"x", "unknown file type"),
        ("rows.csv", f"{GOOD[0]}\n{GOOD[1]},more".encode(), "line 2: 13 values, but the header has 12"),
        ("rows.csv", f"{GOOD[0]}\n{GOOD[1].rpartition(',')[0]}".encode(), "line 2: 11 values, but the header has 12"),
        ("rows.csv", f"{GOOD[0]},game_id\n{GOOD[1]},x".encode(), "has the column game_id twice"),
        ("rows.csv", f"{GOOD[0]},\n{GOOD[1]},".encode(), "lacks: '' \\(.*pandas' index"),
        ("rows.csv", f"{GOOD[0]},points_line\n{GOOD[1]},1".encode(), r"points_line \(did you mean current_points_line"),
        ("rows.csv", f"{GOOD[0].replace('system_id', 'player')}\n{GOOD[1]}".encode(), "lacks: player"),
        ("rows.csv", b"game_id\ng", "needs: player_lookup, system_id, current_points_line"),
        ("rows.csv", f"Unnamed: 0,{GOOD[0]}\n0,{GOOD[1]}".encode(), "'Unnamed: 0' .*index=False"),
        ("rows.csv", f"{GOOD[0].upper()}\n{GOOD[1]}".encode(), r"GAME_ID \(write it game_id\)"),
        (
            "rows.csv",
            f"{GOOD[0]}\n{GOOD[1]}".replace(",", ";").encode(),
            "separated by semicolons; save .* with commas",
        ),
        ("rows.csv", f'"{GOOD[0]}"'.replace(",", '"|"').encode(), "separated by vertical bars"),
        ("rows.csv", f"{GOOD[0]}\n{GOOD[1]}".replace(",", "\t").encode(), "separated by tabs"),
        ("rows.csv", f"sep=;\n{GOOD[0]}\n{GOOD[1]}".encode(), "first line is Excel's 'sep=;'; remove it"),
        ("rows.csv", f"{GOOD[0]}\n{GOOD[1]}".encode("utf-16"), "line 1 is not UTF-8 text"),
        ("rows.csv", f"{GOOD[0]}\n\n{GOOD[1]}\xe9\n{GOOD[1]}".encode("latin-1"), "line 3 is not UTF-8 text"),
        ("rows.csv", f"{GOOD[0]}\r{GOOD[1]}é".encode()[:-1], "line 2 is not UTF-8 text"),
        ("rows.jsonl", b'{"game_id": "g"}\n{"game_id": "\xe9"}', "line 2 is not UTF-8 text"),
        ("rows.jsonl", b'{"game_id": "g", "game_id": "h"}', "line 1 is not JSON: a name appears twice"),
        ("rows.jsonl", b'{"a": 1}\n\n[1]', "line 3 is not a JSON object"),
        ("rows.jsonl", b'{"a": 1}\n{"a":', "line 2 is not JSON: Expecting value, column 6$"),
        ("rows.jsonl", b"[" * 100_000, "line 1 is not JSON"),
        ("rows.jsonl", b'{"a": ' + b"9" * 5000 + b"}", "line 1 is not JSON"),
        ("rows.parquet", b"", "is not a Parquet file"),
        ("rows.parquet", b"PAR1 no, it is not PAR1", "is not a Parquet file"),
    ],
)
def test_an_invalid_file_is_refused_in_one_line(
    world: World, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(StagedDataError, match=message) as refused:
        world.staging_writer.write_batch(read_rows(path), batch_id="b", workers=2, game_date=DAY, source=str(path))
    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value)
    assert world.staged("b") == []


SHORT = "game_id,player_lookup,system_id,current_points_line,recommendation"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            'g,a,s,1,"OVER\ng,b,s,2,UNDER\ng,c,s,2,UNDER\n',
            "line 2: a quote is opened and never closed; .* is truncated",
        ),
        ('g,a,s,1,OVER\n\ng,b,s,2,"UND', "line 4: a quote is opened and never closed"),
        ('g,a,s,1,OVER\n"g,b,s,2,UNDER\n', "line 3: a quote is opened and never closed"),
        ('g,a,s,1,"O"VER\n', "line 2: text after a closing quote"),
        ('g,"a" ,s,1,OVER\n', "line 2: text after a closing quote"),
        ('g,a,s,1,"OVER\ng,b,s,2,"UNDER"\n', r"line 2: text after a closing quote \(on line 3\)"),
        ('g,a,s,1,"say \\"OVER\\""\n', "line 2: text after a closing quote"),
        ('g,a,s,1,"{\\"a\\":1}"\n', "line 2: text after a closing quote .*instead of using a backslash"),
        ('g, "a",s,1,OVER\n', "line 2: a quote inside a value that does not begin with one"),
        ('g,a,s,1,"O\nVER"\ng,a,s,1,6\' 8"\n', "line 4: a quote inside a value that does not begin with one"),
        ('"g","a","s","1",OVER"\n', "line 2: a quote inside a value that does not begin with one"),
        # One row, or two whose first lacks a quote at its end.
        ('g,a,s,1,"OVER\n\ng,b,s,2,UNDER"\n', "line 2: a quote is closed on line 4, .* one row or several"),
        ('g,a,s,1,x\n"g,a,s,1,OVER\ng",b,s,2,UNDER\n', "line 3: a quote is closed on line 4"),
        # The values are `1\\` and `,2\\`, or `1",` and `2"`.
        ('g,a,s,5,OVER\ng,a,s,"1\\",",2\\"\n', "line 3: a backslash before a quote is ambiguous"),
        ('g,a,s,1,"C:\\\\dir\\\\"\n', "line 2: a backslash before a quote is ambiguous"),
        ('g,a,s,1,OVER,"x\ny"\n', "line 2: 6 values, but the header has 5"),
        ('g,a,s,1,"x\ny"\n\n\ng,a,s,many,OVER\n', "line 6, column current_points_line: 'many' is not a FLOAT64"),
        ('g,a,s,1,"x\ny"\ng,,s,2,OVER\n', "line 4, column player_lookup: a key must not be empty"),
    ],
)
def test_an_ambiguous_csv_file_is_refused_with_its_line(world: World, tmp_path: Path, rows: str, message: str) -> None:
    path = tmp_path / "rows.csv"
    for end in ("\n", "\r\n", "\r"):
        path.write_bytes(f"{SHORT}\n{rows}".replace("\n", end).encode())
        with pytest.raises(StagedDataError, match=message) as refused:
            world.staging_writer.write_batch(read_rows(path), batch_id="b", workers=1, game_date=DAY, source=str(path))
        assert "\n" not in str(refused.value)
    assert world.staged("b") == []


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('s,"OV\nER"', "OV\nER"),
        ('s,"a,b,c,d,e\n\nf"', "a,b,c,d,e\n\nf"),
        ('s,"say ""OVER"""', 'say "OVER"'),
        ('s,"{""a"":""x\\""y""}"', '{"a":"x\\"y"}'),
        ('s,"{""a"":""C:\\\\""}"', '{"a":"C:\\\\"}'),
        ('s,"C:\\dir\\"', "C:\\dir\\"),
        ("s,C:\\dir\\", "C:\\dir\\"),
        ('s,""', None),
        ("s,'OVER'", "'OVER'"),
        ('"s\\","a,b"', "a,b"),
        ('"s\\",",x,y\\"', ",x,y\\"),
        ('s,"C:\\dir\\"\ng,c,2,s,""', "C:\\dir\\"),
    ],
)
def test_an_unambiguous_csv_value_is_accepted(world: World, tmp_path: Path, written: str, value: str | None) -> None:
    names = "game_id,player_lookup,current_points_line,system_id,recommendation"
    (tmp_path / "rows.csv").write_text(f"{names}\ng,a,1,{written}\n \ng,b,1,s,OVER\n", newline="")
    world.staging_writer.write_batch(read_rows(tmp_path / "rows.csv"), batch_id="batch_1", workers=1, game_date=DAY)
    world.consolidate()
    assert [row["recommendation"] for row in world.table() if row["player_lookup"] in "ab"] == [value, "OVER"]


def list_of(column: pyarrow.ChunkedArray) -> list[str]:
    values: list[str] = column.to_pylist()
    return values


texts = st.text(st.sampled_from('ab,"\n\r\\\0é ')) | st.text(st.characters(codec="utf-8"), max_size=5)


@given(rows=st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=4), drawn=st.data())
def test_csv_is_read_as_written_or_refused(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], drawn: st.DataObject
) -> None:
    """Without one of its quotes it is always refused."""
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    content = io.StringIO()
    csv.writer(content, quoting=csv.QUOTE_ALL).writerows([("x", "y", "z"), *rows])
    path.write_bytes(content.getvalue().encode())
    try:
        found = [list(row) for row in zip(*map(list_of, read_rows(path).columns.values()), strict=True)]
    except StagedDataError as error:
        assert re.search("two readings|one row or several", str(error))  # noqa: PT017 - it need not be raised
    else:
        assert found == [list(row) for row in rows]
    quotes = [place for place, character in enumerate(content.getvalue()) if character == '"']
    left_out = drawn.draw(st.sampled_from(quotes))
    path.write_bytes((content.getvalue()[:left_out] + content.getvalue()[left_out + 1 :]).encode())
    with pytest.raises(StagedDataError, match="line "):
        read_rows(path)


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.parquet"])
def test_a_folder_and_a_missing_file_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(StagedDataError, match="cannot be read: No such file"):
        read_rows(tmp_path / name)
    (tmp_path / name).mkdir()
    with pytest.raises(StagedDataError, match="cannot be read: Is a directory"):
        read_rows(tmp_path / name)


def test_parquet_keeps_values_that_pandas_would_change(wide: World, tmp_path: Path) -> None:
    """Numeric ids with NULLs, nanoseconds, Decimals, dictionaries; a list is refused."""
    rows = pyarrow.table(
        {
            "prediction_id": pyarrow.array([2**53 + 1, None]),
            "game_id": ["g", "g"],
            "player_lookup": pyarrow.array(["a", "b"]).dictionary_encode(),
            "system_id": ["s\0", "s"],
            "current_points_line": pyarrow.array([Decimal("24.5"), None]),
            "created_at": pyarrow.array([1, 2], pyarrow.timestamp("ns", "America/New_York")),
        }
    )
    parquet.write_table(rows, tmp_path / "rows.parquet")
    wide.staging_writer.write_batch(read_rows(tmp_path / "rows.parquet"), batch_id="batch_1", workers=9, game_date=DAY)
    wide.consolidate()
    first, second = sorted(wide.table(), key=lambda row: str(row["player_lookup"]))
    assert (first["prediction_id"], second["prediction_id"]) == ("9007199254740993", None)
    assert (first["system_id"], first["current_points_line"], second["current_points_line"]) == ("s", 24.5, None)
    assert first["created_at"] == datetime(1970, 1, 1, tzinfo=UTC)
    parquet.write_table(rows.set_column(3, "system_id", [[["s"], ["t", "u"]]]), tmp_path / "lists.parquet")
    with pytest.raises(StagedDataError, match=r"row 1, column system_id: .* is not a STRING"):
        wide.staging_writer.write_batch(read_rows(tmp_path / "lists.parquet"), batch_id="b", workers=1, game_date=DAY)


SPARK = {"use_deprecated_int96_timestamps": True, "flavor": "spark"}


def moments(value: Any, unit: str = "us") -> pyarrow.Array:
    return pyarrow.array([datetime(2020, 1, 1), value], pyarrow.timestamp(unit))  # noqa: DTZ001


def seconds(value: int) -> pyarrow.Array:
    return pyarrow.array([0, value], pyarrow.int64()).cast(pyarrow.timestamp("s"))


@pytest.mark.parametrize(
    ("column", "values", "stored"),
    [
        ("created_at", moments(datetime(9999, 12, 31, 23, 59, 59, 999999)), "9999-12-31 23:59:59.999999+00:00"),  # noqa: DTZ001
        ("created_at", moments(datetime(1, 1, 1)), "0001-01-01 00:00:00+00:00"),  # noqa: DTZ001
        ("created_at", moments(None), "None"),
        ("created_at", seconds(568_971_820_800), "row 2, column created_at: a time outside the years 1 to 9999"),
        ("created_at", seconds(-62_135_596_801), "row 2, column created_at: a time outside the years 1 to 9999"),
        # Its microseconds overflow 64 bits, and would wrap to about the year 2173.
        ("created_at", seconds(2**45), "row 2, column created_at: a time outside the years 1 to 9999"),
        ("minutes", pyarrow.array([1, 2**63 - 1], pyarrow.uint64()), str(2**63 - 1)),
        ("minutes", pyarrow.array([None, 2**63], pyarrow.uint64()), "row 2, column minutes: "),
        ("price", pyarrow.array([Decimal(1), Decimal("1e30")], pyarrow.decimal256(60, 2)), "row 2, column price: "),
        ("predicted_points", pyarrow.array([0.0, 1.5], pyarrow.float16()), "1.5"),
        ("created_at", pyarrow.array([None, 1], pyarrow.time64("ns")), "row 2, column created_at: .*time64"),
        ("predicted_points", pyarrow.array([None, 1], pyarrow.duration("s")), "row 2, column predicted_points: .*dura"),
        ("predicted_points", pyarrow.array([None, None], pyarrow.duration("s")), "None"),
        ("details", pyarrow.array([None, {"a": 1}], pyarrow.struct({"a": pyarrow.int8()})), '{"a": 1}'),
        ("issues", pyarrow.array([None, ["a", "b"]]), "['a', 'b']"),
        ("issues", pyarrow.array([[], None], pyarrow.list_(pyarrow.string())), "[]"),
        ("issues", pyarrow.array([["a"], ["a", None]]), r"row 2, column issues: .* is not a ARRAY<STRING>"),
        ("details", pyarrow.array([None, [("a", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int8())), "row 2, .*map"),
        # In a struct, nanoseconds come as a number.
        ("details", pyarrow.array([None, {"a": 1}], pyarrow.struct({"a": pyarrow.timestamp("ns")})), "row 2, .*struct"),
        ("details", pyarrow.array([None, [[1]]], pyarrow.list_(pyarrow.list_(pyarrow.date32()))), "row 2, .*list"),
    ],
)
def test_a_parquet_value_is_read_exactly_or_refused(
    wide: World, tmp_path: Path, column: str, values: pyarrow.Array, stored: str
) -> None:
    """No value wraps around, not even a distant time of Spark or Impala (INT96)."""
    keys = {"game_id": ["g", "g"], "player_lookup": ["a", "b"], "system_id": ["s", "s"]}
    rows = pyarrow.table({**keys, "current_points_line": [1.5, 2.5], column: values})
    path = tmp_path / "rows.parquet"
    parquet.write_table(rows, path, **SPARK)
    try:
        wide.staging_writer.write_batch(read_rows(path), batch_id="batch_1", workers=1, game_date=DAY)
    except StagedDataError as error:
        assert re.search(stored, str(error))  # noqa: PT017 - it need not be raised
        return
    wide.consolidate()
    assert [str(row[column]) for row in wide.table() if row["player_lookup"] == "b"] == [stored]


KEYS = {"game_id": "g", "system_id": "s", "current_points_line": 1.5}


@pytest.mark.parametrize("from_a_file", [True, False])
def test_a_row_updates_only_the_fields_that_it_has(world: World, tmp_path: Path, from_a_file: bool) -> None:
    """A missing field leaves the value unchanged, null sets NULL, a missing line or date is filled in."""

    def stage(batch_id: str, rows: list[dict[str, Any]], workers: int = 1) -> list[int]:
        path = tmp_path / f"{batch_id}.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)))
        staged = read_rows(path) if from_a_file else rows
        writes = world.staging_writer.write_batch(staged, batch_id=batch_id, workers=workers, game_date=DAY)
        world.consolidate(batch_id)
        return [write.rows for write in writes]

    first = [{**KEYS, "player_lookup": name, "predicted_points": 20.5, "confidence_score": 0.7} for name in "abc"]
    assert stage("b1", first) == [3]
    second = [
        {**KEYS, "player_lookup": "a", "predicted_points": 21.5},
        {**KEYS, "player_lookup": "b", "predicted_points": None, "confidence_score": 0.6},
        {"game_id": "g", "system_id": "s", "player_lookup": "d", "predicted_points": 2},
        {**KEYS, "player_lookup": "c", "predicted_points": 22.5, "game_date": str(DAY)},
    ]
    assert stage("b2", second) == [3, 1]
    found = {row["player_lookup"]: (row["predicted_points"], row["confidence_score"]) for row in world.table()}
    assert found == {"a": (21.5, 0.7), "b": (None, 0.6), "c": (22.5, 0.7), "d": (2.0, None)}
    assert [row["current_points_line"] for row in world.table() if row["player_lookup"] == "d"] == [None]
    ids: list[dict[str, Any]] = [{}, {"prediction_id": None}, {}, {"prediction_id": 2**53 + 1}]
    many = [{**KEYS, "player_lookup": f"p{number}", **ids[number % 4]} for number in range(10)]
    assert stage("b3", many, workers=4) == [2, 3, 2, 3]
    assert {row["prediction_id"] for row in world.table()} == {None, str(2**53 + 1)}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{**KEYS, "player_lookup": "a"}, KEYS], "3 lacks player_lookup, which every row needs"),
        ([{**KEYS, "player_lookup": "a"}, {}], "3 lacks game_id, player_lookup, system_id, which every row needs"),
        (
            [{**KEYS, "game_date": str(DAY), "player_lookup": "a"}, {**KEYS, "player_lookup": "a"}],
            "3 lacks game_date, ",
        ),
        ([KEYS, KEYS], "lacks columns that every row of .* needs: player_lookup"),
        ([{}], "lacks columns that every row of .* needs: game_id"),
        ([{"game_id": "g", "player_lookup": "a", "system_id": "s"}], "lacks columns .*: current_points_line"),
        ([{**KEYS, f"c{number}": 1} for number in range(51)], "52 has a new set of fields, but only 50 "),
    ],
)
def test_a_row_without_a_field_that_it_needs_is_named(world: World, tmp_path: Path, rows: Any, message: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n" + "\n".join(map(json.dumps, rows)))
    writer, has_date = world.staging_writer, "game_date" in message
    for kind, counted, source in (("line", message, read_rows(path)), ("row", message, rows)):
        expected = re.sub(r"^(\d+)", lambda found, k=kind: f"{k} {int(found[1]) - (k == 'row')}", counted)
        with pytest.raises(StagedDataError, match=expected):
            writer.write_batch(source, batch_id="b", workers=1, game_date=None if has_date else DAY)
    assert world.staged("b") == []
