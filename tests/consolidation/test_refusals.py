"""Invalid staging is refused by name before anything is merged, and is kept."""

from __future__ import annotations

import pytest

from lib.consolidation.errors import InvalidIdentifier, StagedDataError
from lib.consolidation.ledger import ledger_runs
from tests.consolidation.world import NOON, World, prediction, predictions, quoted

OTHER_DAY = prediction(game_date=NOON.date().replace(day=18))


def another_writer(world: World, columns: str) -> None:
    """A staging table that was not checked when it was written."""
    table = world.spec.table.sibling("_staging_batch_1_w9")
    with world.warehouse.connection() as connection:
        connection.execute(f"CREATE TABLE {quoted(table)} AS SELECT {columns} FROM {quoted(world.staged()[0])}")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            "*, 1 AS minutes, 'x' AS note",
            r"columns that nba_predictions.player_prop_predictions lacks: minutes, note; if they are new: "
            r"ALTER TABLE nba_predictions.player_prop_predictions ADD COLUMN minutes INT64, ADD COLUMN note STRING$",
        ),
        ("*, 1 AS confidence_scor", r"confidence_scor \(did you mean confidence_score\?\)"),
        ("* EXCLUDE (recommendation), 'x' AS Recommendation", r"lacks: Recommendation \(write it recommendation\)$"),
        (
            "* REPLACE ('7' AS predicted_points, 1 AS recommendation)",
            "predicted_points is STRING, not FLOAT64; recommendation is INT64, not STRING$",
        ),
        ("* EXCLUDE (game_id, system_id)", "lacks columns that every row of .* needs: game_id, system_id$"),
        ("* EXCLUDE (game_date)", "lacks columns that every row of .* needs: game_date$"),
        (
            "* REPLACE (DATE '2026-01-18' AS game_date)",
            "rows of another date than 2026-01-17; everything was rolled back",
        ),
        ("* REPLACE (NULL::DATE AS game_date)", "rows of another date"),
        ("* REPLACE (FALSE AS is_active)", "rows with is_active = FALSE; everything was rolled back"),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_invalid_staging_tables_are_refused(world: World, columns: str, message: str, dry_run: bool) -> None:
    world.stage(predictions(2))
    another_writer(world, columns)
    with pytest.raises(StagedDataError, match=message):
        world.consolidate(dry_run=dry_run)
    assert world.table() == []
    assert len(world.staged()) == 2
    assert ledger_runs(world.warehouse, world.spec) == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (prediction(minutes=1), "lacks: minutes"),
        ({"game_id": "g"}, "lacks columns that every row of .* needs: player_lookup, system_id, current_points_line"),
        (OTHER_DAY, "row 2, column game_date: 2026-01-18 is not the batch's date 2026-01-17"),
        (prediction(game_date=None), "row 2, column game_date: empty is not the batch's date"),
        (prediction(is_active=False), "row 2, column is_active: a staged row must be active"),
        (prediction(predicted_points="many"), "row 2, column predicted_points: 'many' is not a FLOAT64"),
    ],
)
def test_invalid_rows_are_not_staged(world: World, row: dict[str, object], message: str) -> None:
    rows = [row] if len(row) == 1 else [prediction(), row]
    writer = world.staging_writer
    with pytest.raises(StagedDataError, match=message):
        writer.write_batch(rows, batch_id="batch_1", workers=2, game_date="2026-01-17")
    with pytest.raises(StagedDataError, match=message):
        writer.write(rows, batch_id="batch_1", worker_id="w", game_date="2026-01-17")
    assert world.staged() == []


@pytest.mark.parametrize("batch_id", ["x'; DROP TABLE t; --", "", "a b", "_a", "é", "a" * 129, "a/../b", "a\n"])
def test_a_batch_id_is_a_plain_name(world: World, batch_id: str) -> None:
    with pytest.raises(InvalidIdentifier, match=r"batch id .* is not valid"):
        world.consolidate(batch_id)
    with pytest.raises(InvalidIdentifier, match=r"batch id .* is not valid"):
        world.stage([prediction()], batch_id)
