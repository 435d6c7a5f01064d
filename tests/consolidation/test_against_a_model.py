"""Any sequence of batches changes the table as predicted by a few lines of Python."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lib.consolidation.result import ConsolidationStatus
from lib.consolidation.staging import BatchStagingWriter
from lib.consolidation.table_spec import TableSpec
from tests.consolidation.model import NEWEST, Staged, consolidated
from tests.consolidation.world import DAY, LINES_MOVE, PREDICTIONS, World, in_order, later, prediction, quoted

OPTIONAL = ("prediction_id", "predicted_points", "confidence_score", "recommendation", "is_active", *NEWEST)

times = st.none() | st.sampled_from([later(0), later(400), later(800)])
rows = st.fixed_dictionaries(
    {
        "prediction_id": st.sampled_from(["id1", "id2"]),
        "player_lookup": st.sampled_from(["a", "b"]),
        "current_points_line": st.sampled_from([None, 0.0, -0.0, 24.5, 25.0]),
        "predicted_points": st.none() | st.sampled_from([1.5, 2.5]),
        "recommendation": st.none() | st.sampled_from(["OVER", "💥 '"]),
        "created_at": times,
        "updated_at": times,
    }
).map(lambda values: prediction(**values))


@st.composite
def staging_tables(draw: st.DrawFn) -> list[Staged]:
    """One worker's rows, which lack some columns: the same ones in all rows, or not."""
    absent = st.sampled_from(draw(st.lists(st.sets(st.sampled_from(OPTIONAL)), min_size=1, max_size=2)))
    staged = draw(st.lists(st.tuples(rows, absent), min_size=1, max_size=5))
    return [{name: value for name, value in row.items() if name not in lacking} for row, lacking in staged]


old_rows = st.builds(
    lambda row, active, day: {**row, "is_active": active, "game_date": day},
    rows,
    st.sampled_from([True, True, False, None]),
    st.sampled_from([DAY, DAY.replace(day=16)]),
)
batches = st.lists(st.tuples(st.lists(staging_tables(), min_size=1, max_size=3), st.booleans()), min_size=1, max_size=3)


# Rows that differ only in whether they own a column: the choice must not depend on their order.
claiming = prediction(predicted_points=None)
silent = {name: value for name, value in claiming.items() if name != "predicted_points"}


moved = [prediction(current_points_line=line, updated_at=later(line or 0)) for line in (None, 24.5, 25.0)]


@pytest.mark.parametrize("spec", [PREDICTIONS, LINES_MOVE], ids=["lines side by side", "lines move"])
@pytest.mark.parametrize("line_type", ["DOUBLE", "DECIMAL(4,1)"])
@example(old=[prediction()], batches=[([[claiming], [silent]], True)])
@example(old=[prediction()], batches=[([[silent], [claiming]], True)])
@example(old=[prediction()], batches=[([[silent, {**claiming, "player_lookup": "a"}]], True)])
@example(old=[*moved[:2], moved[1]], batches=[([[moved[0], moved[1]], [moved[2]]], True), ([[moved[1]]], False)])
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(old=st.lists(old_rows, max_size=4), batches=batches)
def test_batches_match_the_model(
    line_type: str, spec: TableSpec, tmp_path_factory: pytest.TempPathFactory, old: list[Staged], batches: list[Any]
) -> None:
    """Every row is accounted for, unstaged values stay unchanged, and consolidating twice changes nothing."""
    world = World(tmp_path_factory.mktemp("model"), spec)
    # The file stays open, because reopening it takes most of the time of a small consolidation.
    with world.warehouse.connection() as connection:
        connection.execute(f"ALTER TABLE {quoted(world.spec.table)} ALTER current_points_line TYPE {line_type}")
        world.insert(old)
        writer = BatchStagingWriter(world.warehouse, world.spec)
        for number, (tables, use_lock) in enumerate(batches):
            before = world.table()
            for worker, table in enumerate(tables):
                writer.write(table, batch_id=f"b{number}", worker_id=f"w{worker}", game_date=DAY)
            expected, figures = consolidated(
                before, [row for table in tables for row in table], supersedes=spec.supersedes
            )

            planned = world.consolidate(f"b{number}", dry_run=True)
            assert world.table() == before
            result = world.consolidate(f"b{number}", use_lock=use_lock)

            assert world.table() == in_order(expected)
            assert {name: getattr(result, name) for name in figures} == figures
            assert result.staged == result.inserted + result.updated + result.deduplicated
            assert {name: getattr(planned, name) for name in figures} == figures
            after = world.table()
            assert world.consolidate(f"b{number}").status is ConsolidationStatus.ALREADY_CONSOLIDATED
            assert world.table() == after
