"""Duplicates: counted by the exact key, explained, repaired, and put back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.consolidation.errors import RepairRefused, TableNotFound
from lib.consolidation.upkeep.duplicates import DuplicateKind, count_duplicates, explain_duplicates
from lib.consolidation.upkeep.repair import BACKUP_PREFIX, apply_repair, plan_repair
from lib.consolidation.upkeep.undo import plan_undo, undo_repair
from lib.errors import UserError
from lib.locking.errors import LeaseLost
from tests.consolidation.world import DAY, World, later, prediction, quoted

SAME_ID = [prediction(player_lookup="same", prediction_id="s")] * 2
DIFFERENT = [
    prediction(player_lookup="different", prediction_id="old"),
    prediction(player_lookup="different", prediction_id="new", created_at=later(400), updated_at=later(400)),
]
BOTH = [prediction(player_lookup="both", prediction_id=name, current_points_line=None) for name in ("x", "x", "y")]
CLEAN = [
    prediction(player_lookup="clean", current_points_line=24.5),
    prediction(player_lookup="clean", current_points_line=25.0),
    prediction(player_lookup="clean", current_points_line=24.5, is_active=False),
    prediction(player_lookup="same", game_date=DAY.replace(day=16)),
]


@pytest.fixture
def dirty(world: World) -> World:
    world.insert([*SAME_ID, *DIFFERENT, *BOTH, *CLEAN])
    return world


def backups(world: World) -> list[str]:
    return [table.name.table for table in world.warehouse.staging_tables(world.spec.table.dataset, BACKUP_PREFIX)]


def undo(world: World, backup: str) -> None:
    undo_repair(world.warehouse, world.locks, world.spec, plan_undo(world.warehouse, world.spec, DAY, backup))


def test_the_exact_key_decides_and_the_rounded_count_is_informative(dirty: World) -> None:
    """24.5 and 25.0 are one key only when rounded; that count includes superseded rows."""
    before, today = count_duplicates(dirty.warehouse, dirty.spec, DAY.replace(day=16), DAY, with_rounded=True)
    assert (before.game_date, before.rows, before.duplicate_keys, before.rounded_keys) == (DAY.replace(day=16), 1, 0, 0)
    assert (today.rows, today.keys, today.duplicate_keys, today.excess_rows) == (9, 5, 3, 4)
    assert (today.rounded_keys, today.inactive_keys) == (4, 1)
    assert count_duplicates(dirty.warehouse, dirty.spec, DAY.replace(year=2020), DAY.replace(year=2020)) == []


def test_an_explanation_has_kind_gap_batches_and_tables(dirty: World) -> None:
    dirty.stage([DIFFERENT[0], CLEAN[0]], "batch_1")
    [second] = dirty.stage([DIFFERENT[1]], "batch_2")
    dirty.stage([BOTH[0]], "batch_2")
    explanation = explain_duplicates(dirty.warehouse, dirty.spec, DAY)
    assert explanation.by_kind == dict.fromkeys(
        (DuplicateKind.SAME_ID, DuplicateKind.DIFFERENT_IDS, DuplicateKind.BOTH), 1
    )
    groups = {group.key["player_lookup"]: group for group in explanation.groups}
    assert set(groups) == {"same", "different", "both"}
    assert groups["different"].gap_ms == 400
    assert groups["different"].row_ids == ("new", "old")
    assert groups["different"].keep == "new"
    assert groups["different"].batches == ("batch_1", "batch_2")
    assert second in groups["different"].staging_tables
    assert (groups["same"].gap_ms, groups["same"].batches) == (0, ())
    assert (groups["both"].rows, groups["both"].key["current_points_line"]) == (3, None)
    assert groups["both"].batches == ("batch_2",)


def test_rows_without_ids_that_differ_in_when_they_were_written_are_identical(dirty: World) -> None:
    with dirty.warehouse.connection() as connection:
        for name in ("created_at", "prediction_id"):
            connection.execute(f"ALTER TABLE {quoted(dirty.spec.table)} DROP {name}")
    spec = replace(dirty.spec, row_id_column="", newest_first=("updated_at",), never_update=())
    explanation = explain_duplicates(dirty.warehouse, spec, DAY)
    assert explanation.by_kind == {DuplicateKind.IDENTICAL: 3}
    assert {group.key["player_lookup"]: group.gap_ms for group in explanation.groups}["different"] == 400


def test_staging_of_another_number_type_is_found_too(dirty: World) -> None:
    """The line is declared NUMERIC but stored as FLOAT64."""
    with dirty.warehouse.connection() as connection:
        connection.execute(f"ALTER TABLE {quoted(dirty.spec.table)} ALTER current_points_line TYPE DECIMAL(4,1)")
    dirty.insert([prediction(player_lookup="tenth", current_points_line=24.1)] * 2)
    [table] = dirty.stage([prediction(player_lookup="tenth", current_points_line=24.1)])
    with dirty.warehouse.connection() as connection:
        connection.execute(f"ALTER TABLE {quoted(table)} ALTER current_points_line TYPE DOUBLE")
    [group] = [
        g for g in explain_duplicates(dirty.warehouse, dirty.spec, DAY).groups if g.key["player_lookup"] == "tenth"
    ]
    assert group.staging_tables == (table,)


def test_a_repair_keeps_the_newest_rows_and_its_undo_restores_all(dirty: World) -> None:
    before = dirty.table()
    plan = plan_repair(dirty.warehouse, dirty.spec, DAY)
    assert (plan.duplicate_keys, plan.rows_found, plan.rows_to_remove, plan.rows_of_date) == (3, 7, 4, 10)
    assert dirty.table() == before

    result = apply_repair(dirty.warehouse, dirty.locks, dirty.spec, plan)
    assert (result.removed, result.kept, result.duplicate_keys_after) == (4, 3, 0)
    after = dirty.table()
    assert len(after) == len(before) - 4
    assert [row["prediction_id"] for row in after if row["player_lookup"] == "different"] == ["new"]
    assert backups(dirty) == [result.backup_table.table]

    undo(dirty, result.backup_table.table)
    assert dirty.table() == before
    with pytest.raises(RepairRefused):
        undo(dirty, result.backup_table.table)
    assert dirty.table() == before


def test_undo_compares_columns_that_a_warehouse_cannot_group(dirty: World) -> None:
    with dirty.warehouse.connection() as connection:
        for column in ("factors VARCHAR[] DEFAULT ['injury', 'rest']", "details JSON DEFAULT '{\"model\": 3}'"):
            connection.execute(f"ALTER TABLE {quoted(dirty.spec.table)} ADD COLUMN {column}")
    before = dirty.table()
    result = apply_repair(dirty.warehouse, dirty.locks, dirty.spec, plan_repair(dirty.warehouse, dirty.spec, DAY))
    with dirty.warehouse.connection() as connection:
        connection.execute(f"UPDATE {quoted(dirty.spec.table)} SET factors = ['other'] WHERE prediction_id = 'new'")
    with pytest.raises(RepairRefused, match="rows were changed"):
        undo(dirty, result.backup_table.table)
    with dirty.warehouse.connection() as connection:
        connection.execute(f"UPDATE {quoted(dirty.spec.table)} SET factors = ['injury', 'rest']")
    undo(dirty, result.backup_table.table)
    assert dirty.table() == before


@pytest.mark.parametrize("moved", ["a row came", "a row went", "a key came"])
def test_a_repair_is_refused_if_rows_changed_since_its_plan(dirty: World, moved: str) -> None:
    plan = plan_repair(dirty.warehouse, dirty.spec, DAY)
    if moved == "a row came":
        dirty.insert([SAME_ID[0]])
    elif moved == "a key came":
        dirty.insert([CLEAN[0]])
    else:
        with dirty.warehouse.connection() as connection:
            connection.execute(f"DELETE FROM {quoted(dirty.spec.table)} WHERE prediction_id = 'old'")
    before = dirty.table()
    with pytest.raises(RepairRefused, match=r"the rows have changed since it was planned .* make a new plan"):
        apply_repair(dirty.warehouse, dirty.locks, dirty.spec, plan)
    fresh = plan_repair(dirty.warehouse, dirty.spec, DAY)
    with pytest.raises(RepairRefused):
        apply_repair(dirty.warehouse, dirty.locks, dirty.spec, replace(fresh, rows_of_date=fresh.rows_of_date + 1))
    assert dirty.table() == before
    assert backups(dirty) == []


def test_undo_refuses_when_the_kept_rows_have_changed(dirty: World) -> None:
    result = apply_repair(dirty.warehouse, dirty.locks, dirty.spec, plan_repair(dirty.warehouse, dirty.spec, DAY))
    dirty.stage([prediction(player_lookup="different", recommendation="UNDER", updated_at=later(900))])
    dirty.consolidate()
    before = dirty.table()
    with pytest.raises(RepairRefused, match="rows were changed"):
        undo(dirty, result.backup_table.table)
    assert dirty.table() == before
    assert backups(dirty) == [result.backup_table.table]


def test_a_backup_outlives_an_error_after_the_commit(dirty: World) -> None:
    """The lease was lost during the commit of the repair, which took effect, so its undo must be possible."""
    before = dirty.table()
    dirty.warehouse.after_commit = lambda: dirty.again().locks.force_release(DAY, "thought dead", steal=True)
    with pytest.raises(LeaseLost):
        apply_repair(dirty.warehouse, dirty.locks, dirty.spec, plan_repair(dirty.warehouse, dirty.spec, DAY))
    assert plan_repair(dirty.warehouse, dirty.spec, DAY).is_empty
    dirty.warehouse.after_commit = lambda: None
    [backup] = backups(dirty)
    undo(dirty, backup)
    assert dirty.table() == before


def test_an_empty_plan_and_an_unknown_backup_are_user_errors(world: World) -> None:
    world.insert(CLEAN)
    plan = plan_repair(world.warehouse, world.spec, DAY)
    assert plan.is_empty
    with pytest.raises(UserError, match="no duplicate keys; there is nothing to repair"):
        apply_repair(world.warehouse, world.locks, world.spec, plan)
    with pytest.raises(TableNotFound):
        undo(world, f"{BACKUP_PREFIX}gone")
    with pytest.raises(UserError, match="is not a repair backup"):
        undo(world, world.spec.table.table)


def test_a_consolidation_during_a_repair_waits_or_makes_it_refuse(dirty: World) -> None:
    """Both move the same fence, so neither works on rows that the other is changing."""
    plan = plan_repair(dirty.warehouse, dirty.spec, DAY)
    dirty.stage([prediction(player_lookup="new")])
    dirty.warehouse.before_merge = lambda: dirty.again().consolidate(use_lock=False)
    with pytest.raises(RepairRefused):
        apply_repair(dirty.warehouse, dirty.locks, dirty.spec, plan)
    assert "new" in {row["player_lookup"] for row in dirty.table()}
    assert backups(dirty) == []
