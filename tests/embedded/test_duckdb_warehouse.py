"""The embedded warehouse conforms to its port, shares its file, and distinguishes damage from absence."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lib.consolidation.errors import WarehouseUnavailable
from lib.consolidation.identifiers import TableName
from lib.consolidation.warehouse import Column, Execute, Warehouse
from lib.embedded.duckdb_warehouse import DuckdbWarehouse
from lib.embedded.job_marks import marked
from lib.errors import CorruptState
from tests.consolidation.warehouse_suite import WarehouseSuite
from tests.consolidation.world import World

TABLE = TableName("suite", "numbers")
INSERT = Execute("insert", f"INSERT INTO {TABLE.sql} (n) VALUES (1)")
_HOLD = """
import sys
import duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""


class TestDuckdbWarehouse(WarehouseSuite):
    """The conformance suite on a fresh file."""

    @pytest.fixture
    def warehouse(self, tmp_path: Path) -> Warehouse:
        return DuckdbWarehouse(tmp_path / "state" / "warehouse.duckdb")

    def another(self, warehouse: Warehouse) -> Warehouse:
        assert isinstance(warehouse, DuckdbWarehouse)
        return DuckdbWarehouse(warehouse.path)

    def kept_open(self, warehouse: Warehouse) -> Any:
        assert isinstance(warehouse, DuckdbWarehouse)
        return warehouse.connection()


def test_another_process_is_waited_for_but_not_forever(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    DuckdbWarehouse(path).create_table(TABLE, [Column("n", "INT64")])
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(WarehouseUnavailable, match="stayed busy"):
            DuckdbWarehouse(path, patience_seconds=0.05).query("SELECT 1")
        holder.communicate("let go\n")
    DuckdbWarehouse(path).transact([INSERT], {})


def test_a_transaction_that_takes_too_long_is_cancelled_and_rolled_back(tmp_path: Path) -> None:
    warehouse = DuckdbWarehouse(tmp_path / "warehouse.duckdb")
    warehouse.create_table(TABLE, [Column("n", "INT64")])
    endless = Execute(
        "endless",
        "SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 100000)) AS a, "
        "UNNEST(GENERATE_ARRAY(1, 100000)) AS b, UNNEST(GENERATE_ARRAY(1, 100000)) AS c WHERE a + b = c",
    )
    with pytest.raises(WarehouseUnavailable, match="cancelled and rolled back"):
        warehouse.transact([INSERT, endless], {}, timeout_seconds=0.2)
    assert warehouse.query(f"SELECT n FROM {TABLE.sql}") == []


@pytest.mark.parametrize("damage", ["garbage", "folder", "file as folder", "cut short"])
def test_a_damaged_file_is_reported_and_left_alone(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "home" / "warehouse.duckdb"
    if damage == "file as folder":
        path.parent.write_text("a file")
    elif damage == "folder":
        path.mkdir(parents=True)
    else:
        path.parent.mkdir()
        DuckdbWarehouse(path).create_table(TABLE, [Column("n", "INT64")])
        path.write_bytes(b"not a database" * 1000 if damage == "garbage" else path.read_bytes()[:5000])
    content = path.read_bytes() if path.is_file() else b""
    with pytest.raises(CorruptState) as corrupt:
        DuckdbWarehouse(path).query("SELECT 1")
    assert str(path) in str(corrupt.value)
    assert "\n" not in str(corrupt.value)
    assert corrupt.value.exit_code == 2
    assert (path.read_bytes() if path.is_file() else b"") == content


def test_a_block_with_a_wrong_checksum_is_damage(tmp_path: Path) -> None:
    """The file opens; the query that reads the block finds the damage."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE SCHEMA suite")
        connection.execute("CREATE TABLE suite.numbers AS SELECT random() AS n FROM range(200000)")
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 2, len(content), 50_000):
        content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(CorruptState, match=r"is damaged: .*checksum.*; restore it"):
        DuckdbWarehouse(path).query(f"SELECT SUM(n) AS n FROM {TABLE.sql}")


_WRITES_UNTIL_THE_DISK_IS_FULL = """
import resource, sys
from pathlib import Path
from lib.errors import RunbookError
from tests.consolidation.world import World, predictions
world = World(Path(sys.argv[1]))
world.stage(predictions(40_000), tables=2)
size = world.warehouse.path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 4096, resource.RLIM_INFINITY))
try:
    world.consolidate()
except RunbookError as error:
    print(type(error).__name__, error)
"""


def test_a_full_disk_is_not_a_conflict(tmp_path: Path) -> None:
    """It is not retried like a conflict with the lock held; the lock is released afterwards."""
    said = subprocess.run(
        [sys.executable, "-c", _WRITES_UNTIL_THE_DISK_IS_FULL, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.startswith("WarehouseUnavailable the warehouse "), said
    assert "File too large" in said
    world = World(tmp_path)
    assert (world.table(), world.lock_store.read_all()) == ([], [])
    assert not list(world.warehouse.job_marks.iterdir())
    assert world.consolidate().inserted == 40_000


def test_a_mark_that_cannot_be_written_leaves_no_partial_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with marked(tmp_path / "jobs", "a job", ["dataset"]):
        assert list((tmp_path / "jobs").iterdir()) == []


def test_types_have_counterparts_both_ways(tmp_path: Path) -> None:
    types = ("STRING", "INT64", "FLOAT64", "NUMERIC", "BOOL", "DATE", "DATETIME", "TIMESTAMP", "BYTES", "JSON")
    columns = tuple(Column(f"c{n}", type_) for n, type_ in enumerate([*types, *(f"ARRAY<{type_}>" for type_ in types)]))
    warehouse = DuckdbWarehouse(tmp_path / "warehouse.duckdb")
    warehouse.create_table(TABLE, columns)
    assert warehouse.columns(TABLE) == columns
    with warehouse.connection() as connection:
        connection.execute('ALTER TABLE "suite"."numbers" ALTER c3 TYPE DECIMAL(4,1)')
    assert warehouse.columns(TABLE) == (*columns[:3], replace(columns[3], parameters=(4, 1)), *columns[4:])


def test_values_are_bound_without_pandas_and_with_it(tmp_path: Path) -> None:
    """DuckDB would import it for the first value, which takes half of a command's time."""
    probe = """
import sys
from pathlib import Path
from lib.embedded.duckdb_warehouse import DuckdbWarehouse
warehouse = DuckdbWarehouse(Path(sys.argv[1]))
print(warehouse.query("SELECT @n AS n", {"n": 1}), "pandas" in sys.modules)
import pandas
print(warehouse.query("SELECT @moment IS NULL AS n", {"moment": pandas.NaT}))
"""
    arguments = [sys.executable, "-c", probe, str(tmp_path / "warehouse.duckdb")]
    result = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == ["[{'n': 1}] False", "[{'n': True}]"]
