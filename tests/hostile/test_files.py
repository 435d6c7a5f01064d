"""Hostile files of rows: texts stay texts, or the file is refused in one line and nothing is staged."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from lib.consolidation.errors import StagedDataError
from lib.consolidation.files import read_rows
from tests.consolidation.world import DAY, World
from tests.hostile.hostile import FRAGMENTS, MEGABYTE, assert_refused, call

ROW = {"game_id": "g", "player_lookup": "p", "system_id": "s", "current_points_line": 1.5}
HEADER = ",".join(ROW)
TEXTS = [text for name, text in FRAGMENTS.items() if name not in {"half a pair", "nothing", "blank"}]


def as_csv(path: Path, texts: Sequence[str]) -> None:
    cells = io.StringIO()
    csv.writer(cells).writerows([[*ROW], *([text, "p", "s", "1.5"] for text in texts)])
    path.write_bytes(cells.getvalue().encode())


def as_json_lines(path: Path, texts: Sequence[str]) -> None:
    path.write_text("\n".join(json.dumps({**ROW, "game_id": text}) for text in texts))


def as_parquet(path: Path, texts: Sequence[str]) -> None:
    parquet.write_table(pyarrow.Table.from_pylist([{**ROW, "game_id": text} for text in texts]), path)


@pytest.mark.parametrize(("name", "write"), [("a.csv", as_csv), ("a.jsonl", as_json_lines), ("a.parquet", as_parquet)])
def test_texts_stay_texts(tmp_path: Path, name: str, write: Callable[[Path, Sequence[str]], None]) -> None:
    """From the file through staging, MERGE and duplicate count; only NUL is removed."""
    texts = [*TEXTS, "y" * 5 * MEGABYTE]
    write(tmp_path / name, texts)
    world = World(tmp_path)
    world.staging_writer.write_batch(read_rows(tmp_path / name), batch_id="b", workers=3, game_date=DAY)
    result = world.consolidate("b")
    assert (result.inserted, result.duplicates_after) == (len(texts), 0)
    assert {row["game_id"] for row in world.table()} == {text.replace("\0", "") for text in texts}


def table(**columns: Any) -> pyarrow.Table:
    return pyarrow.table({**{name: [value] for name, value in ROW.items()}, **columns})


def days(number: int) -> pyarrow.Array:
    return pyarrow.array([number], pyarrow.int32()).cast(pyarrow.date32())


def moment(number: int, zone: str | None) -> pyarrow.Array:
    return pyarrow.array([number], pyarrow.int64()).cast(pyarrow.timestamp("us", tz=zone))


NO_UTF8 = pyarrow.Array.from_buffers(
    pyarrow.string(), 1, [None, pyarrow.py_buffer(b"\0\0\0\0\2\0\0\0"), pyarrow.py_buffer(b"\xff\xfe")]
)
CONTENTS: dict[str, tuple[str, str | bytes | pyarrow.Table, str]] = {
    "csv column twice": ("a.csv", f"{HEADER},game_id\ng,p,s,1,g\n", "game_id twice"),
    "csv long column": ("a.csv", f"{HEADER},{'x' * 100_000}\ng,p,s,1,2\n", "lacks: "),
    "csv many columns": ("a.csv", f"{HEADER},{','.join(f'c{n}' for n in range(20_000))}\n{'1,' * 20_003}1\n", "more"),
    "csv column of SQL": ("a.csv", f'{HEADER},"x; DROP TABLE y"\ng,p,s,1,2\n', "'x; DROP TABLE y'"),
    "csv column of two lines": ("a.csv", f'{HEADER},"x\n\u202ey"\ng,p,s,1,2\n', r"'x\n\u202ey'"),
    "csv column with NUL": ("a.csv", f"{HEADER},\0\ng,p,s,1,2\n", "lacks: "),
    "csv never closed": ("a.csv", f'{HEADER}\n"{"x,p,s,1" * MEGABYTE}\n', "line 2: a quote is opened"),
    "csv first line": ("a.csv", f"sep=\x1b\n{HEADER}\n", r"'sep=\x1b'"),
    "csv digits": ("a.csv", f"{HEADER}\ng,p,s,{'9' * 10_000}\n", "line 2, column current_points_line"),
    "csv too large": ("a.csv", f"{HEADER}\ng,p,s,1e999\n", "'1e999' is not a FLOAT64"),
    "csv signalling": ("a.csv", f"{HEADER}\ng,p,s,sNaN\n", "'sNaN' is not a FLOAT64"),
    "csv of NULs": ("a.csv", b"\0" * 1000, "no rows"),
    "csv UTF-16": ("a.csv", f"\ufeff{HEADER}\ng,p,s,1\n".encode("utf-16-le"), "not UTF-8"),
    "csv half a pair": ("a.csv", f"{HEADER}\n\ud800,p,s,1\n".encode("utf-8", "surrogatepass"), "UTF-8"),
    "json too large": ("a.jsonl", json.dumps(ROW).replace("1.5", "1e999"), "line 1 is not JSON: 1e999 is too large"),
    "json too low": ("a.jsonl", json.dumps(ROW).replace("1.5", "-1e999"), "-1e999 is too large"),
    "json digits": ("a.jsonl", json.dumps(ROW).replace("1.5", "9" * 10_000), "line 1 is not JSON"),
    "json fewer digits": ("a.jsonl", json.dumps(ROW).replace("1.5", "9" * 4_000), "line 1, column current_points_line"),
    "json deep": ("a.jsonl", "[" * 100_000, "line 1 is not JSON"),
    "json deep cell": ("a.jsonl", json.dumps(ROW).replace('"g"', "[" * 900 + "]" * 900), "line 1, column game_id"),
    "json half a pair": ("a.jsonl", json.dumps({**ROW, "game_id": "\ud800"}), r"'\ud800' is not a STRING"),
    "json column of half a pair": ("a.jsonl", json.dumps({**ROW, "\ud800": 1}), "line 1 is not JSON"),
    "json long column": ("a.jsonl", json.dumps({**ROW, "x" * MEGABYTE: 1}), "lacks: "),
    "json long number": ("a.jsonl", json.dumps({**ROW, "current_points_line": "x" * MEGABYTE}), "is not a FLOAT64"),
    "parquet notes no JSON": ("a.parquet", table(x=[1]).replace_schema_metadata({"pandas": "{"}), "lacks: x"),
    "parquet notes of a list": ("a.parquet", table(x=[1]).replace_schema_metadata({"pandas": "[]"}), "lacks: x"),
    "parquet day too late": ("a.parquet", table(game_date=days(2**31 - 1)), "row 1, column game_date"),
    "parquet day too early": ("a.parquet", table(game_date=days(-(2**31))), "row 1, column game_date"),
    "parquet moment": ("a.parquet", table(created_at=moment(2**62, None)), "row 1, column created_at"),
    "parquet moment in UTC": ("a.parquet", table(created_at=moment(2**62, "UTC")), "row 1, column created_at"),
    "parquet no UTF-8": ("a.parquet", table(game_id=NO_UTF8), "not a Parquet file"),
    "parquet nested": ("a.parquet", table(game_id=[{"a": [1]}]), "row 1, column game_id"),
    "parquet index": ("a.parquet", table(__index_level_0__=[1]), "write the file with index=False"),
    "parquet name of a time": (
        "a.parquet",
        table(**{"x\n\u202ey": pyarrow.array([1], pyarrow.duration("s"))}),
        r"row 1, column 'x\n\u202ey': a value of type 'duration[s]'",
    ),
    "parquet binary": ("a.parquet", table(game_id=[b"\xff\0"]), "row 1, column game_id"),
}


@pytest.mark.parametrize(("name", "content", "message"), CONTENTS.values(), ids=CONTENTS.keys())
def test_an_invalid_row_is_reported_and_nothing_is_staged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str | bytes | pyarrow.Table, message: str
) -> None:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "home"))
    file = tmp_path / name
    if isinstance(content, pyarrow.Table):
        parquet.write_table(content, file)
    else:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert_refused(call("stage", "--batch", "b", "--date", DAY, file), name, message)
    assert_refused(call("consolidate", "--batch", "b", "--date", DAY), "no staging tables")


@settings(derandomize=True)
@given(
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=6), cut=st.integers(0)
)
def test_a_damaged_parquet_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], cut: int
) -> None:
    file = tmp_path_factory.mktemp("damaged") / "a.parquet"
    as_parquet(file, ["g", "h"])
    damaged = bytearray(file.read_bytes())
    for place, byte in changes:
        damaged[place % len(damaged)] = byte
    file.write_bytes(damaged[: max(1, len(damaged) - cut % 50)])
    with suppress(StagedDataError):
        assert len(read_rows(file))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        *(
            ({**ROW, "game_date": DAY, "prediction_id": value}, "row 2, column prediction_id")
            for value in (10**5_000, float("inf"), object(), b"\xff", {"a": float("nan")}, [[]] * 3)
        ),
        (["g"], "row 2 is not a mapping"),
        ({**ROW, 1: 2}, "lacks: '1'|lacks: 1"),
    ],
)
def test_a_programs_invalid_value_is_reported_too(tmp_path: Path, row: Any, message: str) -> None:
    world = World(tmp_path)
    with pytest.raises(StagedDataError, match=message):
        world.stage([{**ROW, "game_date": DAY}, row])
    assert world.staged() == []
