"""A line that moves: the new row supersedes the old one, which stays unchanged and is recorded."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lib.consolidation.errors import RepairRefused, SpecChanged, ValidationFailed
from lib.consolidation.fence import change_spec
from lib.consolidation.ledger import LEDGER_COLUMNS, ledger_runs
from lib.consolidation.result import ConsolidationStatus
from lib.consolidation.upkeep.audit import ACTION_COLUMNS, ActionRecord
from lib.consolidation.upkeep.repair import apply_repair, plan_repair
from lib.consolidation.upkeep.undo import plan_undo, undo_repair
from lib.consolidation.warehouse import Execute
from lib.errors import UserError
from tests.consolidation.world import DAY, LINES_MOVE, NOON, PREDICTIONS, World, later, prediction, quoted

STAMPED = replace(LINES_MOVE, stamped=("updated_at",))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, LINES_MOVE)


def line(value: float | None, prediction_id: str = "", **changes: Any) -> dict[str, Any]:
    return prediction(current_points_line=value, prediction_id=prediction_id or f"at {value}", **changes)


def lines(world: World) -> list[tuple[Any, ...]]:
    found = [(row["prediction_id"], row["current_points_line"], row["is_active"]) for row in world.table()]
    return sorted(found, key=repr)


def batch(world: World, number: int, *rows: dict[str, Any], **options: Any) -> Any:
    world.stage(rows, f"batch_{number}")
    return world.consolidate(f"batch_{number}", **options)


def test_a_line_that_moves_and_comes_back(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Also with a batch of older rows: staged rows count as newer, as in updates of a key."""
    batch(world, 1, line(24.5, "first"))
    with caplog.at_level(logging.INFO):
        moved = batch(world, 2, line(25.0, "second", updated_at=later(-400)))
    assert (moved.inserted, moved.updated, moved.superseded) == (1, 0, 1)
    assert "♻️ Superseded 1 older rows for game_date=2026-01-17 (batch=batch_2)" in caplog.messages
    back = batch(world, 3, line(24.5, "third"))
    assert (back.inserted, back.updated, back.superseded) == (1, 0, 1)
    assert lines(world) == [("first", 24.5, False), ("second", 25.0, False), ("third", 24.5, True)]
    [*_, second, first] = ledger_runs(world.warehouse, world.spec)
    assert (first.superseded_rows, second.superseded_rows) == (0, 1)
    recorded = {row["prediction_id"]: row for row in world.table(world.spec.superseded)}
    assert {name: row["superseded_by"] for name, row in recorded.items()} == {
        "first": moved.run_id,
        "second": back.run_id,
    }
    assert (recorded["first"]["current_points_line"], recorded["first"]["game_date"]) == (24.5, DAY)
    with pytest.raises(UserError, match="a consolidation cannot be undone; stage the rows"):
        plan_undo(world.warehouse, world.spec, DAY, world.spec.superseded.table)


def test_of_several_lines_in_one_batch_the_newest_stays(world: World) -> None:
    batch(world, 1, line(24.5, "old"), line(30.0, "of another system", system_id="other"))
    staged = [line(None), line(24.5, "updated", updated_at=later(1)), line(25.0, updated_at=later(2))]
    world.stage(staged, "batch_2", tables=3)
    assert world.consolidate("batch_2", dry_run=True).superseded == 1
    result = world.consolidate("batch_2")
    assert (result.inserted, result.updated, result.superseded) == (2, 1, 1)
    assert lines(world) == [
        ("at 25.0", 25.0, True),
        ("at None", None, False),
        ("of another system", 30.0, True),
        ("updated", 24.5, False),
    ]


def test_old_damage_does_not_fail_other_batches(world: World) -> None:
    """Two active lines of one player, one duplicated, are repaired if staged and otherwise left unchanged."""
    damaged = [line(24.5), line(24.5, "again"), line(25.0), line(None)]
    others = [{**row, "player_lookup": "other"} for row in damaged]
    world.insert([*damaged, *others])
    result = batch(world, 1, line(26.0))
    assert (result.superseded, result.duplicates_before, result.duplicates_after) == (4, 2, 1)
    active = [row for row in world.table() if row["is_active"]]
    assert sorted(row["player_lookup"] for row in active) == ["lebronjames", *["other"] * 4]
    assert batch(world, 2, line(26.0, recommendation="UNDER")).updated == 1


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        ("UPDATE {} SET is_active = TRUE WHERE prediction_id = 'at 24.5'", "two active"),
        ("UPDATE {} SET is_active = FALSE WHERE TRUE", "none active"),
    ],
)
def test_a_group_without_exactly_one_active_row_is_refused(world: World, harm: str, message: str) -> None:
    batch(world, 1, line(24.5))
    before = world.table()
    world.warehouse.after_merge = (Execute("harm", harm.format(world.spec.table.sql)),)
    with pytest.raises(
        ValidationFailed, match=rf"the check after the MERGE failed \({message}\); everything was rolled back"
    ):
        batch(world, 2, line(25.0))
    assert world.table() == before
    assert world.table(world.spec.superseded) == []
    assert len(world.staged("batch_2")) == 1


def test_the_merge_stamps_whatever_is_staged(tmp_path: Path) -> None:
    """A staged value in a stamped column also does not decide which row is newer."""
    world, began = World(tmp_path, STAMPED), datetime.now(UTC)
    world.insert([line(24.5), line(20.0, player_lookup="updated"), line(20.0, player_lookup="untouched")])
    staged = [
        line(25.0, "newer", updated_at=None, created_at=later(2)),
        line(25.5, "older", updated_at=NOON.replace(year=2030), created_at=later(1)),
        line(20.0, player_lookup="updated", updated_at=NOON),
    ]
    world.stage(staged)
    world.stage([{name: value for name, value in line(1.0, "silent").items() if name != "updated_at"}])
    assert world.consolidate().superseded == 1
    written = {row["prediction_id"] + row["player_lookup"]: row for row in world.table()}
    assert written["newerlebronjames"]["is_active"]
    assert not written["olderlebronjames"]["is_active"]
    untouched = written.pop("at 20.0untouched")
    assert untouched["updated_at"] == NOON
    [stamp] = {row["updated_at"] for row in written.values()}
    assert began <= stamp <= datetime.now(UTC)


def test_a_table_that_begins_to_supersede_keeps_its_ledger(tmp_path: Path) -> None:
    """A ledger without the new column is read and then written, but only after a change of the spec."""
    before = World(tmp_path)
    batch(before, 1, line(24.5), line(25.0))
    world = World(tmp_path, LINES_MOVE)
    assert [column.name for column in world.warehouse.columns(world.spec.ledger)] == [c.name for c in LEDGER_COLUMNS]
    assert [run.superseded_rows for run in ledger_runs(world.warehouse, world.spec)] == [0]
    with pytest.raises(SpecChanged, match=r", not with \[.* supersedes=game_id,player_lookup,system_id\]"):
        batch(world, 2, line(26.0))
    world.warehouse.create_table(world.spec.actions, ACTION_COLUMNS)
    words = dict.fromkeys(("action", "target", "environment", "actor", "reason", "digest", "before", "undo"), "{}")
    change_spec(world.warehouse, world.spec, [before.spec.identity], ActionRecord(**words))
    assert world.consolidate("batch_1").status is ConsolidationStatus.ALREADY_CONSOLIDATED
    assert world.consolidate("batch_2").superseded == 2
    assert [run.superseded_rows for run in ledger_runs(world.warehouse, world.spec)] == [2, 0]
    with pytest.raises(SpecChanged):
        before.consolidate("batch_1")


def test_a_repair_and_its_undo_leave_one_active_row(world: World) -> None:
    batch(world, 1, line(24.5), line(25.0, "new", updated_at=later(1)))
    world.insert([line(25.0, "twice")])
    repaired = apply_repair(world.warehouse, world.locks, world.spec, plan_repair(world.warehouse, world.spec, DAY))
    assert lines(world) == [("at 24.5", 24.5, False), ("new", 25.0, True)]
    plan = plan_undo(world.warehouse, world.spec, DAY, repaired.backup_table.table)
    batch(world, 2, line(26.0))
    with pytest.raises(RepairRefused):
        undo_repair(world.warehouse, world.locks, world.spec, plan)
    assert [row["current_points_line"] for row in world.table() if row["is_active"]] == [26.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"supersedes": LINES_MOVE.key_columns}, "name some of key_columns but not all"),
        ({"supersedes": ("game_id",), "active_column": ""}, "set active_column"),
        ({"stamped": ("current_points_line",)}, "stamped: current_points_line must not be set to the MERGE's time"),
    ],
)
def test_contradictory_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        replace(PREDICTIONS, **settings)


def test_rivals_leave_one_active_row(world: World) -> None:
    """At the worst moment: another batch with another line comes between the read and the commit."""
    batch(world, 1, line(24.5))
    world.stage([line(25.0)], "batch_2")
    world.stage([line(26.0)], "batch_3")
    world.warehouse.before_merge = lambda: (
        world.again().consolidate("batch_3", use_lock=False) if world.staged("batch_3") else None
    )
    assert world.consolidate("batch_2", use_lock=False).superseded == 1
    assert [(name, active) for name, _, active in lines(world)] == [
        ("at 24.5", False),
        ("at 25.0", True),
        ("at 26.0", False),
    ]
    with world.warehouse.connection() as connection:
        [[recorded]] = connection.execute(f"SELECT COUNT(*) FROM {quoted(world.spec.superseded)}").fetchall()
    assert recorded == 2
