"""Printed scripts on BigQuery: valid GoogleSQL, the library's own statements, and exclusion of concurrent scripts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlglot
from google.api_core.exceptions import GoogleAPICallError
from zetasql.types import ResolvedInsertStmt, ResolvedMergeStmt, ResolvedUpdateStmt

from lib.consolidation.fence import FENCE_COLUMNS
from lib.consolidation.identifiers import TableName
from lib.consolidation.ledger import ledger_columns, ledger_runs
from lib.consolidation.superseding import superseded_columns
from lib.consolidation.upkeep.duplicates import count_duplicates
from lib.consolidation.warehouse import Execute
from lib.gcp.printed_script import bigquery_script
from tests.consolidation.printed import EXAMPLES, ROWS, ZONES, Example, example, filled, odd_days
from tests.gcp.bigquery.double import BigqueryDouble, Gate, script
from tests.gcp.bigquery.googlesql import Sent, analyze
from tests.gcp.bigquery.oracle.reference import select
from tests.gcp.bigquery.partition_scans import unfiltered_scans
from tests.gcp.bigquery.world import BigqueryWorld

STAGING = TableName("shop", "staged")
MOVE_FENCE = "^UPDATE .*consolidation_fences"
LEDGER = "^INSERT INTO .*consolidation_runs"


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_printed_script_is_googlesql(name: str) -> None:
    """Google's own analyzer accepts it, and each statement in the transaction is the library's."""
    one = example(name)
    spec, printed = one.spec, one.script(STAGING)
    text = bigquery_script(printed)
    tables = {spec.table: one.columns, STAGING: one.columns, spec.fences: FENCE_COLUMNS}
    tables |= {spec.ledger: ledger_columns(spec), spec.superseded: superseded_columns(spec, one.columns)}
    schemas = {(table.dataset, table.table): columns for table, columns in tables.items()}
    for sql in (text, filled(text, one.day, "b")):
        statements = analyze(Sent(sql, {}, schemas))
        assert {ResolvedUpdateStmt, ResolvedMergeStmt, ResolvedInsertStmt} <= {type(one) for one in statements}
        assert [unfiltered_scans(found, spec.table.table, spec.date_column) for found in statements] == [0] * len(
            statements
        )
    variables = {node.name for node in script.parse(text) if isinstance(node, script.Declare)}
    found = [node.sql for node in script.parse(text) if type(node) is script.Statement]
    inside = found[found.index("BEGIN TRANSACTION") + 1 : found.index("COMMIT TRANSACTION")]
    ours = [script.with_parameters(sql, variables).replace(f"@{printed.prefix}", "@") for sql in inside]
    assert [sqlglot.parse_one(sql, read="bigquery") for sql in ours] == [
        sqlglot.parse_one(step.sql, read="bigquery") for step in printed.steps if isinstance(step, Execute)
    ]


def run(world: BigqueryWorld, one: Example, staging: TableName, batch_id: str, *, is_fenced: bool = True) -> str:
    """Run a script and return its error; empty if it was committed."""
    text = bigquery_script(one.script(staging, is_fenced=is_fenced))
    try:
        world.client.query(filled(text, one.day, batch_id)).result(retry=None)
    except GoogleAPICallError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("is_fenced", [True, False], ids=["fenced", "fence not moved"])
def test_only_the_fence_stops_one_of_two_concurrent_scripts(
    double: BigqueryDouble, tmp_path: Path, name: str, is_fenced: bool
) -> None:
    """Both begin and read before either moves the fence or, without a fence, commits."""
    one = example(name)
    world = BigqueryWorld(tmp_path, one.spec, columns=one.columns, address=double.address).set_up()
    staged = {batch_id: world.stage(one.rows, batch_id)[0] for batch_id in ("batch_1", "batch_2")}
    double.jobs.gates.append(Gate(MOVE_FENCE if is_fenced else LEDGER, arrivals=2))
    with ThreadPoolExecutor(2) as threads:
        errors = dict(
            zip(
                staged,
                threads.map(lambda batch: run(world, one, staged[batch], batch, is_fenced=is_fenced), staged),
                strict=True,
            )
        )
    [counted] = count_duplicates(world.warehouse, world.spec, one.day, one.day)
    if not is_fenced:
        assert (list(errors.values()), counted.duplicate_keys) == (["", ""], ROWS)
        return
    [(lost, error)] = [(batch, error) for batch, error in errors.items() if error]
    assert "aborted due to concurrent update" in error
    assert (counted.rows, counted.duplicate_keys) == (ROWS, 0)
    assert run(world, one, staged[lost], lost) == ""
    assert "requirement:already_merged" in run(world, one, staged[lost], lost)
    [counted] = count_duplicates(world.warehouse, world.spec, one.day, one.day)
    assert (counted.rows, counted.duplicate_keys) == (ROWS, 0)
    runs = ledger_runs(world.warehouse, world.spec)
    assert sorted((run.batch_id, run.inserted_rows, run.updated_rows) for run in runs) == sorted(
        [(lost, 0, ROWS), *((batch, ROWS, 0) for batch in staged if batch != lost)]
    )


def test_a_refused_script_writes_nothing(double: BigqueryDouble, tmp_path: Path) -> None:
    one = example("orders")
    world = BigqueryWorld(tmp_path, one.spec, columns=one.columns, address=double.address).set_up()
    [staging] = world.stage(one.rows, "a")
    with pytest.raises(GoogleAPICallError, match="requirement:not_filled_in"):
        world.client.query(bigquery_script(one.script(staging))).result(retry=None)
    later = replace(one, day=one.day + timedelta(days=1))
    assert "requirement:wrong_date" in run(world, later, staging, "a")
    assert run(world, one, staging, "a") == ""
    other = replace(one, spec=replace(one.spec, key_columns=("order_id",)))
    assert "requirement:spec_changed" in run(world, other, staging, "b")
    assert "requirement:fence_missing" in run(world, replace(other, day=later.day + timedelta(days=1)), staging, "b")
    assert len(world.table()) == ROWS
    assert len(ledger_runs(world.warehouse, world.spec)) == 1


@pytest.mark.parametrize("zone", ZONES)
def test_a_date_begins_where_the_library_says(zone: str) -> None:
    """Evaluated by GoogleSQL's reference implementation."""
    dates = replace(example("moments").spec, timezone=zone).dates
    start, end = dates.bound_sql().values()
    for day in odd_days(dates):
        assert select(f"SELECT {start}, {end}", {}, {"day": day}) == [dates.limits(day)]
