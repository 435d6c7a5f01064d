"""The conformance suite of the `Warehouse` port, for every adapter.

An adapter's test file subclasses `WarehouseSuite` and implements the connection. Two
connections represent two processes. The suite does not depend on the adapter.
"""

from __future__ import annotations

import abc
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import pyarrow
import pytest

from lib.consolidation.errors import (
    DatasetNotFound,
    InvalidIdentifier,
    RequirementFailed,
    SourceVanished,
    TableNotFound,
    TransactionConflict,
    WarehouseUnavailable,
)
from lib.consolidation.identifiers import TableName
from lib.consolidation.requirements import guarded
from lib.consolidation.warehouse import Column, Execute, Partitions, Require, StagingTable, Step, Warehouse

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


NESTED = (
    Column("names", "ARRAY<STRING>"),
    Column("numbers", "ARRAY<INT64>"),
    Column("facts", "JSON"),
    Column("price", "NUMERIC"),
)
FULL: dict[str, Any] = {
    "names": [ROW["name"], ""],
    "numbers": [2**63 - 1, -(2**63)],
    "facts": '{"text": "\\n😀", "none": null,\n "whole": 9007199254740993}',
    "price": Decimal("99999999999999999999999999999.999999999"),
}
EMPTY: dict[str, Any] = dict.fromkeys(FULL)
_NESTED_ARROW = pyarrow.schema(
    [
        ("names", pyarrow.list_(pyarrow.string())),
        ("numbers", pyarrow.list_(pyarrow.int64())),
        ("facts", pyarrow.string()),
        ("price", pyarrow.decimal128(38, 9)),
    ]
)
ELSEWHERE = TableName("elsewhere", "table")


def arrow(*rows: dict[str, Any]) -> pyarrow.Table:
    return pyarrow.Table.from_pylist(list(rows), schema=_ARROW)


def named(*names: str) -> pyarrow.Table:
    return arrow(*({**NOTHING, "name": name} for name in names))


WITHOUT_DATASET: dict[str, Callable[[Warehouse, TableName], object]] = {
    "query": lambda warehouse, table: warehouse.query(f"SELECT * FROM {ELSEWHERE.sql}"),
    "gather": lambda warehouse, table: warehouse.query("SELECT 1", gather={table.sibling("all"): [ELSEWHERE]}),
    "columns": lambda warehouse, table: warehouse.columns(ELSEWHERE),
    "columns of": lambda warehouse, table: warehouse.columns_of([table, ELSEWHERE]),
    "staging tables": lambda warehouse, table: warehouse.staging_tables(ELSEWHERE.dataset, "_staging_"),
    "copy from": lambda warehouse, table: warehouse.copy_structure(ELSEWHERE, table.sibling("copy")),
    "copy to": lambda warehouse, table: warehouse.copy_structure(table, ELSEWHERE),
    "load": lambda warehouse, table: warehouse.load({ELSEWHERE: named("x")}, COLUMNS, note="b"),
    "transact": lambda warehouse, table: warehouse.transact(
        [Execute("delete", f"DELETE FROM {ELSEWHERE.sql} WHERE TRUE")], {}
    ),
}


class Overtaken(Protocol):
    """Run the steps in one transaction, and the rival before the last step."""

    def __call__(self, warehouse: Warehouse, steps: Sequence[Step], rival: Callable[[], object]) -> None: ...


def _guarded_by(condition: str) -> Execute:
    """Return a written column that refuses."""
    return Execute("guard", f"INSERT INTO {{table}} (whole) SELECT {guarded('1', {'never': condition})}")


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

    @pytest.fixture
    def overtaken(self) -> Overtaken:
        """For an adapter that runs the steps one by one; an adapter that joins them overrides this."""

        def transact(warehouse: Warehouse, steps: Sequence[Step], rival: Callable[[], object]) -> None:
            def one_by_one() -> Iterator[Step]:
                yield from steps[:-1]
                rival()
                yield steps[-1]

            warehouse.transact(_lazily(one_by_one()), {})

        return transact

    def names(self, warehouse: Warehouse, table: TableName) -> list[str]:
        return [row["name"] for row in warehouse.query(f"SELECT name FROM {table.sql} ORDER BY name")]

    def insert(self, table: TableName, name: str) -> Execute:
        return Execute(f"insert {name}", f"INSERT INTO {table.sql} (name, whole) VALUES ('{name}', 0)")

    def test_a_table_has_the_columns_it_was_created_with(self, warehouse: Warehouse, table: TableName) -> None:
        assert warehouse.columns(table) == COLUMNS
        warehouse.transact([self.insert(table, "kept")], {})
        warehouse.create_table(table, [Column("other", "STRING")])
        assert warehouse.columns(table) == COLUMNS
        assert self.names(warehouse, table) == ["kept"]
        for number, expires_at in enumerate((None, datetime.now(UTC) + timedelta(days=2))):
            copy = table.sibling(f"{table.table}_copy_{number}")
            warehouse.copy_structure(table, copy, expires_at=expires_at)
            assert (warehouse.columns(copy), self.names(warehouse, copy)) == (COLUMNS, [])

    def test_a_partitioned_table_behaves_like_any_other(self, warehouse: Warehouse, table: TableName) -> None:
        parts = table.sibling(f"{table.table}_parts")
        for keep_days in (None, 40):
            warehouse.create_table(parts, COLUMNS, partitions=Partitions("moment", keep_days))
        insert = f"INSERT INTO {parts.sql} (name, moment) VALUES ('a', CURRENT_TIMESTAMP())"
        warehouse.transact([Execute("insert", insert)], {})
        found = f"SELECT name FROM {parts.sql} WHERE moment >= @since"
        since = datetime.now(UTC) - timedelta(days=1)
        assert warehouse.query(found, {"since": since}) == [{"name": "a"}]
        assert warehouse.query(found, {"since": since + timedelta(days=2)}) == []
        assert {column.name for column in warehouse.columns(parts)} == {column.name for column in COLUMNS}

    def test_arrays_are_columns_and_parameters(self, warehouse: Warehouse, table: TableName) -> None:
        arrays = table.sibling(f"{table.table}_arrays")
        warehouse.create_table(arrays, [Column("names", "ARRAY<STRING>")])
        warehouse.transact(
            [Execute("insert", f"INSERT INTO {arrays.sql} (names) SELECT @names")], {"names": [ROW["name"], "b"]}
        )
        assert list(warehouse.query(f"SELECT names FROM {arrays.sql}")[0]["names"]) == [ROW["name"], "b"]
        assert warehouse.columns(arrays) == (Column("names", "ARRAY<STRING>"),)

    def test_loaded_rows_are_read_back_unchanged(self, warehouse: Warehouse, table: TableName) -> None:
        """Every type, NULLs, only the existing columns, and the note."""
        first, second = (table.sibling(f"_staging_b_{name}{table.table}") for name in "ab")
        before = datetime.now(UTC)
        some = arrow(ROW).select(["name", "day"])
        warehouse.load({first: arrow(ROW, NOTHING), second: some}, COLUMNS, note="it's a note")
        assert warehouse.columns_of([first, second]) == {first: COLUMNS, second: (COLUMNS[0], COLUMNS[5])}
        assert warehouse.query(f"SELECT * FROM {second.sql}") == [{"name": ROW["name"], "day": ROW["day"]}]
        rows = warehouse.query(f"SELECT * FROM {first.sql} ORDER BY name IS NULL")
        assert rows == [ROW, NOTHING]
        assert rows[0]["moment"].tzinfo is UTC
        listed = [found for found in warehouse.staging_tables("suite", "_staging_b_") if found.name in (first, second)]
        assert [(found.name, found.note, found.rows) for found in listed] == [
            (first, "it's a note", 2),
            (second, "it's a note", 1),
        ]
        with_columns = warehouse.staging_tables("suite", "_staging_b_", with_columns=True)
        described = {found.name: found.columns for found in with_columns}
        assert {name: described[name] for name in (first, second)} == warehouse.columns_of([first, second])
        for found in listed:
            assert found.changed_at is not None
            assert before - timedelta(milliseconds=1) <= found.changed_at <= found.listed_at

    def test_arrays_json_and_long_numbers_are_loaded_unchanged(self, warehouse: Warehouse, table: TableName) -> None:
        """A NULL array is stored as an empty one; an array that contains NULL is refused."""
        staged, refused, beside = (table.sibling(f"_staging_n_{name}{table.table}") for name in "abc")
        rows = pyarrow.Table.from_pylist([FULL, EMPTY], schema=_NESTED_ARROW)
        warehouse.load({staged: rows}, NESTED, note="n")
        assert warehouse.columns(staged) == NESTED
        found = warehouse.query(
            f"SELECT * REPLACE (TO_JSON_STRING(facts) AS facts) FROM {staged.sql} ORDER BY price IS NULL"
        )
        assert [{**row, "facts": row["facts"] and json.loads(row["facts"])} for row in found] == [
            {**FULL, "facts": json.loads(FULL["facts"])},
            {**EMPTY, "names": [], "numbers": []},
        ]
        empty = f"SELECT COUNT(*) AS found FROM {staged.sql} WHERE names IS NULL OR ARRAY_LENGTH(numbers) IS NULL"
        assert warehouse.query(empty) == [{"found": 0}]
        with_null = pyarrow.Table.from_pylist([{**FULL, "names": ["a", None]}], schema=_NESTED_ARROW)
        with pytest.raises(WarehouseUnavailable):
            warehouse.load({beside: rows, refused: with_null}, NESTED, note="n")
        assert set(warehouse.columns_of([staged, refused, beside])) == {staged}

    def test_a_rewritten_staging_table_is_distinguished_from_the_old_one(
        self, warehouse: Warehouse, table: TableName
    ) -> None:
        """After a refill or a new table under the same name, its rows may differ."""
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

    @pytest.mark.parametrize("there", [[], ["old"]], ids=["empty", "filled"])
    def test_a_load_is_complete_or_has_no_effect(
        self, warehouse: Warehouse, table: TableName, there: list[str]
    ) -> None:
        """If one table exists already, it stays unchanged and the others are not created."""
        warehouse.transact([self.insert(table, name) for name in there], {})
        one, other = (table.sibling(f"_staging_c_{name}{table.table}") for name in "ab")
        with pytest.raises(WarehouseUnavailable):
            warehouse.load({one: named("new"), table: named("new"), other: named("new")}, COLUMNS, note="c")
        assert set(warehouse.columns_of([one, table, other])) == {table}
        assert self.names(warehouse, table) == there

    def test_a_prefix_is_taken_literally(self, warehouse: Warehouse, table: TableName) -> None:
        """`_` is a literal character."""
        tables = [table.sibling(f"{name}_{table.table}") for name in ("a_b", "axb", "a_bc")]
        warehouse.load({name: named("x") for name in tables}, COLUMNS, note="b")
        assert [found.name for found in warehouse.staging_tables("suite", "a_b_")] == [tables[0]]

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

    @pytest.mark.parametrize("name", ["gone", "conflict", "Transaction_conflict"])
    def test_missing_tables(self, warehouse: Warehouse, table: TableName, name: str) -> None:
        gone = table.sibling(name)
        with pytest.raises(TableNotFound, match=name):
            warehouse.columns(gone)
        with pytest.raises(TableNotFound, match=name):
            warehouse.query(f"SELECT * FROM {gone.sql}")
        with pytest.raises(TableNotFound, match=name):
            warehouse.transact([self.insert(gone, "x")], {})
        assert set(warehouse.columns_of([table, gone])) == {table}
        warehouse.drop([gone, table, table])
        assert warehouse.columns_of([table]) == {}

    @pytest.mark.parametrize("ask", WITHOUT_DATASET.values(), ids=WITHOUT_DATASET)
    def test_a_missing_dataset_is_not_an_empty_one(
        self, warehouse: Warehouse, table: TableName, ask: Callable[[Warehouse, TableName], object]
    ) -> None:
        with pytest.raises(DatasetNotFound, match="elsewhere"):
            ask(warehouse, table)
        warehouse.drop([ELSEWHERE])

    def test_only_a_missing_table_is_a_missing_table(self, warehouse: Warehouse, table: TableName) -> None:
        """A missing ledger or fence is normal; an error mistaken for that would go unnoticed."""
        with pytest.raises(WarehouseUnavailable, match="unheard_of"):
            warehouse.query(f"SELECT unheard_of(name) AS name FROM {table.sql}")
        with pytest.raises(WarehouseUnavailable, match=r"(?i)already exists"):
            warehouse.copy_structure(table, table)

    @pytest.mark.parametrize(
        ("last", "error"),
        [
            (Require("never", "1 = 2"), RequirementFailed),
            (Require("null", "CAST(NULL AS BOOL)"), RequirementFailed),
            (Execute("fault", "SELECT ERROR('fault')"), WarehouseUnavailable),
            (
                Execute("touch", "UPDATE {table} SET whole = 1 WHERE name = 'nobody'", must_touch="never"),
                RequirementFailed,
            ),
            (_guarded_by("1 = 2"), RequirementFailed),
            (_guarded_by("CAST(NULL AS BOOL)"), RequirementFailed),
        ],
    )
    def test_a_transaction_is_complete_or_has_no_effect(
        self, warehouse: Warehouse, table: TableName, last: Step, error: type[Exception]
    ) -> None:
        """Each step sees the effects of earlier ones; a false condition or an error undoes everything."""
        if isinstance(last, Execute):
            last = replace(last, sql=last.sql.replace("{table}", table.sql))
        steps = [
            self.insert(table, "first"),
            Execute("keep", f"CREATE TEMP TABLE kept AS SELECT name FROM {table.sql}"),
            Execute("twice", f"INSERT INTO {table.sql} (name) SELECT name FROM kept"),
            Require("two", f"(SELECT COUNT(*) FROM {table.sql}) = 2"),
        ]
        with pytest.raises(error) as raised:
            warehouse.transact([*steps, last], {})
        if isinstance(raised.value, RequirementFailed):
            assert raised.value.code == (last.code if isinstance(last, Require) else "never")
        assert self.names(warehouse, table) == []
        outcome = warehouse.transact(steps, {}, job_id="job")
        assert self.names(warehouse, table) == ["first", "first"]
        assert {"insert first", "keep", "twice"} == set(outcome.elapsed_ms)

    def test_a_single_statement_is_complete_or_has_no_effect(self, warehouse: Warehouse, table: TableName) -> None:
        """Also if the warehouse does not treat it as a transaction, but as a statement that may wait."""
        outcome = warehouse.transact([self.insert(table, "one")], {}, job_id="alone")
        assert set(outcome.elapsed_ms) == {"insert one"}
        touch = f"UPDATE {table.sql} SET whole = 1 WHERE name = @name"
        for code, step in {
            "nobody": Execute("touch", touch, must_touch="nobody"),
            "no_more": Execute(
                "more", f"INSERT INTO {table.sql} (name) SELECT {guarded('@name', {'no_more': 'FALSE'})}"
            ),
        }.items():
            with pytest.raises(RequirementFailed) as raised:
                warehouse.transact([step], {"name": "two"})
            assert raised.value.code == code
        warehouse.transact([Execute("touch", touch, must_touch="nobody")], {"name": "one"})
        assert warehouse.query(f"SELECT name, whole FROM {table.sql}") == [{"name": "one", "whole": 1}]

    def test_the_code_of_a_requirement_is_a_plain_name(self) -> None:
        """The code is returned in a script's error message, among the warehouse's words."""
        for make in (
            lambda: Require("not plain", "TRUE"),
            lambda: Execute("step", "SELECT 1", must_touch="not plain"),
            lambda: guarded("1", {"not plain": "TRUE"}),
        ):
            with pytest.raises(InvalidIdentifier, match="requirement 'not plain'"):
                make()

    def test_a_session_is_not_a_transaction(self, warehouse: Warehouse, table: TableName) -> None:
        """Each call in it takes effect for everyone, even if later calls fail."""
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
        with pytest.raises(SourceVanished, match=parts[0].table):
            warehouse.transact(steps, {}, gather={all_of_them: parts})
        assert len(self.names(warehouse, table)) == 30

    def test_two_transactions_that_update_one_row_conflict(
        self, warehouse: Warehouse, table: TableName, overtaken: Overtaken
    ) -> None:
        """The fence depends on this; the rival's commit remains."""
        warehouse.transact([self.insert(table, "fence")], {})
        steps: list[Step] = [
            Require("read_first", f"(SELECT MAX(whole) FROM {table.sql}) = 0"),
            Execute("move", f"UPDATE {table.sql} SET whole = whole + 10 WHERE name = 'fence'"),
        ]
        move = Execute("move", f"UPDATE {table.sql} SET whole = whole + 1 WHERE name = 'fence'")
        rival = self.another(warehouse)
        with self.kept_open(warehouse), pytest.raises(TransactionConflict):
            overtaken(warehouse, steps, lambda: rival.transact([move], {}))
        assert warehouse.query(f"SELECT whole FROM {table.sql}") == [{"whole": 1}]

    def test_concurrent_counting_loses_nothing(self, warehouse: Warehouse, table: TableName) -> None:
        """With retries after conflicts, every increment counts."""
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

    def test_concurrent_creation_and_dropping_is_not_an_error(self, warehouse: Warehouse, table: TableName) -> None:
        fresh = [table.sibling(f"{table.table}_{number}") for number in range(10)]

        def make_and_drop(mine: Warehouse) -> None:
            for name in fresh:
                mine.create_table(name, COLUMNS)
            mine.drop(fresh)

        with self.kept_open(warehouse), ThreadPoolExecutor(3) as threads:
            list(threads.map(make_and_drop, [self.another(warehouse) for _ in range(3)]))
        assert warehouse.columns_of(fresh) == {}

    def kept_open(self, warehouse: Warehouse) -> Any:
        """Lets connections of one process overlap; does nothing if they always do."""
        from contextlib import nullcontext

        return nullcontext()


def _lazily(steps: Iterator[Step]) -> Sequence[Step]:
    """A step is produced only after the steps before it have run."""

    class Lazy(Sequence[Step]):
        def __getitem__(self, index: Any) -> Any:
            raise NotImplementedError

        def __len__(self) -> int:
            raise NotImplementedError

        def __iter__(self) -> Iterator[Step]:
            return steps

    return Lazy()
