"""What the port promises of tables, rows and listings, over the real client."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pandas
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.consolidation.errors import DatasetNotFound, TableNotFound, WarehouseUnavailable
from lib.consolidation.identifiers import TableName
from lib.consolidation.ledger import ledger_runs
from lib.consolidation.rows import convert
from lib.consolidation.upkeep.audit import AuditTrail
from lib.consolidation.upkeep.cleanup import prove_merged
from lib.consolidation.warehouse import Column, Execute
from lib.gcp import bigquery_transaction
from lib.gcp.bigquery_types import load_file
from lib.gcp.bigquery_warehouse import BigqueryWarehouse
from tests.consolidation.world import DAY, predictions
from tests.gcp.bigquery.double import BigqueryDouble, Fault
from tests.gcp.bigquery.world import PROJECT, BigqueryWorld

DATASET = "nba_predictions"
HOSTILE = "'; DROP TABLE x; -- `\"\n😀\\"
EVERY_TYPE = (
    Column("text", "STRING"),
    Column("whole", "INT64"),
    Column("real", "FLOAT64"),
    Column("exact", "NUMERIC"),
    Column("flag", "BOOL"),
    Column("day", "DATE"),
    Column("moment", "TIMESTAMP"),
    Column("names", "ARRAY<STRING>"),
)
ROW = {
    "text": HOSTILE,
    "whole": -(2**62),
    "real": 24.5,
    "exact": Decimal("24.500000001"),
    "flag": False,
    "day": date(2026, 1, 17),
    "moment": datetime(2026, 1, 17, 12, 0, 0, 123456, tzinfo=UTC),
    "names": [HOSTILE, "b"],
}
NULLS = dict.fromkeys(ROW) | {"names": []}


def named(table: str) -> TableName:
    return TableName(DATASET, table)


def texts(*values: str) -> pyarrow.Table:
    return pyarrow.table({"text": list(values)})


def test_types_and_values_come_back_as_they_were(world: BigqueryWorld) -> None:
    """From parameters, and from loaded rows of every type that can be staged."""
    chosen = ", ".join(f"@{name} AS {name}" for name in ROW)
    assert world.warehouse.query(f"SELECT {chosen}", ROW) == [ROW]
    scalars = EVERY_TYPE[:-1]
    kinds = [pyarrow.string(), pyarrow.int64(), pyarrow.float64(), pyarrow.decimal128(38, 9), pyarrow.bool_()]
    kinds += [pyarrow.date32(), pyarrow.timestamp("us", tz="UTC")]
    schema = pyarrow.schema(list(zip([column.name for column in scalars], kinds, strict=True)))
    loaded = [{column.name: row[column.name] for column in scalars} for row in (ROW, NULLS)]
    table = named("loaded")
    rows, part = pyarrow.Table.from_pylist(loaded, schema=schema), named("part")
    world.warehouse.load({table: rows, part: rows.select([scalars[1].name])}, scalars, note="b")
    assert world.warehouse.columns_of([table, part]) == {table: scalars, part: scalars[1:2]}
    assert world.warehouse.query(f"SELECT * FROM {table.sql} ORDER BY whole DESC") == loaded


def test_columns_one_by_one_and_many_at_once(world: BigqueryWorld) -> None:
    one, many = named("one"), named("many")
    world.warehouse.create_table(one, EVERY_TYPE)
    world.warehouse.create_table(one, EVERY_TYPE[:1])  # is there already, and left
    world.warehouse.copy_structure(one, many)
    assert world.warehouse.columns(one) == world.warehouse.columns(many) == EVERY_TYPE
    gone = named("gone")
    assert world.warehouse.columns_of([one, many, gone]) == {one: EVERY_TYPE, many: EVERY_TYPE}
    with pytest.raises(TableNotFound, match=r"test:nba_predictions\.gone"):
        world.warehouse.columns(gone)
    with pytest.raises(TableNotFound, match=r"test:nba_predictions\.gone"):
        world.warehouse.query(f"SELECT * FROM {gone.sql}")
    with pytest.raises(DatasetNotFound, match="bq mk --location=REGION --dataset test:DATASET"):
        world.warehouse.create_table(TableName("elsewhere", "t"), EVERY_TYPE)


def test_a_wrong_location_is_not_an_empty_ledger(double: BigqueryDouble, tmp_path: Path) -> None:
    """BigQuery finds the dataset nowhere but in its own location, and says so in the words of a missing one."""
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


def test_staging_tables_tell_batch_rows_and_age(world: BigqueryWorld, double: BigqueryDouble) -> None:
    """One query, however many there are, and a look at each table that is not of our writer."""
    since = datetime.now(UTC).replace(microsecond=0)
    world.stage(predictions(6), "batch_2026-01-17_1", tables=3)
    world.stage(predictions(1), "other-batch")
    foreign = named("_staging_foreign_w1")
    world.warehouse.create_table(foreign, EVERY_TYPE)
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
def test_load_is_whole(world: BigqueryWorld, double: BigqueryDouble, size: int) -> None:
    """A small file goes in one request with its job, a large one piece by piece."""
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
def test_json_lines_hold_each_value_as_it_is(type_: str, data: st.DataObject) -> None:
    """One line a row whatever is in it, and nothing lost on the way through JSON's numbers."""
    values, read = IN_LINES[type_]
    row = st.fixed_dictionaries({"one": values, "many": st.lists(values, max_size=3)})
    rows = data.draw(st.lists(row, min_size=1, max_size=4))
    columns = [Column("one", type_), Column("many", f"ARRAY<{type_}>")]
    frame = pandas.DataFrame(rows, dtype=object)
    source_format, content = load_file(convert(frame, columns, source="rows"), columns)
    lines = [json.loads(line) for line in content.decode().removesuffix("\n").split("\n")]
    assert source_format == "NEWLINE_DELIMITED_JSON"
    same = (lambda value: json.dumps(json.loads(value))) if type_ == "JSON" else (lambda value: value)
    assert [(read(line["one"]), list(map(read, line["many"]))) for line in lines] == [
        (same(row["one"]), list(map(same, row["many"]))) for row in rows
    ]


def test_load_of_several_is_all_or_none(world: BigqueryWorld) -> None:
    """A table that is in the way stays; those beside it are taken back."""
    columns = [Column("text", "STRING")]
    world.warehouse.load({named("b"): texts("old")}, columns, note="old")
    tables = {named(name): texts(name) for name in "abc"}
    with pytest.raises(WarehouseUnavailable, match="Already Exists"):
        world.warehouse.load(tables, columns, note="new")
    assert set(world.warehouse.columns_of(list(tables))) == {named("b")}
    assert world.warehouse.query(f"SELECT text FROM {named('b').sql}") == [{"text": "old"}]


def test_many_tables_are_gathered_in_parts_and_forgotten(
    world: BigqueryWorld, double: BigqueryDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bigquery_transaction, "SOURCES_A_JOB", 2)
    staged = world.stage(predictions(5), tables=5)
    all_of_them = named("_gathered_x")
    there: list[dict[tuple[str, str], Any]] = []
    double.on_request("POST .*/queries$", lambda: there.append(dict(double.catalogue.tables)))
    rows = world.warehouse.query(f"SELECT player_lookup FROM {all_of_them.sql}", gather={all_of_them: staged})
    assert sorted(row["player_lookup"] for row in rows) == [f"player{n}" for n in range(5)]
    assert sum(job.configuration.get("copy") is not None for job in double.jobs.by_id.values()) == 3
    assert datetime.fromisoformat(there[0][DATASET, "_gathered_x"]["expirationTime"]) > datetime.now(UTC)
    assert all_of_them not in world.warehouse.columns_of([all_of_them])


def test_gathered_table_that_cannot_be_dropped_is_no_failure(world: BigqueryWorld, double: BigqueryDouble) -> None:
    """The transaction is committed by then, and the table expires."""
    world.stage(predictions(3))
    double.faults.append(Fault("DELETE .*/_gathered_", "accessDenied", "Access Denied", times=99))
    assert world.consolidate().inserted == 3


def test_drop_takes_what_is_there(world: BigqueryWorld) -> None:
    tables = [named(f"t{number}") for number in range(12)]
    for table in tables[1:]:
        world.warehouse.create_table(table, EVERY_TYPE)
    world.warehouse.drop(tables)
    assert world.warehouse.columns_of(tables) == {}


def test_estimate_reads_nothing_and_the_limit_holds(world: BigqueryWorld, double: BigqueryDouble) -> None:
    world.insert(predictions(100))
    statement = f"SELECT * FROM {world.spec.table.sql} WHERE game_id = @game AND game_date = @day"
    estimated = world.warehouse.estimate(statement, {"game": HOSTILE, "day": DAY})
    assert estimated > 0
    assert not [job for job in double.jobs.by_id.values() if "query" in job.configuration]
    thrifty = BigqueryWorld(world.folder, address=world.address, options={"maximum_bytes_billed": estimated - 1})
    with pytest.raises(WarehouseUnavailable, match="raise that, or read less"):
        thrifty.warehouse.query(statement, {"game": "", "day": DAY})
    thrifty.stage(predictions(1))
    with pytest.raises(WarehouseUnavailable, match="raise that, or read less"):
        thrifty.consolidate(use_lock=False)
    assert len(world.table()) == 100
