"""`runbook init`: guesses with evidence, a project with a first verdict, and one-line errors."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from lib.consolidation.identifiers import TableName
from lib.consolidation.placed_rows import by_columns
from lib.consolidation.warehouse import Column, Execute
from lib.embedded.duckdb_warehouse import DuckdbWarehouse
from lib.environment import load_environment
from lib.errors import UserError
from lib.operations.logs.dialects import load_dialects
from lib.projects.guesses import guess_date, guess_key, guess_newest_first
from lib.projects.sample import Sample, sample_of_file, sample_of_table
from tests import warm
from tests.projects.orders import LAST_DAY, as_csv, as_json_lines, as_parquet, orders, without_dates

_TOKYO = "Asia/Tokyo"
Init = Callable[..., "CompletedProcess[str]"]


@pytest.fixture
def init(tmp_path: Path) -> Init:
    """Call `runbook init` for ``shop`` in a new folder, without a terminal."""
    places = {name: value for name, value in os.environ.items() if not name.startswith("RUNBOOK_")}

    def call(*words: object, folder: str = "shop") -> CompletedProcess[str]:
        command = [sys.executable, "-m", "lib.cli", "init", str(tmp_path / folder), *map(str, words)]
        return warm.run(command, env=places)

    return call


def test_a_file_becomes_a_project_with_a_first_verdict(init: Init, tmp_path: Path, monkeypatch: Any) -> None:
    rows = orders()
    file = as_csv(tmp_path / "orders.csv", rows)
    done = init("--from", file, "--table", "shop.orders", "--timezone", "Europe/Berlin", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        f"key_columns: [order_id, sku] # unique within a date: {len(rows):,} keys in {len(rows):,} rows" in done.stdout
    )
    assert "PASS     day1_monitoring: All" in done.stdout
    report = done.stdout.splitlines()[-2].rpartition(" ")[2]
    assert Path(report.removeprefix("file://")).is_relative_to(tmp_path / "shop" / "outputs")

    monkeypatch.setenv("RUNBOOK_PROJECT", str(tmp_path / "shop"))
    monkeypatch.delenv("RUNBOOK_ENVIRONMENTS", raising=False)
    environment = load_environment("local")
    table = environment.table_spec
    assert (str(table.table), table.key_columns, table.nullable_keys) == ("shop.orders", ("order_id", "sku"), ())
    assert (table.date_column, table.newest_first, table.active_column) == ("order_date", ("updated_at",), "is_active")
    assert environment.timezone == "Europe/Berlin"
    assert environment.due is not None

    again = init("--from", file, "--table", "shop.orders", "--yes")
    assert again.returncode == 2
    assert "local.yaml already exists; choose another environment (--env NAME) or another folder" in again.stderr
    moments = without_dates(rows[-60:], "%Y-%m-%d %H:%M:%S+00:00")
    second = as_json_lines(tmp_path / "returns.jsonl", moments)
    words = ("--table", "shop.returns", "--key", "order_id,sku", "--date", "ordered_at", "--timezone", _TOKYO)
    beside = init("--from", second, *words, "--env", "returns", "--yes")
    assert beside.returncode == 0, beside.stderr
    assert "PASS     day1_monitoring: All" in beside.stdout
    returns = load_environment("returns")
    assert (returns.quality, returns.table_spec.date_type) == ("quality_returns.yaml", "TIMESTAMP")
    days = [datetime.fromisoformat(row["ordered_at"]).astimezone(ZoneInfo(_TOKYO)).date() for row in moments]
    assert f"{max(days)}: {days.count(max(days))} staged" in beside.stdout
    uncomment_the_example(tmp_path / "shop" / "params" / "dialects" / "services_returns.yaml")
    assert load_dialects(load_environment("returns").dialects).found("merge finished: 3 rows in 2 ms (batch=b)")
    assert {path.name for path in (tmp_path / "shop" / "params").iterdir()} == {
        *("criteria.yaml", "criteria_returns.yaml", "dialects", "environments"),
        *("quality.yaml", "quality_returns.yaml", "schedule.yaml"),
    }


def uncomment_the_example(dialect: Path) -> None:
    """Add a line to a file, as its owner would."""
    head, _, example = dialect.read_text().partition("lines: []\n")
    dialect.write_text(f"{head}lines:\n{example.replace('#  ', '  ').replace('#    ', '    ')}")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "--table: give the table that batches are merged into, SCHEMA.TABLE"),
        (("--table", "shop.orders"), "--date: give the column with a row's date; order_date fits"),
        (("--table", "shop.orders", "--key", "order", "--yes"), "there is no column for --key 'order'; did you mean"),
        (
            ("--table", "shop.orders", "--date", "sku", "--yes"),
            "--date: must be one DATE, TIMESTAMP or DATETIME column",
        ),
        (("--table", "orders", "--yes"), "orders"),
        (("--table", "shop.orders", "--active", "quantity", "--yes"), "active_column: quantity must be a BOOL"),
        (("--table", "shop.orders", "--timezone", "Berlin", "--yes"), "Berlin"),
        (("--table", "shop.orders", "--env", "../x", "--yes"), "--env '../x': use a letter"),
    ],
)
def test_a_failed_guess_is_one_line(init: Init, tmp_path: Path, words: Sequence[str], expected: str) -> None:
    refused = init("--from", as_csv(tmp_path / "orders.csv", orders(3)), *words)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert expected in refused.stderr
    assert not (tmp_path / "shop").exists()


def test_a_column_that_cannot_be_staged_is_refused_before_anything_is_written(init: Init, tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table({"day": [LAST_DAY], "id": [1], "picture": [b"\xff"]}), file)
    refused = init("--from", file, "--table", "shop.orders", "--yes")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "column picture is a BYTES, which cannot be staged" in refused.stderr
    assert not (tmp_path / "shop").exists()


def test_rows_with_the_same_key_are_counted_and_no_key_is_invented(init: Init, tmp_path: Path) -> None:
    rows = orders(3)
    file = as_csv(tmp_path / "orders.csv", [*rows, *rows[:5]])
    refused = init("--from", file, "--table", "shop.orders", "--yes")
    assert refused.returncode == 2
    assert "columns is unique within a date" in refused.stderr
    taken = init("--from", file, "--table", "shop.orders", "--key", "order_id,sku", "--yes")
    assert taken.returncode == 0, taken.stderr
    assert f"{len(rows):,} keys in {len(rows) + 5:,} rows: 5 rows have the same key as another row" in taken.stdout


def test_at_a_terminal_it_asks_and_shows_why(tmp_path: Path) -> None:
    file = as_csv(tmp_path / "orders.csv", orders(2))
    ours, theirs = pty.openpty()
    places = {name: value for name, value in os.environ.items() if not name.startswith("RUNBOOK_")}
    command = [sys.executable, "-m", "lib.cli", "init", str(tmp_path / "shop"), "--from", str(file)]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, env=places, text=True) as process:
        os.write(ours, b"\nshop.orders\n\n\n-\n\n")
        output, _ = process.communicate()
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, output
    assert "Columns that identify a row within its date: order_id,sku (unique within a date" in output
    assert "active_column: ''" in (tmp_path / "shop" / "params" / "environments" / "local.yaml").read_text()


def test_a_csv_file_keeps_its_ids_and_finds_its_types(tmp_path: Path) -> None:
    sample = sample_of_file(as_csv(tmp_path / "orders.csv", orders(2)))
    assert {column.name: column.type for column in sample.columns} == {
        "order_id": "INT64",
        "sku": "STRING",  # it has leading zeros
        "order_date": "DATE",
        "quantity": "INT64",
        "amount": "FLOAT64",
        "status": "STRING",
        "is_active": "BOOL",
        "updated_at": "TIMESTAMP",
    }
    assert len(sample.rows.at([])) == 0  # a file with one date has no earlier rows


@pytest.mark.parametrize("as_file", [as_csv, as_json_lines, as_parquet])
@pytest.mark.parametrize(
    ("written", "type_", "zone", "dates"),
    [
        ("%Y-%m-%d %H:%M:%S+00:00", "TIMESTAMP", _TOKYO, "11 dates from 2026-11-19 to 2026-11-29 in Asia/Tokyo"),
        ("%Y-%m-%d %H:%M:%S+00:00", "TIMESTAMP", "UTC", "10 dates from 2026-11-19 to 2026-11-28 in UTC"),
        ("%Y-%m-%dT%H:%M:%S", "DATETIME", _TOKYO, "10 dates from 2026-11-19 to 2026-11-28"),
    ],
)
def test_without_a_date_column_a_time_gives_a_rows_date(
    tmp_path: Path, as_file: Callable[..., Path], written: str, type_: str, zone: str, dates: str
) -> None:
    suffix = as_file.__name__.removeprefix("as_").replace("json_lines", "jsonl")
    rows = without_dates(orders(10), written)
    sample = sample_of_file(as_file(tmp_path / f"orders.{suffix}", rows), zone)
    guess = guess_date(sample)
    assert (guess.columns, guess.evidence) == (("ordered_at",), f"{type_}, {dates}, never empty")
    assert guess_newest_first(sample, "ordered_at").columns == ()
    by_date = sample.rows_by_date("ordered_at")
    assert (len(by_date), sum(by_date.values())) == (int(dates.split()[0]), len(rows))


@pytest.mark.parametrize(
    ("names", "likeliest"),
    [
        (("updated_at", "loaded_at", "created_at", "ordered_at"), "ordered_at"),
        (("updated_at", "loaded_at", "created_at"), "created_at"),
        (("loaded_at", "seen"), "seen"),
        (("updated_at", "loaded_at"), "loaded_at"),
        (("updated_at",), None),
    ],
)
def test_an_update_time_is_never_guessed_as_the_date(names: Sequence[str], likeliest: str | None) -> None:
    columns = [Column("id", "INT64"), *(Column(name, "TIMESTAMP") for name in names)]
    rows = [{"id": number, **dict.fromkeys(names, "2026-11-01T12:00:00Z")} for number in range(3)]
    sample = Sample("rows", tuple(columns), by_columns(rows, ["id", *names]))
    assert guess_date(sample).columns == ((likeliest,) if likeliest else ())
    assert likeliest not in guess_newest_first(sample, likeliest or "").columns
    dated = Sample(
        "rows",
        (*columns, Column("shipped", "DATE")),
        by_columns([{**row, "shipped": "2026-11-02"} for row in rows], ["id", *names, "shipped"]),
    )
    assert guess_date(dated).columns == ("shipped",)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 100), min_size=1, max_size=40))
def test_a_key_is_measured_within_the_days_of_the_zone(hours: list[int]) -> None:
    """On 2026-10-25 a day in Berlin has 25 hours."""
    begin = datetime(2026, 10, 23, tzinfo=UTC)
    moments = [begin + timedelta(hours=hour) for hour in hours]
    rows = [{"seen_at": moment.isoformat(), "device": "a"} for moment in moments]
    columns = (Column("seen_at", "TIMESTAMP"), Column("device", "STRING"))
    sample = Sample("rows", columns, by_columns(rows, ["seen_at", "device"]), "Europe/Berlin")
    days = [moment.astimezone(ZoneInfo("Europe/Berlin")).date() for moment in moments]
    assert sample.rows_by_date("seen_at") == Counter(days)
    assert sample.keys("seen_at", ["device"]) == len(set(days))
    assert bool(guess_key(sample, "seen_at", ()).columns) == (len(set(days)) == len(rows))


@settings(max_examples=60)
@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=30))
def test_a_guessed_key_is_unique_and_no_smaller_one_is(values: list[tuple[int, ...]]) -> None:
    names = ("a_id", "b_id", "c_id")
    rows = [{"day": "2026-01-01", **dict(zip(names, row, strict=True))} for row in values]
    columns = (Column("day", "DATE"), *(Column(name, "INT64") for name in names))
    sample = Sample("rows", columns, by_columns(rows, ["day", *names]))
    key = guess_key(sample, "day", ()).columns
    if not key:
        assert len(set(values)) < len(values)
        return
    assert sample.keys("day", key) == len(rows)
    assert all(sample.keys("day", [*(set(key) - {name})]) < len(rows) for name in key) or len(rows) == 1


@pytest.mark.parametrize(
    ("type_", "values", "day", "rows"),
    [
        # Berlin's day of 25 hours begins at 22:00 and ends at 23:00 UTC.
        ("TIMESTAMP", ["10-24 21:59", "10-24 22:00", "10-25 22:59", "10-25 23:00", "12-01 00:00"], "2026-10-25", 2),
        ("DATETIME", ["10-24 23:59", "10-25 00:00", "10-25 23:59", "10-26 00:00", "12-01 00:00"], "2026-10-25", 2),
        ("DATE", ["10-24", "10-25", "10-25", "10-26"], "2026-10-25", 2),
    ],
)
def test_the_newest_day_in_the_zone_is_read_from_a_table(
    tmp_path: Path, type_: str, values: list[str], day: str, rows: int
) -> None:
    warehouse, table = DuckdbWarehouse(tmp_path / "warehouse.duckdb"), TableName("shop", "orders")
    warehouse.create_table(table, [Column("seen", type_), Column("n", "INT64")])
    seen = ", ".join(f"({type_} '2026-{value}{'' if type_ == 'DATE' else ':00'}', 1)" for value in values)
    warehouse.transact([Execute("rows", f"INSERT INTO {table.sql} (seen, n) VALUES {seen}")], {})
    now = datetime(2026, 10, 25, 22, 30, tzinfo=UTC)
    sample = sample_of_table(warehouse, table, "", now=now, timezone="Europe/Berlin")
    assert sample.origin == f"shop.orders, {day}"
    assert sample.rows_by_date("seen") == {date.fromisoformat(day): rows}
    with pytest.raises(UserError, match="there is no DATE, TIMESTAMP or DATETIME column 'n'"):
        sample_of_table(warehouse, table, "n", now=now, timezone="Europe/Berlin")
