"""The port's guarantees for tables, rows and listings, with the real client."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.consolidation.errors import DatasetNotFound, WarehouseUnavailable
from lib.consolidation.identifiers import TableName
from lib.consolidation.ledger import ledger_runs
from lib.consolidation.upkeep.audit import AuditTrail
from lib.consolidation.upkeep.cleanup import prove_merged
from lib.consolidation.warehouse import Column, Execute, Step, Warehouse
from lib.gcp import bigquery_transaction
from lib.gcp.bigquery_metering import MeteredBigqueryWarehouse
from lib.gcp.bigquery_types import load_file
from lib.gcp.bigquery_warehouse import BigqueryWarehouse
from tests.consolidation.warehouse_suite import COLUMNS, Overtaken, WarehouseSuite
from tests.consolidation.world import DAY, converted, predictions
from tests.gcp.bigquery.double import BigqueryDouble, Fault, Gate
from tests.gcp.bigquery.world import PROJECT, BigqueryWorld

DATASET = "nba_predictions"
HOSTILE = "'; DROP TABLE x; -- `\"\n😀\\"


def named(table: str) -> TableName:
    return TableName(DATASET, table)


def texts(*values: str) -> pyarrow.Table:
    return pyarrow.table({"text": list(values)})


class TestMeteredBigqueryWarehouse(WarehouseSuite):
    """The conformance suite on the metered warehouse, which is the plain one with estimates."""

    double: BigqueryDouble

    @pytest.fixture
    def warehouse(self, double: BigqueryDouble) -> Warehouse:
        self.double = double
        double.catalogue.add_dataset({"datasetReference": {"datasetId": "suite"}})
        return self._connected()

    def another(self, warehouse: Warehouse) -> Warehouse:
        return self._connected()

    def _connected(self) -> Warehouse:
        return MeteredBigqueryWarehouse(PROJECT, client=self.double.client(), query_limit_bytes=10**9)

    @pytest.fixture
    def overtaken(self) -> Overtaken:
        """Run the steps as a script that is blocked before its last step."""

        def transact(warehouse: Warehouse, steps: Sequence[Step], rival: Callable[[], object]) -> None:
            assert isinstance(steps[-1], Execute)
            gate = Gate(re.escape(steps[-1].sql))
            self.double.jobs.gates.append(gate)
            with ThreadPoolExecutor(1) as thread:
                outcome = thread.submit(warehouse.transact, steps, {})
                try:
                    assert gate.reached.wait(30)
                    rival()
                finally:
                    gate.open()
                outcome.result()

        return transact


def test_a_missing_dataset_is_reported_with_the_command_that_creates_it(world: BigqueryWorld) -> None:
    with pytest.raises(DatasetNotFound, match="bq mk --location=REGION --dataset test:DATASET"):
        world.warehouse.create_table(TableName("elsewhere", "t"), COLUMNS)


def test_a_wrong_location_is_not_an_empty_ledger(double: BigqueryDouble, tmp_path: Path) -> None:
    """BigQuery finds a dataset only in its own location, and otherwise reports it as missing."""
    world = BigqueryWorld(tmp_path, address=double.address).set_up()
    elsewhere = BigqueryWarehouse(PROJECT, client=double.client("EU"))
    asks: list[Callable[[], Any]] = [
        lambda: ledger_runs(elsewhere, world.spec),
        lambda: AuditTrail(elsewhere, world.spec).records(),
        lambda: prove_merged(elsewhere, world.spec, "b"),
        lambda: elsewhere.transact([Execute("read", f"SELECT 1 FROM {world.spec.table.sql}")], {}),
    ]
    for ask in asks:
        with pytest.raises(DatasetNotFound, match=r"in location EU .*set google\.bigquery_location"):
            ask()
    assert ledger_runs(world.warehouse, world.spec) == []


def test_staging_tables_have_batch_rows_and_age(world: BigqueryWorld, double: BigqueryDouble) -> None:
    """One query for all tables, and a request for each table of another writer."""
    since = datetime.now(UTC).replace(microsecond=0)
    world.stage(predictions(6), "batch_2026-01-17_1", tables=3)
    world.stage(predictions(1), "other-batch")
    foreign = named("_staging_foreign_w1")
    world.warehouse.create_table(foreign, COLUMNS)
    double.catalogue.patch_table(DATASET, foreign.table, {"friendlyName": HOSTILE})
    before = len(double.requests)
    listed = world.warehouse.staging_tables(DATASET, "_staging_")
    assert double.requests[before + 1 :] == [
        f"GET /bigquery/v2/projects/test/datasets/{DATASET}/tables/{foreign.table}"
    ]
    assert [(table.batch_id, table.rows) for table in listed] == [
        ("batch_2026-01-17_1", 2),
        ("batch_2026-01-17_1", 2),
        ("batch_2026-01-17_1", 2),
        ("", 0),
        ("other-batch", 1),
    ]
    assert all(table.changed_at and since <= table.changed_at <= datetime.now(UTC) for table in listed)
    of_batch = world.warehouse.staging_tables(DATASET, "_staging_batch_2026_01_17_1_")
    assert [(table.name, table.version) for table in of_batch] == [(table.name, table.version) for table in listed[:3]]


@pytest.mark.parametrize("size", [10, 6_000_000], ids=["in one request", "in several"])
def test_a_load_is_complete(world: BigqueryWorld, double: BigqueryDouble, size: int) -> None:
    """A small file is sent in one request with its job, a large one in pieces."""
    text = random.Random(0).randbytes(size // 2).hex()
    world.warehouse.load({named("t"): texts(text)}, [Column("text", "STRING")], note="b")
    assert world.warehouse.query(f"SELECT text FROM {named('t').sql}") == [{"text": text}]
    assert ("PUT /upload/bigquery/v2/projects/test/jobs" in double.requests) == (size > 1_000_000)


IN_LINES: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], Any]]] = {
    "STRING": (st.text(st.characters(codec="utf-8", exclude_characters="\0")).filter(str.strip), str),
    "INT64": (st.integers(-(2**63), 2**63 - 1), int),
    "FLOAT64": (st.floats(allow_nan=False, allow_infinity=False), float),
    "NUMERIC": (st.decimals(-(10**20), 10**20, places=9), Decimal),
    "BOOL": (st.booleans(), bool),
    "DATETIME": (st.datetimes(), datetime.fromisoformat),
    "JSON": (
        st.lists(st.text(st.characters(codec="utf-8")) | st.integers()).map(partial(json.dumps, indent=1)),
        json.dumps,
    ),
}


@pytest.mark.parametrize("type_", IN_LINES)
@settings(max_examples=25)
@given(data=st.data())
def test_json_lines_keep_each_value(type_: str, data: st.DataObject) -> None:
    """Each row is one line whatever it contains, and numbers lose nothing in JSON."""
    values, read = IN_LINES[type_]
    row = st.fixed_dictionaries({"one": values, "many": st.lists(values, max_size=3)})
    rows = data.draw(st.lists(row, min_size=1, max_size=4))
    columns = [Column("one", type_), Column("many", f"ARRAY<{type_}>")]
    source_format, content = load_file(converted(rows, columns), columns)
    lines = [json.loads(line) for line in content.decode().removesuffix("\n").split("\n")]
    assert source_format == "NEWLINE_DELIMITED_JSON"
    same = (lambda value: json.dumps(json.loads(value))) if type_ == "JSON" else (lambda value: value)
    assert [(read(line["one"]), list(map(read, line["many"]))) for line in lines] == [
        (same(row["one"]), list(map(same, row["many"]))) for row in rows
    ]


def test_many_tables_are_gathered_in_parts_and_forgotten(
    world: BigqueryWorld, double: BigqueryDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bigquery_transaction, "SOURCES_A_JOB", 2)
    staged = world.stage(predictions(5), tables=5)
    all_of_them = named("_gathered_x")
    there: list[dict[tuple[str, str], Any]] = []
    double.on_request("/queries", lambda: there.append(dict(double.catalogue.tables)))
    rows = world.warehouse.query(f"SELECT player_lookup FROM {all_of_them.sql}", gather={all_of_them: staged})
    assert sorted(row["player_lookup"] for row in rows) == [f"player{n}" for n in range(5)]
    assert sum(job.configuration.get("copy") is not None for job in double.jobs.by_id.values()) == 3
    assert datetime.fromisoformat(there[0][DATASET, "_gathered_x"]["expirationTime"]) > datetime.now(UTC)
    assert all_of_them not in world.warehouse.columns_of([all_of_them])


def test_failing_to_drop_a_gathered_table_is_not_a_failure(world: BigqueryWorld, double: BigqueryDouble) -> None:
    """The transaction is already committed, and the table expires."""
    world.stage(predictions(3))
    double.faults.append(Fault("DELETE .*/_gathered_", "accessDenied", "Access Denied", times=99))
    assert world.consolidate().inserted == 3


def test_an_estimate_reads_nothing_and_the_limit_holds(world: BigqueryWorld, double: BigqueryDouble) -> None:
    world.insert(predictions(100))
    statement = f"SELECT * FROM {world.spec.table.sql} WHERE game_id = @game AND game_date = @day"
    estimated = world.warehouse.estimate(statement, {"game": HOSTILE, "day": DAY})
    assert estimated > 0
    assert not [job for job in double.jobs.by_id.values() if "query" in job.configuration]
    thrifty = BigqueryWorld(world.folder, address=world.address, options={"maximum_bytes_billed": estimated - 1})
    with pytest.raises(WarehouseUnavailable, match="raise the limit, or read less"):
        thrifty.warehouse.query(statement, {"game": "", "day": DAY})
    thrifty.stage(predictions(1))
    with pytest.raises(WarehouseUnavailable, match="raise the limit, or read less"):
        thrifty.consolidate(use_lock=False)
    assert len(world.table()) == 100
