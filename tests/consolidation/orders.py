"""Another team's table: orders, dated by a DATE, TIMESTAMP or DATETIME, on any warehouse."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from lib.consolidation.dates import DateType
from lib.consolidation.errors import StagedDataError
from lib.consolidation.identifiers import TableName
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.cleanup import Proof, prove_merged, prove_waiting
from lib.consolidation.upkeep.day_profiles import Groups, last_written, profile_days, rows_of_date
from lib.consolidation.upkeep.due_units import rows_by_date
from lib.consolidation.upkeep.duplicates import count_duplicates, explain_duplicates
from lib.consolidation.upkeep.repair import apply_repair, plan_repair
from lib.consolidation.upkeep.subjects import activity_by_day
from lib.consolidation.upkeep.undo import plan_undo, undo_repair
from lib.consolidation.warehouse import Column
from tests.consolidation.world import World

ZONE = "America/New_York"
TYPES: tuple[DateType, ...] = ("DATE", "TIMESTAMP", "DATETIME")
# In New York they have 23 and 25 hours.
SPRING, AUTUMN = date(2026, 3, 8), date(2026, 11, 1)
_ONE_DAY, _LEAST = timedelta(days=1), timedelta(microseconds=1)


def orders_spec(date_type: DateType, **others: Any) -> TableSpec:
    settings: dict[str, Any] = {
        "table": TableName("shop", "orders"),
        "key_columns": ("order_id", "sku"),
        "nullable_keys": ("sku",),
        "date_column": "ordered_at",
        "date_type": date_type,
        "timezone": ZONE,
        "row_id_column": "",
        "newest_first": ("updated_at",),
        "active_column": "",
        "never_update": (),
        "rounded_columns": (),
    }
    return TableSpec(**{**settings, **others})


def order_columns(date_type: DateType) -> tuple[Column, ...]:
    return (
        Column("order_id", "STRING"),
        Column("sku", "STRING"),
        Column("quantity", "INT64"),
        Column("ordered_at", date_type),
        Column("updated_at", "TIMESTAMP"),
    )


def order(order_id: str, at: date | datetime | None, *, quantity: int = 1, minute: int = 0) -> dict[str, Any]:
    updated_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    return {"order_id": order_id, "sku": "s", "quantity": quantity, "ordered_at": at, "updated_at": updated_at}


def ends_of(spec: TableSpec, day: date) -> tuple[date | datetime, date | datetime]:
    """The first and the last value of the date."""
    first, after = spec.dates.limits(day)
    return first, first if spec.dates.is_date else after - _LEAST


def check_a_date(world: World, day: date) -> None:
    """Everything that reads or changes a date includes its first and last value, but not their neighbours."""
    warehouse, spec = world.warehouse, world.spec
    first, last = ends_of(spec, day)
    _, before = ends_of(spec, day - _ONE_DAY)
    after, _ = ends_of(spec, day + _ONE_DAY)
    world.insert([order("before", before), order("after", after), order("old", first)])
    with pytest.raises(StagedDataError, match=r"column ordered_at: .* is not .*batch's date"):
        world.staging_writer.write([order("x", after)], batch_id="b", worker_id="w", game_date=day)
    staged = [order("old", last, quantity=2), order("new", first), order("newest", last), order("newest", last)]
    world.staging_writer.write(staged, batch_id="b", worker_id="w", game_date=day)
    assert world.consolidate("b", game_date=day, dry_run=True).inserted == 2
    result = world.consolidate("b", game_date=day, cleanup=False)
    assert (result.staged, result.inserted, result.updated, result.deduplicated) == (4, 2, 1, 1)
    table = {row["order_id"]: row for row in world.table()}
    assert len(table) == 5
    assert (table["old"]["quantity"], table["old"]["ordered_at"]) == (2, last)
    assert [one.proof for one in prove_merged(warehouse, spec, "b")] == [Proof.EQUAL]
    world.stage([order("waits", last, minute=9)], "waiting")
    waits = prove_waiting(warehouse, spec, warehouse.staging_tables("shop", "_staging_waiting"))
    assert [one.proof for one in waits] == [Proof.ABSENT]
    _check_figures(world, day)
    _check_repair(world, day, last)


def _check_figures(world: World, day: date) -> None:
    warehouse, spec = world.warehouse, world.spec
    span = day - _ONE_DAY, day + _ONE_DAY
    expected = {span[0]: 1, day: 3, span[1]: 1}
    assert {one.game_date: one.rows for one in profile_days(warehouse, spec, [], *span, Groups())} == expected
    assert {one.game_date: one.subjects for one in activity_by_day(warehouse, spec, *span)} == expected
    assert {one.game_date: one.rows for one in count_duplicates(warehouse, spec, *span)} == expected
    assert rows_by_date(warehouse, spec, *span) == expected
    assert rows_of_date(warehouse, spec, day) == 3
    written = last_written(warehouse, spec, day - _ONE_DAY, day)
    assert written
    assert written.game_date == day


def _check_repair(world: World, day: date, last: date | datetime) -> None:
    """A key that appears twice on the date, and once on the day after."""
    warehouse, spec = world.warehouse, world.spec
    world.insert([order("new", last, quantity=7, minute=5)])
    [group] = explain_duplicates(warehouse, spec, day).groups
    assert (group.key, group.rows) == ({"order_id": "new", "sku": "s"}, 2)
    before = world.table()
    repaired = apply_repair(warehouse, world.locks, spec, plan_repair(warehouse, spec, day))
    assert (repaired.removed, repaired.duplicate_keys_after) == (1, 0)
    undo_repair(warehouse, world.locks, spec, plan_undo(warehouse, spec, day, repaired.backup_table.table))
    assert world.table() == before
