"""Rows dated by a TIMESTAMP or DATETIME, and batches whose rows have several dates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, reset_tzpath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.consolidation import BatchConsolidator
from lib.consolidation.backfill import Waiting, waiting_batches
from lib.consolidation.dates import DateType
from lib.consolidation.errors import (
    NothingToConsolidate,
    SpecChanged,
    SpecMismatch,
    StagedDataError,
    WarehouseUnavailable,
)
from lib.consolidation.ledger import ledger_runs
from lib.consolidation.merged_tables import merged_in_part
from lib.consolidation.result import BatchResult, ConsolidationStatus
from lib.consolidation.staging import staging_backlog
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column
from lib.errors import UserError
from tests.consolidation.orders import (
    AUTUMN,
    SPRING,
    TYPES,
    ZONE,
    check_a_date,
    ends_of,
    order,
    order_columns,
    orders_spec,
)
from tests.consolidation.world import HookedWarehouse, World, in_order

DAYS = [SPRING + timedelta(days=number) for number in range(-1, 3)]


def shop(folder: Path, date_type: DateType, **others: Any) -> World:
    return World(folder, orders_spec(date_type, **others), columns=order_columns(date_type))


def consolidate(world: World, batch_id: str = "b", **options: Any) -> BatchResult:
    return BatchConsolidator(world.warehouse, world.locks, world.spec).consolidate_batch(batch_id=batch_id, **options)


@pytest.mark.parametrize("date_type", TYPES)
@pytest.mark.parametrize("day", [SPRING, AUTUMN], ids=["23 hours", "25 hours"])
def test_a_date_includes_its_first_and_last_value(tmp_path: Path, date_type: DateType, day: date) -> None:
    check_a_date(shop(tmp_path, date_type), day)


def test_a_day_has_the_hours_of_its_time_zone() -> None:
    """Old and new time zone data agree on these dates: Cuba changed its rule for autumn 2026 at short notice."""
    spring, autumn, beirut, apia = date(2024, 3, 10), date(2024, 11, 3), date(2024, 3, 31), date(2011, 12, 30)
    hours = {}
    for zone in ("America/New_York", "", "America/Havana", "Asia/Beirut", "Pacific/Apia"):
        dates = orders_spec("TIMESTAMP", timezone=zone).dates
        for day in (spring, autumn, beirut, apia):
            first, after = dates.limits(day)
            assert isinstance(first, datetime)
            assert isinstance(after, datetime)
            hours[zone, day] = (after - first) / timedelta(hours=1)
            assert (
                hours[zone, day] == 0 or dates.day_of(first) == dates.day_of(after - timedelta(microseconds=1)) == day
            )
    unusual = {place: number for place, number in hours.items() if number != 24}
    assert unusual == {
        ("America/New_York", spring): 23,
        ("America/New_York", autumn): 25,
        ("America/Havana", spring): 23,
        ("America/Havana", autumn): 25,
        ("Asia/Beirut", beirut): 23,
        ("Pacific/Apia", apia): 0,  # this day was skipped
    }
    for date_type in TYPES:
        for end in (date.min, date.max):
            first, after = orders_spec(date_type).dates.limits(end)
            assert first <= after


def test_nothing_is_merged_with_time_zone_data_that_the_warehouse_contradicts(tmp_path: Path) -> None:
    world = shop(tmp_path, "TIMESTAMP")
    world.stage([order("a", ends_of(world.spec, SPRING)[0])], "b")
    an_hour_later = files("tzdata.zoneinfo.America").joinpath("Chicago").read_bytes()
    (tmp_path / "America").mkdir()
    (tmp_path / ZONE).write_bytes(an_hour_later)
    reset_tzpath([tmp_path])
    ZoneInfo.clear_cache()
    try:
        with pytest.raises(WarehouseUnavailable, match=f"disagree about when {SPRING} begins .* update this machine's"):
            consolidate(world)
    finally:
        reset_tzpath()
        ZoneInfo.clear_cache()
    assert consolidate(world).status is ConsolidationStatus.CONSOLIDATED


def test_a_wrong_date_type_and_another_time_zone_are_refused(tmp_path: Path) -> None:
    world = shop(tmp_path, "TIMESTAMP")
    world.stage([order("a", ends_of(world.spec, SPRING)[0])], "b")
    for date_type in ("DATE", "DATETIME"):
        said = f"must be a {date_type}, but is TIMESTAMP; write date_type: TIMESTAMP below table:"
        with pytest.raises(SpecMismatch, match=said):
            consolidate(replace(world, spec=orders_spec(date_type)))
    consolidate(world)
    elsewhere = replace(world, spec=orders_spec("TIMESTAMP", timezone="Asia/Tokyo"))
    elsewhere.stage([order("a", ends_of(world.spec, SPRING)[0])], "b")
    with pytest.raises(SpecChanged, match=r"date=ordered_at@America/New_York .* not with \[date=ordered_at@Asia/Tokyo"):
        consolidate(elsewhere)
    assert orders_spec("DATE").identity == orders_spec("DATE", timezone="").identity
    with pytest.raises(UserError, match="time zone 'Mars' is not known"):
        orders_spec("TIMESTAMP", timezone="Mars")


@pytest.mark.parametrize("date_type", ["TIMESTAMP", "DATETIME"])
def test_a_timestamp_is_not_filled_in_from_a_date(tmp_path: Path, date_type: DateType) -> None:
    world = shop(tmp_path, date_type)
    row = order("a", None)
    del row["ordered_at"]
    with pytest.raises(StagedDataError, match=f"a date is not enough to fill in ordered_at, which is a {date_type}"):
        world.staging_writer.write([row], batch_id="b", worker_id="w", game_date=SPRING)


@dataclass(frozen=True)
class Staged:
    """A staged row on one of `DAYS`, at some time of the day."""

    day: int
    order_id: str
    share: float

    def row(self, spec: TableSpec, number: int) -> dict[str, Any]:
        """Later rows are newer."""
        first, last = ends_of(spec, DAYS[self.day])
        at = first if spec.dates.is_date else first + (last - first) * self.share
        return order(self.order_id, at, quantity=number, minute=number)


class Crash(BaseException):
    """Stands for a killed process."""


def crash_at(warehouse: HookedWarehouse, moment: int) -> None:
    """Die after this many steps: before a transaction, after its commit, or at the end."""
    left = iter(range(moment))

    def tick(*_: object) -> None:
        if next(left, None) is None:
            raise Crash

    warehouse.before_merge = warehouse.before_commit = warehouse.after_commit = tick


staged_rows = st.builds(Staged, st.integers(0, 3), st.sampled_from("abc"), st.sampled_from([0.0, 0.5, 1.0]))


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    date_type=st.sampled_from(TYPES),
    old=st.lists(staged_rows, max_size=3, unique_by=lambda row: (row.day, row.order_id)),
    tables=st.lists(st.lists(staged_rows, min_size=1, max_size=5), min_size=1, max_size=3),
    late=st.lists(staged_rows, max_size=3),
    crashes=st.lists(st.integers(0, 9), max_size=3),
    use_lock=st.booleans(),
)
def test_each_date_is_merged_once_despite_interruptions(
    tmp_path_factory: pytest.TempPathFactory,
    date_type: DateType,
    old: list[Staged],
    tables: list[list[Staged]],
    late: list[Staged],
    crashes: list[int],
    use_lock: bool,
) -> None:
    """With rows of several dates and processes killed between dates, table and ledger match the model."""
    world = shop(tmp_path_factory.mktemp("dates"), date_type)
    numbers = iter(range(1000))
    with world.warehouse.connection():
        before = [one.row(world.spec, next(numbers)) for one in old]
        world.insert(before)
        staged = []
        for table in tables:
            rows = [one.row(world.spec, next(numbers)) for one in table]
            world.stage(rows, "b")
            staged += rows
        results = []
        for crash in crashes:
            dying = world.again()
            crash_at(dying.warehouse, crash)
            try:
                results.append(consolidate(dying, use_lock=use_lock))
            except Crash:
                continue
        if late:
            rows = [one.row(world.spec, next(numbers)) for one in late]
            world.stage(rows, "b")
            staged += rows
        planned = consolidate(world.again(), dry_run=True)
        result = consolidate(world.again(), use_lock=use_lock)

        def key(row: dict[str, Any]) -> tuple[date, str]:
            return world.spec.dates.day_of(row["ordered_at"]), row["order_id"]

        assert world.table() == in_order({key(row): row for row in [*before, *staged]}.values())
        runs = ledger_runs(world.warehouse, world.spec, batch_id="b")
        assert sum(run.staged_rows for run in runs) == len(staged)
        assert {run.day for run in runs} == {key(row)[0] for row in staged}
        assert [one.staged for one in result.dates] == [one.staged for one in planned.dates]
        assert result.staged == result.inserted + result.updated + result.deduplicated
        assert world.staged("b") == []
        assert consolidate(world).status is ConsolidationStatus.ALREADY_CONSOLIDATED


def of_two_dates(world: World, batch_id: str = "b") -> None:
    """One table with rows of both dates, and one with rows of the second only."""
    first, second = (ends_of(world.spec, day)[1] for day in DAYS[:2])
    world.stage([order("a", first), order("b", second)], batch_id)
    world.stage([order("c", second)], batch_id)


def test_a_table_is_dropped_after_all_its_dates_are_merged(tmp_path: Path) -> None:
    world = shop(tmp_path, "TIMESTAMP")
    of_two_dates(world)
    assert waiting_batches(world.warehouse, world.spec, DAYS) == [
        Waiting(DAYS[0], "b", has_other_dates=True),
        Waiting(DAYS[1], "b", has_other_dates=True),
    ]
    with pytest.raises(StagedDataError, match=r"rows of another date .* omit the date to consolidate each"):
        world.consolidate("b", game_date=DAYS[0])
    consolidator = BatchConsolidator(world.warehouse, world.locks, world.spec)
    second = consolidator.consolidate_dates(batch_id="b", dates=[DAYS[1]])
    assert (second.staged, second.staging_dropped) == (2, 1)
    assert merged_in_part(ledger_runs(world.warehouse, world.spec)) == {table.table for table in world.staged("b")}
    [batch] = staging_backlog(world.warehouse, world.spec)
    assert (batch.merged_tables, batch.unmerged_tables) == (0, 1)
    first = consolidator.consolidate_dates(batch_id="b", dates=[DAYS[0]], cleanup=False)
    assert (first.staged, first.as_data("game_date")["dates"][0]["game_date"]) == (1, str(DAYS[0]))
    [batch] = staging_backlog(world.warehouse, world.spec)
    assert (batch.merged_tables, batch.unmerged_tables) == (1, 0)
    assert merged_in_part(ledger_runs(world.warehouse, world.spec)) == set()
    again = consolidate(world)
    assert (again.status, again.staged, again.staging_dropped) == (ConsolidationStatus.ALREADY_CONSOLIDATED, 0, 1)
    assert [one.game_date for one in again.dates] == DAYS[:2]
    with pytest.raises(NothingToConsolidate, match=f"never consolidated for {DAYS[2]}"):
        consolidator.consolidate_dates(batch_id="b", dates=[DAYS[2]])
    with pytest.raises(NothingToConsolidate):
        consolidate(world, "unknown")


def test_a_timestamp_supersedes_within_its_date(tmp_path: Path) -> None:
    """An order moves to another key; the same order on the next date is unchanged."""
    spec = orders_spec("TIMESTAMP", supersedes=("order_id",), active_column="is_active")
    columns = (*order_columns("TIMESTAMP"), Column("is_active", "BOOL"))
    world = World(tmp_path, spec, columns=columns)
    first, last = ends_of(spec, SPRING)
    after, _ = ends_of(spec, SPRING + timedelta(days=1))
    world.insert([{**order("a", at), "is_active": True} for at in (first, after)])
    world.stage([{**order("a", last, minute=1), "sku": "t"}], "b")
    result = consolidate(world)
    assert (result.staged, result.inserted, result.superseded) == (1, 1, 1)
    found = sorted((row["ordered_at"], row["sku"], row["is_active"]) for row in world.table())
    assert found == [(first, "s", False), (last, "t", True), (after, "s", True)]


def test_rows_without_a_date_are_refused_before_anything_is_merged(tmp_path: Path) -> None:
    world = shop(tmp_path, "DATETIME")
    of_two_dates(world)
    with world.warehouse.connection() as connection:
        for table in world.staged("b"):
            connection.execute(f"UPDATE shop.{table.table} SET ordered_at = NULL WHERE order_id = 'b'")
    for dry_run in (True, False):
        with pytest.raises(StagedDataError, match=r"_staging_b_\w+ of batch b has 1 row without a date in ordered_at"):
            consolidate(world, dry_run=dry_run)
    assert world.table() == []
    assert len(world.staged("b")) == 2


def test_a_rival_may_merge_some_or_all_dates_meanwhile(tmp_path: Path) -> None:
    """Without the lock, the second one reads again and merges what is left."""
    for number, rival in enumerate(_RIVALS):
        world = shop(tmp_path / str(number), "TIMESTAMP")
        of_two_dates(world)
        done: list[object] = []

        world.warehouse.before_merge = partial(_once, done, partial(rival, world.again()))
        consolidate(world, use_lock=False)
        assert [row["order_id"] for row in world.table()] == ["a", "b", "c"]
        runs = ledger_runs(world.warehouse, world.spec, batch_id="b")
        assert sorted((run.day, run.staged_rows) for run in runs) == [(DAYS[0], 1), (DAYS[1], 2)]
        assert world.staged("b") == []


def _once(done: list[object], act: Callable[[], object]) -> None:
    if not done:
        done.append(None)
        act()


_RIVALS: list[Callable[[World], object]] = [
    lambda world: consolidate(world, use_lock=False),
    lambda world: BatchConsolidator(world.warehouse, world.locks, world.spec).consolidate_dates(
        batch_id="b", dates=[DAYS[0]], use_lock=False
    ),
    lambda world: BatchConsolidator(world.warehouse, world.locks, world.spec).consolidate_dates(
        batch_id="b", dates=[DAYS[1]], use_lock=False
    ),
]
