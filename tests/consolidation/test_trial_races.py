"""Trials of two overlapping transactions: overlap is verified, and errors are distinguished from results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from lib.consolidation.errors import RequirementFailed, TransactionConflict, WarehouseUnavailable
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.trials.race import Arena, Racer, Work
from lib.consolidation.warehouse import Execute, Require, TransactionOutcome, Warehouse
from lib.embedded.duckdb_warehouse import DuckdbWarehouse

ONE_AT_A_TIME = Lock()


class BusyWarehouse(DuckdbWarehouse):
    """The second transaction begins when the first has ended."""

    def transact(self, *args: Any, **options: Any) -> TransactionOutcome:
        with ONE_AT_A_TIME:
            return super().transact(*args, **options)


def arena(tmp_path: Path, kind: Callable[[Path], Warehouse] = DuckdbWarehouse) -> Arena:
    return Arena("trials", lambda: kind(tmp_path / "warehouse.duckdb"), lambda _: [Execute("delay", "SELECT 1")])


def insert(spec: TableSpec) -> Work:
    row = Execute("row", f"INSERT INTO {spec.table.sql} (item) VALUES ('item')")
    return lambda racer, _: racer.race([row], {})


def test_transactions_that_never_overlap_give_no_result(tmp_path: Path) -> None:
    busy = arena(tmp_path, BusyWarehouse)
    with pytest.raises(WarehouseUnavailable, match="did not overlap in 3 attempts"):
        busy.race(insert)


def test_the_error_of_the_side_that_cannot_begin_is_raised(tmp_path: Path) -> None:
    def prepare(spec: TableSpec) -> Work:
        def work(racer: Racer, side: int) -> None:
            if side:
                raise WarehouseUnavailable("out of slots")
            insert(spec)(racer, side)

        return work

    with pytest.raises(WarehouseUnavailable, match="out of slots"):
        arena(tmp_path).race(prepare)


def test_the_transactions_error_is_the_result_and_other_errors_are_raised(tmp_path: Path) -> None:
    refused = Require("never", "FALSE")
    race = arena(tmp_path).race(lambda _: lambda racer, side: racer.race([refused] if side else [], {}))
    errors = [each.error for each in race.ended]
    assert (errors[0], type(errors[1])) == (None, RequirementFailed)

    def prepare(spec: TableSpec) -> Work:
        def work(racer: Racer, side: int) -> None:
            insert(spec)(racer, side)
            raise TransactionConflict("in a transaction that came later")

        return work

    with pytest.raises(TransactionConflict, match="that came later"):
        arena(tmp_path).race(prepare)
