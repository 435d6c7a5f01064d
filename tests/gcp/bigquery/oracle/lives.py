"""Random rows and everything done with them: batches, checks, duplicates, repair, undo, cleanup, quality."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from lib.consolidation.errors import NothingToConsolidate, StagedDataError
from lib.consolidation.ledger import ledger_runs
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.cleanup import prove_merged
from lib.consolidation.upkeep.duplicates import explain_duplicates
from lib.embedded.adapters import MAIN_TABLE
from lib.locking.errors import LeaseLost
from tests.consolidation.changes import change_everything
from tests.consolidation.days import look_at_the_days
from tests.consolidation.world import DAY, LINES_MOVE, NOON, PREDICTIONS, World, later, prediction, quoted
from tests.gcp.bigquery.oracle.judge import JudgedWarehouse
from tests.gcp.bigquery.oracle.report import Report

MOVING = replace(LINES_MOVE, stamped=("updated_at",))
BARE = replace(PREDICTIONS, active_column="", row_id_column="", newest_first=(), never_update=())
_OTHER_WRITERS = st.sampled_from(
    [
        "SELECT 'nobody'",
        "SELECT 'nobody'",
        "UPDATE {} SET game_date = DATE '2026-01-16'",
        "UPDATE {} SET game_date = NULL",
        "DELETE FROM {}",
    ]
)
_OPTIONAL = ("prediction_id", "predicted_points", "confidence_score", "recommendation", "is_active", "updated_at")
# All rows share most values, so that keys and ranks are often equal: a statement costs as much
# with two rows as with twenty. Names are composed and decomposed, in both cases.
_ROWS = st.fixed_dictionaries(
    {},
    optional={
        "prediction_id": st.sampled_from(["id1", "id2", None]),
        "player_lookup": st.sampled_from(["lebronjames", "LeBronJames", "\u00e9", "e\u0301", "'; --\\"]),
        "system_id": st.just("other"),
        "current_points_line": st.sampled_from([None, 0.0, -0.0, 24.5, 24.500000001]),
        "predicted_points": st.sampled_from([None, 1.5, -0.0, 25.0]),
        "recommendation": st.sampled_from([None, "UNDER", "NO_LINE", "\U0001f4a5 '\n"]),
        "is_active": st.none(),
        "created_at": st.sampled_from([None, later(400)]),
        "updated_at": st.sampled_from([None, later(400)]),
    },
).map(lambda changes: prediction(**changes))
_OLD_ROWS = st.builds(
    lambda row, active, day: {**row, "is_active": active, "game_date": day},
    _ROWS,
    st.sampled_from([True, True, False, None]),
    st.sampled_from([DAY, DAY, DAY.replace(day=16), None]),
)


@st.composite
def _staging_table(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return one worker's rows, without columns that its revision does not know."""
    absent = draw(st.sets(st.sampled_from(_OPTIONAL), max_size=3))
    rows = draw(st.lists(_ROWS, min_size=4, max_size=12))
    return [{name: value for name, value in row.items() if name not in absent} for row in rows]


@dataclass(frozen=True)
class Life:
    """The initial rows of the main table, and the staging tables of each batch.

    Attributes:
        written_over: How another writer changes a staging table of the last batch, so that it is refused or empty.
    """

    spec: TableSpec
    line_type: str
    old: list[dict[str, Any]]
    batches: list[list[list[dict[str, Any]]]]
    written_over: str


LIVES = st.builds(
    Life,
    st.sampled_from([PREDICTIONS, MOVING, BARE]),
    st.sampled_from(["DOUBLE", "DECIMAL(38, 9)"]),
    st.lists(_OLD_ROWS, min_size=4, max_size=12),
    st.lists(st.lists(_staging_table(), min_size=1, max_size=2), min_size=2, max_size=2),
    _OTHER_WRITERS,
)


@dataclass(frozen=True)
class JudgedWorld(World):
    """A world on a judged warehouse."""

    report: Report = field(default_factory=Report)

    @cached_property
    def warehouse(self) -> JudgedWarehouse:  # type: ignore[override]
        warehouse = JudgedWarehouse(self.folder / "warehouse.duckdb", self.report)
        warehouse.create_table(self.spec.table, MAIN_TABLE)
        return warehouse


def judge(examples: int, *, at: int | None = None) -> Report:
    """Run this many examples and report the comparisons. `at` is a seed; None: the same examples each time."""
    report = Report()

    @settings(
        max_examples=examples,
        derandomize=at is None,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(LIVES)
    def each(life: Life) -> None:
        with TemporaryDirectory() as folder:
            _live(JudgedWorld(Path(folder), life.spec, report=report), life)

    (each if at is None else seed(at)(each))()
    return report


def _live(world: JudgedWorld, life: Life) -> None:
    # The file stays open, because opening it for each statement would take most of the time.
    with world.warehouse.session(), world.warehouse.connection() as connection:
        connection.execute(f"ALTER TABLE {quoted(world.spec.table)} ALTER current_points_line TYPE {life.line_type}")
        world.insert(life.old)
        for number, tables in enumerate(life.batches):
            _stage(world, f"batch_{number}", tables, life.written_over if number else "SELECT 'nobody'")
            _consolidate(world, f"batch_{number}", use_lock=bool(number))
        world.insert([prediction(player_lookup="twice", prediction_id=name) for name in ("p", "q")])
        ledger_runs(world.warehouse, world.spec, game_date=DAY, since=NOON)
        look_at_the_days(world.warehouse, world.spec)
        explain_duplicates(world.warehouse, world.spec, DAY)
        change_everything(world.warehouse, world.locks, world.spec, "batch_0")
        with suppress(LeaseLost), world.locks.acquire(game_date=DAY, batch_id="stuck"):
            world.locks.force_release(DAY, reason="test", steal=True)


def _stage(world: JudgedWorld, batch_id: str, tables: list[list[dict[str, Any]]], written_over: str) -> None:
    for number, rows in enumerate(tables):
        writes = world.staging_writer.write(rows, batch_id=batch_id, worker_id=f"w{number}", game_date=DAY)
    with world.warehouse.connection() as connection:
        connection.execute(written_over.format(quoted(writes[-1].table)))


def _consolidate(world: JudgedWorld, batch_id: str, *, use_lock: bool) -> None:
    for dry_run in (True, False):
        with suppress(StagedDataError, NothingToConsolidate):
            world.consolidate(batch_id, use_lock=use_lock, dry_run=dry_run, cleanup=False)
    prove_merged(world.warehouse, world.spec, batch_id)
