"""What every adapter of the `Warehouse` port keeps to.

A test file of an adapter subclasses `WarehouseSuite` and says how to connect. Two
connections stand for two processes. Nothing here knows which adapter it is.
"""

from __future__ import annotations

import abc
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow
import pytest

from lib.consolidation.errors import (
    RequirementFailed,
    SourceVanished,
    TableNotFound,
    TransactionConflict,
    WarehouseUnavailable,
)
from lib.consolidation.identifiers import TableName
from lib.consolidation.warehouse import Column, Execute, Require, StagingTable, Step, Warehouse
from lib.errors import RunbookError

COLUMNS = (
    Column("name", "STRING"),
    Column("whole", "INT64"),
    Column("line", "FLOAT64"),
    Column("price", "NUMERIC"),
    Column("active", "BOOL"),
    Column("day", "DATE"),
    Column("moment", "TIMESTAMP"),
)
ROW = {
    "name": "o'neill 😀\n`\"",
    "whole": 2**53 + 1,
    "line": 24.5,
    "price": Decimal("0.100000001"),
    "active": True,
    "day": date(2026, 1, 17),
    "moment": datetime(2026, 1, 17, 23, 59, 59, 999999, tzinfo=UTC),
}
NOTHING: dict[str, Any] = dict.fromkeys(ROW)
_ARROW = pyarrow.schema(
    [
        ("name", pyarrow.string()),
        ("whole", pyarrow.int64()),
        ("line", pyarrow.float64()),
        ("price", pyarrow.decimal128(38, 9)),
        ("active", pyarrow.bool_()),
        ("day", pyarrow.date32()),
        ("moment", pyarrow.timestamp("us", tz="UTC")),
    ]
)


def arrow(*rows: dict[str, Any]) -> pyarrow.Table:
    return pyarrow.Table.from_pylist(list(rows), schema=_ARROW)


def named(*names: str) -> pyarrow.Table:
    return arrow(*({**NOTHING, "name": name} for name in names))


class WarehouseSuite(abc.ABC):
    """The conformance suite."""

    @pytest.fixture
    @abc.abstractmethod
    def warehouse(self) -> Warehouse:
        """A connection to an empty warehouse."""

    @abc.abstractmethod
    def another(self, warehouse: Warehouse) -> Warehouse:
        """A second connection to the same warehouse."""

    @pytest.fixture
    def table(self, warehouse: Warehouse) -> TableName:
        table = TableName("suite", f"table_{uuid.uuid4().hex[:8]}")
        warehouse.create_table(table, COLUMNS)
        return table

    def names(self, warehouse: Warehouse, table: TableName) -> list[str]:
        return [row["name"] for row in warehouse.query(f"SELECT name FROM {table.sql} ORDER BY name")]

    def insert(self, table: TableName, name: str) -> Execute:
        return Execute(f"insert {name}", f"INSERT INTO {table.sql} (name, whole) VALUES ('{name}', 0)")

    def test_a_table_has_the_columns_it_was_made_with(self, warehouse: Warehouse, table: TableName) -> None:
        assert warehouse.columns(table) == COLUMNS
        warehouse.transact([self.insert(table, "kept")], {})
        warehouse.create_table(table, [Column("other", "STRING")])
        assert warehouse.columns(table) == COLUMNS
        assert self.names(warehouse, table) == ["kept"]
        copy = table.sibling(f"{table.table}_copy")
        warehouse.copy_structure(table, copy)
        assert (warehouse.columns(copy), self.names(warehouse, copy)) == (COLUMNS, [])

    def test_arrays_are_columns_and_parameters(self, warehouse: Warehouse, table: TableName) -> None:
        arrays = table.sibling(f"{table.table}_arrays")
        warehouse.create_table(arrays, [Column("names", "ARRAY<STRING>")])
        warehouse.transact(
            [Execute("insert", f"INSERT INTO {arrays.sql} (names) SELECT @names")], {"names": ["a", "b"]}
        )
        assert list(warehouse.query(f"SELECT names FROM {arrays.sql}")[0]["names"]) == ["a", "b"]
        assert warehouse.columns(arrays) == (Column("names", "ARRAY<STRING>"),)

    def test_what_is_loaded_comes_back_as_it_was(self, warehouse: Warehouse, table: TableName) -> None:
        """Every type, NULLs, only the columns that there are, and the note."""
        first, second = (table.sibling(f"_staging_b_{name}{table.table}") for name in "ab")
        before = datetime.now(UTC)
        some = arrow(ROW).select(["name", "day"])
        warehouse.load({first: arrow(ROW, NOTHING), second: some}, COLUMNS, note="it's a note")
        assert warehouse.query(f"SELECT * FROM {second.sql}") == [{"name": ROW["name"], "day": ROW["day"]}]
        rows = warehouse.query(f"SELECT * FROM {first.sql} ORDER BY name IS NULL")
        assert rows == [ROW, NOTHING]
        assert rows[0]["moment"].tzinfo is UTC
        listed = [found for found in warehouse.staging_tables("suite", "_staging_b_") if found.name in (first, second)]
        assert [(found.name, found.note, found.rows) for found in listed] == [
            (first, "it's a note", 2),
            (second, "it's a note", 1),
        ]
        for found in listed:
            assert found.changed_at is not None
            assert before - timedelta(milliseconds=1) <= found.changed_at <= found.listed_at

    def test_a_staging_table_that_was_written_again_is_told_from_what_it_was(
        self, warehouse: Warehouse, table: TableName
    ) -> None:
        """Refilled in place, or made anew under its name: its rows may be other ones."""
        staged, untouched = (table.sibling(f"_staging_d_{name}{table.table}") for name in "ab")

        def listed() -> dict[TableName, StagingTable]:
            return {found.name: found for found in warehouse.staging_tables("suite", "_staging_d_")}

        def check_written_again(rows: int) -> None:
            found = listed()[staged]
            assert found.rows == rows
            assert found.version != before[staged].version
            assert found.changed_at is None or found.changed_at >= before[staged].listed_at - timedelta(milliseconds=1)

        warehouse.load({staged: named("first"), untouched: named("x")}, COLUMNS, note="d")
        before = listed()
        assert listed()[staged].version == before[staged].version
        warehouse.transact([Execute("append", f"INSERT INTO {staged.sql} (name) SELECT 'second'")], {})
        check_written_again(rows=2)
        warehouse.drop([staged])
        warehouse.load({staged: named("third")}, COLUMNS, note="d")
        check_written_again(rows=1)
        assert listed()[untouched].version == before[untouched].version

    def test_a_load_is_whole_or_not_at_all(self, warehouse: Warehouse, table: TableName) -> None:
        fresh = table.sibling(f"_staging_c_{table.table}")
        with pytest.raises(RunbookError):
            warehouse.load({fresh: named("new"), table: named("there already")}, COLUMNS, note="c")
        assert warehouse.staging_tables("suite", fresh.table) == []
        assert self.names(warehouse, table) == []

    def test_a_prefix_is_taken_literally(self, warehouse: Warehouse, table: TableName) -> None:
        """`_` is no wildcard, and only this dataset is listed."""
        tables = [table.sibling(f"{name}_{table.table}") for name in ("a_b", "axb", "a_bc")]
        warehouse.load({name: named("x") for name in tables}, COLUMNS, note="b")
        assert [found.name for found in warehouse.staging_tables("suite", "a_b_")] == [tables[0]]
        assert warehouse.staging_tables("elsewhere", "a_b_") == []

    def test_values_are_bound(self, warehouse: Warehouse, table: TableName) -> None:
        warehouse.transact(
            [
                Execute(
                    "insert",
                    f"INSERT INTO {table.sql} (name, whole, line, price, active, day, moment) "
                    "SELECT @name, @whole, @line, @price, @active, @day, @moment",
                )
            ],
            ROW,
        )
        assert warehouse.query(f"SELECT * FROM {table.sql} WHERE name = @name AND day = @day", ROW) == [ROW]

    def test_tables_that_are_not_there(self, warehouse: Warehouse, table: TableName) -> None:
        gone = table.sibling(f"{table.table}_gone")
        with pytest.raises(TableNotFound):
            warehouse.columns(gone)
        with pytest.raises(TableNotFound):
            warehouse.query(f"SELECT * FROM {gone.sql}")
        with pytest.raises(TableNotFound):
            warehouse.transact([self.insert(gone, "x")], {})
        assert set(warehouse.columns_of([table, gone])) == {table}
        warehouse.drop([gone, table, table])
        assert warehouse.columns_of([table]) == {}

    @pytest.mark.parametrize(
        ("last", "error"),
        [
            (Require("never", "1 = 2"), RequirementFailed),
            (Require("null", "CAST(NULL AS BOOL)"), RequirementFailed),
            (Execute("fault", "SELECT ERROR('fault')"), WarehouseUnavailable),
        ],
    )
    def test_a_transaction_is_whole_or_not_at_all(
        self, warehouse: Warehouse, table: TableName, last: Step, error: type[Exception]
    ) -> None:
        """Its steps see what those before them did; a false condition and a fault undo all."""
        steps = [
            self.insert(table, "first"),
            Execute("keep", f"CREATE TEMP TABLE kept AS SELECT name FROM {table.sql}"),
            Execute("twice", f"INSERT INTO {table.sql} (name) SELECT name FROM kept"),
            Require("two", f"(SELECT COUNT(*) FROM {table.sql}) = 2"),
        ]
        with pytest.raises(error) as raised:
            warehouse.transact([*steps, last], {})
        if isinstance(raised.value, RequirementFailed):
            assert isinstance(last, Require)
            assert raised.value.code == last.code
        assert self.names(warehouse, table) == []
        outcome = warehouse.transact(steps, {}, job_id="job")
        assert self.names(warehouse, table) == ["first", "first"]
        assert {"insert first", "keep", "twice"} == set(outcome.elapsed_ms)

    def test_a_session_is_no_transaction(self, warehouse: Warehouse, table: TableName) -> None:
        """What was done in it is done, for everyone, whatever becomes of the calls that follow."""
        with warehouse.session():
            warehouse.transact([self.insert(table, "kept")], {})
            assert self.names(self.another(warehouse), table) == ["kept"]
            with pytest.raises(RequirementFailed):
                warehouse.transact([self.insert(table, "undone"), Require("never", "1 = 2")], {})
        with warehouse.session(), warehouse.session():
            warehouse.transact([self.insert(table, "kept too")], {})
        assert self.names(warehouse, table) == ["kept", "kept too"]

    def test_gathered_tables_read_as_one_for_that_call_only(self, warehouse: Warehouse, table: TableName) -> None:
        parts = [table.sibling(f"{table.table}_{number}") for number in range(30)]
        warehouse.load({part: named(f"n{number:02}") for number, part in enumerate(parts)}, COLUMNS, note="b")
        all_of_them = table.sibling(f"{table.table}_all")
        names = f"SELECT name FROM {all_of_them.sql}"
        assert len(warehouse.query(names, gather={all_of_them: parts})) == 30
        steps = [Execute("insert", f"INSERT INTO {table.sql} (name) {names}")]
        warehouse.transact(steps, {}, gather={all_of_them: parts})
        assert self.names(warehouse, table) == [f"n{number:02}" for number in range(30)]
        with pytest.raises(TableNotFound):
            warehouse.query(names)
        warehouse.drop(parts[:1])
        with pytest.raises(SourceVanished):
            warehouse.transact(steps, {}, gather={all_of_them: parts})
        assert len(self.names(warehouse, table)) == 30

    def test_two_transactions_that_update_one_row_conflict(self, warehouse: Warehouse, table: TableName) -> None:
        """The fence rests on this, and the rival's commit is what stays."""
        warehouse.transact([self.insert(table, "fence")], {})
        move = Execute("move", f"UPDATE {table.sql} SET whole = whole + 1 WHERE name = 'fence'")
        rival = self.another(warehouse)

        def steps_with_a_rival_between() -> Iterator[Step]:
            yield Require("read first", f"(SELECT MAX(whole) FROM {table.sql}) = 0")
            rival.transact([move], {})
            yield move

        with self.kept_open(warehouse), pytest.raises(TransactionConflict):
            warehouse.transact(_lazily(steps_with_a_rival_between()), {})
        assert warehouse.query(f"SELECT whole FROM {table.sql}") == [{"whole": 1}]

    def test_counting_at_once_loses_nothing(self, warehouse: Warehouse, table: TableName) -> None:
        """Whoever meets a conflict does it again; then every one of them counts."""
        warehouse.transact([self.insert(table, "counter")], {})
        move = Execute("move", f"UPDATE {table.sql} SET whole = whole + 1 WHERE name = 'counter'")

        def count(mine: Warehouse) -> None:
            for _ in range(5):
                while not self._moved(mine, move):
                    pass

        with self.kept_open(warehouse), ThreadPoolExecutor(3) as threads:
            list(threads.map(count, [self.another(warehouse) for _ in range(3)]))
        assert warehouse.query(f"SELECT whole FROM {table.sql}") == [{"whole": 15}]

    def _moved(self, warehouse: Warehouse, move: Step) -> bool:
        try:
            warehouse.transact([move], {})
        except TransactionConflict:
            return False
        return True

    def test_making_and_dropping_at_once_is_no_error(self, warehouse: Warehouse, table: TableName) -> None:
        fresh = [table.sibling(f"{table.table}_{number}") for number in range(10)]

        def make_and_drop(mine: Warehouse) -> None:
            for name in fresh:
                mine.create_table(name, COLUMNS)
            mine.drop(fresh)

        with self.kept_open(warehouse), ThreadPoolExecutor(3) as threads:
            list(threads.map(make_and_drop, [self.another(warehouse) for _ in range(3)]))
        assert warehouse.columns_of(fresh) == {}

    def kept_open(self, warehouse: Warehouse) -> Any:
        """Whatever makes connections of one process meet; nothing where they always do."""
        from contextlib import nullcontext

        return nullcontext()


def _lazily(steps: Iterator[Step]) -> Sequence[Step]:
    """A step is made only when those before it were taken."""

    class Lazy(Sequence[Step]):
        def __getitem__(self, index: Any) -> Any:
            raise NotImplementedError

        def __len__(self) -> int:
            raise NotImplementedError

        def __iter__(self) -> Iterator[Step]:
            return steps

    return Lazy()
