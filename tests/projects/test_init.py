"""`runbook init`: guesses with their evidence, a project with a first verdict, and one line for what is wrong."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from lib.consolidation.placed_rows import by_columns
from lib.consolidation.warehouse import Column
from lib.environment import load_environment
from lib.operations.logs.dialects import load_dialects
from lib.projects.guesses import guess_key
from lib.projects.sample import Sample, sample_of_file
from tests import warm
from tests.projects.orders import LAST_DAY, as_csv, as_json_lines, orders

Init = Callable[..., "CompletedProcess[str]"]


@pytest.fixture
def init(tmp_path: Path) -> Init:
    """Call `runbook init` for ``shop`` below a folder of its own, without a terminal."""
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
    assert "local.yaml is already there; name another environment (--env NAME) or another folder" in again.stderr
    second = as_json_lines(tmp_path / "returns.jsonl", rows[-60:])
    beside = init("--from", second, "--table", "shop.returns", "--env", "returns", "--yes")
    assert beside.returncode == 0, beside.stderr
    assert load_environment("returns").quality == "quality_returns.yaml"
    uncomment_the_example(tmp_path / "shop" / "params" / "dialects" / "services_returns.yaml")
    assert load_dialects(load_environment("returns").dialects).found("merge finished: 3 rows in 2 ms (batch=b)")
    assert {path.name for path in (tmp_path / "shop" / "params").iterdir()} == {
        *("criteria.yaml", "criteria_returns.yaml", "dialects", "environments"),
        *("quality.yaml", "quality_returns.yaml", "schedule.yaml"),
    }


def uncomment_the_example(dialect: Path) -> None:
    """As its owner would, who then has a line of their own."""
    head, _, example = dialect.read_text().partition("lines: []\n")
    dialect.write_text(f"{head}lines:\n{example.replace('#  ', '  ').replace('#    ', '    ')}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--table: name the table that batches are merged into, SCHEMA.TABLE"),
        (("--table", "shop.orders"), "--date: name the column with the date that a row belongs to; order_date fits"),
        (("--table", "shop.orders", "--key", "order", "--yes"), "there is no column for --key 'order'; did you mean"),
        (("--table", "shop.orders", "--date", "sku", "--yes"), "--date: sku is not one DATE column with a value"),
        (("--table", "orders", "--yes"), "orders"),
        (("--table", "shop.orders", "--active", "quantity", "--yes"), "active_column: quantity must be a BOOL"),
        (("--table", "shop.orders", "--timezone", "Berlin", "--yes"), "Berlin"),
        (("--table", "shop.orders", "--env", "../x", "--yes"), "--env '../x': write a letter"),
    ],
)
def test_what_cannot_be_guessed_is_one_line(init: Init, tmp_path: Path, words: Sequence[str], said: str) -> None:
    refused = init("--from", as_csv(tmp_path / "orders.csv", orders(3)), *words)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert said in refused.stderr
    assert not (tmp_path / "shop").exists()


def test_a_column_that_cannot_be_staged_is_refused_before_anything_is_written(init: Init, tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table({"day": [LAST_DAY], "id": [1], "picture": [b"\xff"]}), file)
    refused = init("--from", file, "--table", "shop.orders", "--yes")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "column picture is a BYTES, which cannot be staged" in refused.stderr
    assert not (tmp_path / "shop").exists()


def test_rows_that_share_a_key_are_counted_and_no_key_is_made_up(init: Init, tmp_path: Path) -> None:
    rows = orders(3)
    file = as_csv(tmp_path / "orders.csv", [*rows, *rows[:5]])
    refused = init("--from", file, "--table", "shop.orders", "--yes")
    assert refused.returncode == 2
    assert "tell the" in refused.stderr
    taken = init("--from", file, "--table", "shop.orders", "--key", "order_id,sku", "--yes")
    assert taken.returncode == 0, taken.stderr
    assert f"{len(rows):,} keys in {len(rows) + 5:,} rows: 5 rows have the key of another one" in taken.stdout


def test_at_a_terminal_it_asks_and_shows_why(tmp_path: Path) -> None:
    file = as_csv(tmp_path / "orders.csv", orders(2))
    ours, theirs = pty.openpty()
    places = {name: value for name, value in os.environ.items() if not name.startswith("RUNBOOK_")}
    command = [sys.executable, "-m", "lib.cli", "init", str(tmp_path / "shop"), "--from", str(file)]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, env=places, text=True) as process:
        os.write(ours, b"shop.orders\n\n\n-\n\n\n")
        said, _ = process.communicate()
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, said
    assert "Columns that tell the rows of one date apart: order_id,sku (unique within a date" in said
    assert "active_column: ''" in (tmp_path / "shop" / "params" / "environments" / "local.yaml").read_text()


def test_a_csv_file_keeps_its_ids_and_finds_its_types(tmp_path: Path) -> None:
    sample = sample_of_file(as_csv(tmp_path / "orders.csv", orders(2)))
    assert {column.name: column.type for column in sample.columns} == {
        "order_id": "INT64",
        "sku": "STRING",  # it has zeros in front
        "order_date": "DATE",
        "quantity": "INT64",
        "amount": "FLOAT64",
        "status": "STRING",
        "is_active": "BOOL",
        "updated_at": "TIMESTAMP",
    }


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
    assert sample.distinct(["day", *key]) == len(rows)
    assert all(sample.distinct(["day", *(set(key) - {name})]) < len(rows) for name in key) or len(rows) == 1
