"""`runbook fence sql`: the examples of docs/how-to/fence-sql.md, an environment's table, and refusals."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from google.api_core.exceptions import GoogleAPICallError

from lib import compat
from lib.places import ROOT
from tests.cli.conftest import Shell
from tests.consolidation.printed import filled
from tests.consolidation.world import DAY, World, predictions
from tests.examples.readme import commands_of
from tests.gcp.bigquery.double import BigqueryDouble

PAGE = ROOT / "docs/how-to/fence-sql.md"
ORDERS = ("--table", "shop.orders", "--key", "order_id", "--date", "day")
COLUMNS = ("--columns", "order_id:STRING,day:DATE,price:NUMERIC(10, 2),tags:ARRAY<STRING>")


def test_the_pages_example_works(shell: Shell) -> None:
    """Its command prints a script, and its Python code runs the script."""
    [command] = commands_of(PAGE)
    words, _, _ = command.line.partition(" > ")
    printed = shell(*words.split()[1:])
    assert (printed.returncode, printed.stderr) == (0, "")
    merge = function_of(PAGE)
    with BigqueryDouble() as double:
        client = double.client()
        client.create_dataset("shop")
        for table in ("orders", "staged_orders"):
            client.query(f"CREATE TABLE IF NOT EXISTS shop.{table} (order_id STRING, day DATE, price FLOAT64)").result()
        double.sql("INSERT INTO shop.staged_orders VALUES ('o1', '2026-11-23', 1.5), ('o2', '2026-11-23', 2.5)")
        assert [merge(client, printed.stdout, "2026-11-23", "b1") for _ in range(2)] == [True, False]
        with pytest.raises(GoogleAPICallError, match="requirement:wrong_date"):
            merge(client, printed.stdout, "2026-11-24", "b1")
        double.sql("UPDATE shop.staged_orders SET day = '2026-11-24'")
        assert merge(client, printed.stdout, "2026-11-24", "b1"), "one batch may be of many dates"
        assert len(list(client.query("SELECT * FROM shop.orders").result())) == 4


def function_of(page: Path) -> Callable[..., bool]:
    [code] = re.findall(r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own page
    merge: Callable[..., bool] = names["merge"]
    return merge


def test_every_refusal_on_the_page_is_in_the_script(shell: Shell) -> None:
    printed = shell("fence", "sql", *ORDERS, *COLUMNS).stdout
    named = {
        word
        for line in re.findall(r"^\| `requirement:.*", PAGE.read_text("utf-8"), re.MULTILINE)
        for word in re.findall(r"`(?:requirement:)?(\w+)`", line.split("|")[1])
    }
    assert named <= set(re.findall(r"^--   (\w+): ", printed, re.MULTILINE))


def test_an_environments_own_table(shell: Shell, home: Path) -> None:
    """The script uses its settings and columns, and its merge counts for `runbook consolidate`."""
    world = World(home, compat.TABLE)
    [staging] = world.stage(predictions(3), "printed")
    printed = shell("fence", "sql", "--env", "local", "--staging", staging)
    assert (printed.returncode, printed.stderr) == (0, "")
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute(filled(printed.stdout, DAY, "printed"))
    assert len(world.table()) == 3
    after = shell("consolidate", "--batch", "printed", "--date", DAY)
    assert (after.returncode, "already" in after.stdout) == (0, True), after.stdout + after.stderr
    own = ("fence", "sql", "--env", "local", "--table", world.spec.table, "--dialect", "bigquery")
    assert "DECLARE p_day DATE" in shell(*own, "--date", "game_date").stdout
    refused = shell(*own, "--key", "game_id")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "writers that differ in this are not fenced against each other" in refused.stderr
    named = shell("fence", "sql", "--env", "local", "--table", "nba_predictions.picks", *ORDERS[2:])
    assert (named.returncode, "picks" in named.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (ORDERS, "--columns order_id:STRING,... or --env"),
        ((*ORDERS, *COLUMNS, "--env", "local"), "--columns order_id:STRING,... or --env"),
        (COLUMNS, "--table and --key and --date: missing"),
        ((*ORDERS[:4], "--date", "price", *COLUMNS), "price must be a DATE, but is NUMERIC"),
        ((*ORDERS[:2], "--key", "order,day", *ORDERS[4:], *COLUMNS), "lacks order (did you mean order_id?)"),
        (
            ("--table", "p.shop.orders", *ORDERS[2:], *COLUMNS),
            "'p.shop.orders' has more than two parts; write dataset.t",
        ),
        ((*ORDERS, *COLUMNS, "--staging", "shop.ORDERS"), "--staging: shop.ORDERS is the table that rows are merged"),
        ((*ORDERS[:2], "--key", "day;DROP", *ORDERS[4:], *COLUMNS), "'day;DROP' is not a plain identifier"),
        (("--table", "orders", *ORDERS[2:], *COLUMNS), "'orders' has no dataset"),
        ((*ORDERS, "--columns", "order_id:TEXT\nDROP"), r"'order_id:TEXT\nDROP' is not NAME:TYPE"),
        ((*ORDERS, "--columns", "day:DATE,DAY:DATE"), "DAY is listed twice"),
        ((*ORDERS, *COLUMNS, "--staging", "shop.orders"), "shop.orders is the table that rows are merged into"),
        ((*ORDERS, "--columns", "order_id:STRING,day:TIMESTAMP", "--timezone", "x'y"), "time zone"),
    ],
)
def test_invalid_input_is_one_line(shell: Shell, words: tuple[str, ...], expected: str) -> None:
    refused = shell("fence", "sql", *words)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert expected in refused.stderr
