"""Settings never decide which fence is used, or which main table's staged rows are merged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from lib.consolidation.errors import NothingToConsolidate, SpecChanged, SpecMismatch, UnmarkedStaging
from lib.consolidation.fence import change_spec, ensure_fence, recorded_specs
from lib.consolidation.identifiers import TableName
from lib.consolidation.ledger import ledger_runs
from lib.consolidation.result import ConsolidationResult, ConsolidationStatus, log_committed
from lib.consolidation.staging import staging_backlog
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.audit import ACTION_COLUMNS, ActionRecord
from lib.consolidation.upkeep.cleanup import prove_merged
from lib.consolidation.upkeep.duplicates import count_duplicates
from lib.consolidation.upkeep.repair import apply_repair, plan_repair
from lib.consolidation.warehouse import Column, Row, staging_note
from lib.embedded.adapters import MAIN_TABLE
from lib.errors import RunbookError
from tests.consolidation.world import DAY, PREDICTIONS, World, predictions, quoted

ROWS = 6
OURS = PREDICTIONS
# Another column has the date, so the same rows have other dates.
BY_LOAD_DATE = replace(OURS, date_column="loaded_on")
LOADED_ON = DAY + timedelta(days=1)
OTHER_SPECS = {
    "date column": BY_LOAD_DATE,
    "key": replace(OURS, key_columns=(*OURS.key_columns, "recommendation")),
    "active column": replace(OURS, active_column=""),
}


class OwnLocks(World):
    """Another environment with its own locks, so that nothing keeps it from running at the same time."""

    @property
    def lock_folder(self) -> Path:
        return self.folder / "other locks"


def two_dates(world: World) -> World:
    with world.warehouse.connection() as connection:
        connection.execute(f"ALTER TABLE {quoted(world.spec.table)} ADD COLUMN loaded_on DATE")
    return world


def rows(**changes: object) -> list[Row]:
    return predictions(ROWS, loaded_on=LOADED_ON, **changes)


def fact(world: World) -> tuple[int, int]:
    """Rows and duplicate keys of the day."""
    [count] = count_duplicates(world.warehouse, OURS, DAY, DAY) or [None]
    return (count.rows, count.duplicate_keys) if count else (0, 0)


def test_environments_with_different_settings_write_nothing_twice(world: World) -> None:
    """Other locks, another lease, and different values of every setting of the table that may differ."""
    other_spec = replace(
        OURS,
        key_columns=tuple(name.upper() for name in reversed(OURS.key_columns)),
        nullable_keys=(),
        row_id_column="",
        newest_first=("confidence_score",),
        never_update=(),
        rounded_columns=(),
    )
    other = OwnLocks(world.folder, replace(other_spec, key_columns=tuple(reversed(OURS.key_columns))), 30.0)
    assert other_spec.identity == OURS.identity
    with world.warehouse.connection(), ThreadPoolExecutor(2) as threads:
        for attempt in range(8):
            staged = predictions(ROWS, current_points_line=attempt + 0.5)
            world.stage(staged, f"ours_{attempt}", tables=2)
            world.stage(staged, f"other_{attempt}")
            together = Barrier(2)

            def consolidate(case: tuple[World, str], together: Barrier = together) -> int:
                place, batch_id = case
                together.wait()
                try:
                    return place.again().consolidate(batch_id).inserted
                except RunbookError:  # the other lock store issued a newer token: nothing was written
                    return 0

            inserted = threads.map(consolidate, [(world, f"ours_{attempt}"), (other, f"other_{attempt}")])
            assert sum(inserted) == ROWS
            assert fact(world) == (ROWS * (attempt + 1), 0)


@pytest.mark.parametrize("other", OTHER_SPECS.values(), ids=OTHER_SPECS.keys())
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_spec_other_than_the_recorded_one_is_refused(world: World, other: TableSpec, dry_run: bool) -> None:
    two_dates(world).stage(rows(), "batch_1")
    world.consolidate("batch_1")
    world.stage(rows(updated_at=None), "batch_2")
    stranger = replace(world, spec=other)
    day = LOADED_ON if other is BY_LOAD_DATE else DAY
    before = world.table()
    with pytest.raises(SpecChanged, match=r"is consolidated with .*, not with .*; nothing was written"):
        stranger.consolidate("batch_2", game_date=day, dry_run=dry_run)
    assert world.table() == before
    assert len(world.staged("batch_2")) == 1
    assert recorded_specs(world.warehouse, OURS) == [OURS.identity]
    # The stranger has left nothing that blocks us.
    assert world.consolidate("batch_2").updated == ROWS


def test_of_two_first_consolidations_with_different_specs_at_most_one_writes(tmp_path: Path) -> None:
    for attempt in range(6):
        world = two_dates(World(tmp_path / str(attempt)))
        stranger = replace(world, spec=BY_LOAD_DATE)
        with world.warehouse.connection(), ThreadPoolExecutor(2) as threads:
            world.stage(rows(), "ours")
            world.stage(rows(), "theirs")
            together = Barrier(2)

            def consolidate(case: tuple[World, str, date], together: Barrier = together) -> int:
                place, batch_id, day = case
                together.wait()
                try:
                    return place.again().consolidate(batch_id, game_date=day).inserted
                except SpecChanged:
                    return 0

            cases = [(world, "ours", DAY), (stranger, "theirs", LOADED_ON)]
            assert sum(threads.map(consolidate, cases)) in (0, ROWS)
            assert fact(world)[1] == 0


def test_two_specs_that_were_recorded_at_once_are_both_refused(world: World) -> None:
    """Each inserted its fence row before it saw the other's, so it is unknown which spec is right."""
    two_dates(world).stage(rows(), "batch_1")
    stranger = replace(world, spec=BY_LOAD_DATE)
    ensure_fence(world.warehouse, OURS, DAY)
    with world.warehouse.connection() as connection:
        connection.execute(
            f"INSERT INTO {quoted(OURS.fences)} BY NAME "
            f"SELECT DATE '{LOADED_ON}' AS day, 0 AS token, '{BY_LOAD_DATE.identity}' AS spec"
        )
    for place, day in ((world, DAY), (stranger, LOADED_ON)):
        with pytest.raises(SpecChanged, match=r"with \[.*\] and \[.*\], not with"):
            place.consolidate("batch_1", game_date=day)
    assert world.table() == []


def test_a_change_of_the_spec_is_refused_once_another_was_recorded(world: World) -> None:
    """The state in the plan is a condition of the transaction that also files the audit entry."""
    stranger, third = BY_LOAD_DATE, OTHER_SPECS["active column"]
    ensure_fence(world.warehouse, OURS, DAY)
    world.warehouse.create_table(OURS.actions, ACTION_COLUMNS)
    record = ActionRecord(
        action="change of a table's spec",
        target="",
        environment="",
        actor="",
        reason="",
        digest="",
        before="{}",
        undo="",
    )
    change_spec(world.warehouse, stranger, [OURS.identity], record)
    with pytest.raises(SpecChanged):
        change_spec(world.warehouse, third, [OURS.identity], record)
    assert recorded_specs(world.warehouse, OURS) == [stranger.identity]
    assert len(world.table(OURS.actions)) == 1


def test_a_repair_with_another_spec_is_refused(world: World) -> None:
    two_dates(world).insert([*rows(), *rows()[:2]])
    ensure_fence(world.warehouse, OURS, DAY)
    stranger = replace(world, spec=BY_LOAD_DATE)
    plan = plan_repair(world.warehouse, BY_LOAD_DATE, LOADED_ON)
    assert plan.rows_to_remove == 2
    with pytest.raises(SpecChanged):
        apply_repair(world.warehouse, stranger.locks, BY_LOAD_DATE, plan)
    assert fact(world) == (ROWS + 2, 2)


def of_table(world: World, name: str) -> World:
    """The same world with another main table in its dataset."""
    other = replace(world, spec=replace(OURS, table=TableName("shop", name)))
    other.warehouse.create_table(other.spec.table, MAIN_TABLE)
    return other


def test_two_tables_of_one_dataset_share_nothing(world: World) -> None:
    orders, refunds = of_table(world, "orders"), of_table(world, "refunds")
    orders.stage(predictions(ROWS), "nightly", tables=2)
    refunds.stage(predictions(2), "nightly")
    assert orders.locks.key_for(DAY) == "consolidation_shop.orders_2026-01-17"
    assert [backlog.rows for backlog in staging_backlog(refunds.warehouse, refunds.spec)] == [2]
    assert orders.consolidate("nightly").inserted == ROWS
    assert len(prove_merged(refunds.warehouse, refunds.spec, "nightly")) == 1
    assert refunds.consolidate("nightly").inserted == 2
    for each, expected in ((orders, ROWS), (refunds, 2)):
        assert len(each.table()) == expected
        [run] = ledger_runs(each.warehouse, each.spec)
        assert run.inserted_rows == expected
        assert each.staged("nightly") == []
    with pytest.raises(NothingToConsolidate):
        of_table(world, "returns").consolidate("nightly")


def unmarked(world: World, name: str, note: str = "") -> None:
    """A staging table of another writer."""
    [ours] = world.stage(predictions(ROWS), "night-1")
    with world.warehouse.connection() as connection:
        connection.execute(f'CREATE TABLE "shop"."{name}" AS FROM {quoted(ours)}')
        connection.execute(f'COMMENT ON TABLE "shop"."{name}" IS \'{note}\'')
    world.warehouse.drop([ours])


@pytest.mark.parametrize("evidence", ["fence", "staging"])
def test_a_table_that_may_belong_to_another_is_refused_until_marked(world: World, evidence: str) -> None:
    orders, refunds = of_table(world, "orders"), of_table(world, "refunds")
    unmarked(orders, "_staging_night_1_w1")
    refunds.stage(predictions(1), "else")
    if evidence == "fence":
        refunds.consolidate("else")
    for act in (orders.consolidate, lambda batch: prove_merged(orders.warehouse, orders.spec, batch)):
        with pytest.raises(UnmarkedStaging, match=r"shop\._staging_night_1_w1 does not .*shop\.orders, shop\.refunds"):
            act("night-1")
    assert orders.table() == []
    with orders.warehouse.connection() as connection:
        note = staging_note("night-1", orders.spec.table)
        connection.execute(f"COMMENT ON TABLE shop._staging_night_1_w1 IS '{note}'")
    assert orders.consolidate("night-1").inserted == ROWS


@pytest.mark.parametrize("note", ["", "nightly load of the web shop", "{", "staging of batch x for y"])
def test_a_dataset_with_one_table_needs_no_marks(world: World, note: str) -> None:
    orders = of_table(world, "orders")
    unmarked(orders, "_staging_night_1_w1", note)
    assert orders.consolidate("night-1").inserted == ROWS


MISFITS = {
    "missing": (replace(OURS, key_columns=("game_id", "player")), "key_columns: the table lacks player"),
    "near": (replace(OURS, active_column="active"), r"active_column: the table lacks active \(did you mean is_active"),
    "not BOOL": (replace(OURS, active_column="recommendation"), "recommendation must be a BOOL, but is STRING"),
    "ARRAY": (replace(OURS, key_columns=("game_id", "tags")), r"tags must be of a comparable type, but is ARRAY"),
    "no DATE": (replace(OURS, date_column="created_at"), "created_at must be a DATE, but is TIMESTAMP"),
    "no number": (replace(OURS, rounded_columns=("system_id",)), "system_id must be a number, but is STRING"),
}


@pytest.mark.parametrize(("spec", "message"), MISFITS.values(), ids=MISFITS.keys())
def test_settings_that_do_not_match_the_table_are_refused_before_reading(
    tmp_path: Path, spec: TableSpec, message: str
) -> None:
    ours = World(tmp_path)
    ours.warehouse.create_table(TableName("nba_predictions", "wide"), [*MAIN_TABLE, Column("tags", "ARRAY<STRING>")])
    world = replace(ours, spec=replace(spec, table=TableName("nba_predictions", "wide")))
    with pytest.raises(SpecMismatch, match=message):
        world.stage(predictions(1))
    ours.stage(predictions(1), "batch_1")
    with world.warehouse.connection() as connection:
        [staged] = ours.staged("batch_1")
        connection.execute(f"COMMENT ON TABLE {quoted(staged)} IS '{staging_note('batch_1', world.spec.table)}'")
    for dry_run in (True, False):
        with pytest.raises(SpecMismatch, match=message):
            world.consolidate(dry_run=dry_run)


def test_each_fault_of_the_settings_has_a_line(world: World) -> None:
    faulty = replace(OURS, date_column="day", active_column="system_id", newest_first=("changed",))
    with pytest.raises(SpecMismatch) as refused:
        replace(world, spec=faulty).stage(predictions(1))
    assert [fault.split(":")[0] for fault in refused.value.faults] == ["date_column", "newest_first", "active_column"]


@pytest.mark.parametrize("column", ["order_date", "created", "name", "status", "game_date"])
def test_a_result_is_logged_whatever_its_date_column_is_called(column: str, caplog: pytest.LogCaptureFixture) -> None:
    """A log record reserves some names, which its extra fields must not use."""
    caplog.set_level("INFO", "lib")
    log_committed(ConsolidationResult(ConsolidationStatus.CONSOLIDATED, "b", DAY), column)
    name = "date" if column in ("created", "name", "status") else column
    assert getattr(caplog.records[0], name) == DAY.isoformat()
    assert caplog.messages[1].endswith(f"validation for {column}={DAY}...")
