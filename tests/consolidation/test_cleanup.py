"""No staging table counts as merged while one of its rows exists nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.consolidation.identifiers import TableName
from lib.consolidation.staging import BatchStagingWriter, staging_backlog
from lib.consolidation.upkeep.cleanup import Proof, ProvenTable, drop_merged, prove_merged, prove_waiting
from tests.consolidation.world import DAY, World, later, prediction, quoted

BATCH = "batch_1"
# Key, date, value and its generation: few enough to collide often; some differ only by rounding.
Row = tuple[str, float | None, date, float | None]
rows = st.tuples(
    st.sampled_from("ab"),
    st.sampled_from([None, 24.5, 25.0]),
    st.sampled_from([DAY, DAY, DAY - timedelta(days=1), DAY - timedelta(days=400)]),
    st.sampled_from([None, 1.0, 2.0]),
)


def predictions(found: Iterable[Row]) -> list[dict[str, Any]]:
    return [
        prediction(
            player_lookup=player,
            current_points_line=line,
            game_date=day,
            predicted_points=value,
            updated_at=None if value is None else later(value),
        )
        for player, line, day, value in found
    ]


def said_of_backlog(one: ProvenTable) -> tuple[TableName, bool, int, int]:
    return one.table.name, one.proof.is_merged, one.rows, one.rows_nowhere_else


def is_replaced(staged: Row, main: list[Row]) -> bool:
    """Return whether a newer row of its key and date replaced it; only the value shows the update."""
    found = [row[3] for row in main if row[:3] == staged[:3] and row[3] is not None]
    return any(staged[3] is None or value > staged[3] for value in found)


@settings(max_examples=15, deadline=None)
@given(st.lists(rows, max_size=6), st.lists(st.lists(rows, min_size=1, max_size=3), min_size=1, max_size=4))
def test_a_table_is_merged_if_its_rows_are_in_the_main_table_or_were_replaced(
    main: list[Row], tables: list[list[Row]]
) -> None:
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        world.insert(predictions(main))
        staged = {world.stage(predictions(table), BATCH)[0]: table for table in tables}
        world.stage(predictions(tables[0]), f"{BATCH}_2")
        keys = {row[:3] for row in main}
        merged = {name for name, rows in staged.items() if all(row in main or is_replaced(row, main) for row in rows)}
        proven = prove_merged(world.warehouse, world.spec, BATCH)
        assert {one.table.name: (one.proof is Proof.EQUAL, one.missing, one.newer) for one in proven} == {
            name: (
                set(table) <= set(main),
                sum(row[:3] not in keys for row in table),
                sum(row not in main and is_replaced(row, main) for row in table),
            )
            for name, table in staged.items()
        }
        assert {one.table.name for one in proven if one.proof.is_merged} == merged
        waiting = prove_waiting(world.warehouse, world.spec, [one.table for one in proven])
        assert [said_of_backlog(one) for one in waiting] == [said_of_backlog(one) for one in proven]
        drop_merged(world.warehouse, world.spec, BATCH, proven)
        kept = [one.table.name for one in prove_merged(world.warehouse, world.spec, BATCH)]
        assert kept == sorted(name for name in staged if name not in merged)
        assert len(world.staged(f"{BATCH}_2")) == 1


@pytest.mark.parametrize(
    ("main", "proof", "newer", "inactive"),
    [
        ({"updated_at": later(9)}, Proof.OTHER_WRITER, 1, 0),
        ({"updated_at": later(9), "predicted_points": None}, Proof.OTHER_WRITER, 1, 0),
        ({"updated_at": later(9), "is_active": False}, Proof.OTHER_WRITER, 0, 1),
        ({"updated_at": later(9), "created_at": later(-5)}, Proof.OTHER_WRITER, 1, 0),
        ({"prediction_id": "later", "created_at": later(5), "updated_at": later(9)}, Proof.OTHER_WRITER, 1, 0),
        ({"prediction_id": "later", "created_at": later(5), "is_active": False}, Proof.OTHER_WRITER, 0, 1),
        # Merged after this batch was staged, and still an older prediction.
        ({"prediction_id": "older", "created_at": later(-5), "updated_at": later(9)}, Proof.OTHER_VALUES, 0, 0),
        ({"prediction_id": "older", "created_at": later(-5), "is_active": False}, Proof.MISSING, 0, 0),
        ({"updated_at": None, "predicted_points": 1.0}, Proof.OTHER_VALUES, 0, 0),
        ({"player_lookup": "another", "updated_at": later(9)}, Proof.MISSING, 0, 0),
    ],
)
def test_merged_rows_of_another_writer_are_distinguished_from_waiting_rows(
    world: World, main: dict[str, Any], proof: Proof, newer: int, inactive: int
) -> None:
    """The other writer stages no time of update, sets it in its MERGE, and sets older lines inactive afterwards."""
    world.insert([prediction(**main)])
    world.stage([prediction(updated_at=None)], BATCH)
    [one] = prove_merged(world.warehouse, world.spec, BATCH)
    assert (one.proof, one.newer, one.inactive) == (proof, newer, inactive)
    [waiting] = prove_waiting(world.warehouse, world.spec, [one.table])
    assert said_of_backlog(waiting) == said_of_backlog(one)
    assert len(drop_merged(world.warehouse, world.spec, BATCH, [one])) == proof.is_merged


def test_a_table_that_is_written_again_after_its_proof_is_kept(world: World) -> None:
    world.insert([prediction()])
    [table] = world.stage([prediction()], BATCH)
    proven = prove_merged(world.warehouse, world.spec, BATCH)
    assert [one.proof for one in proven] == [Proof.EQUAL]
    with world.warehouse.connection() as connection:
        connection.execute(f"INSERT INTO {quoted(table)} FROM {quoted(table)}")
        connection.execute(f"UPDATE {quoted(table)} SET player_lookup = 'late' WHERE rowid = 1")
    assert drop_merged(world.warehouse, world.spec, BATCH, proven) == []
    [again] = prove_merged(world.warehouse, world.spec, BATCH)
    assert (again.proof, again.rows, again.missing) == (Proof.MISSING, 2, 1)


def test_a_table_that_cannot_be_compared_is_not_proven(world: World) -> None:
    """A table with a column that the main table lacks would lose data."""
    world.insert([prediction()])
    [table] = world.stage([prediction()], BATCH)
    with world.warehouse.connection() as connection:
        connection.execute(f"ALTER TABLE {quoted(table)} ADD COLUMN newest_feature DOUBLE DEFAULT 0.5")
    assert [one.proof for one in prove_merged(world.warehouse, world.spec, BATCH)] == [Proof.UNREADABLE]
    assert prove_merged(world.warehouse, world.spec, "no_such_batch") == []


def test_tables_staged_after_a_run_do_not_hide_merged_ones(world: World) -> None:
    writer = BatchStagingWriter(world.warehouse, world.spec)
    writer.write([prediction()], batch_id=BATCH, worker_id="w1")
    world.consolidate(BATCH, cleanup=False)
    writer.write([prediction(player_lookup="late")], batch_id=BATCH, worker_id="w2")
    [batch] = staging_backlog(world.warehouse, world.spec)
    assert (batch.merged_tables, batch.unmerged_tables) == (1, 1)
