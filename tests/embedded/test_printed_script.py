"""Printed scripts on DuckDB: equal to a consolidation, and only one of two concurrent scripts commits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.consolidation.dates import DateColumn
from lib.consolidation.errors import SpecChanged
from lib.consolidation.identifiers import TableName
from lib.consolidation.ledger import LedgerRun, ledger_runs
from lib.consolidation.result import ConsolidationStatus
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.duplicates import count_duplicates
from lib.embedded.printed_script import duckdb_script
from tests.consolidation.model import NEWEST
from tests.consolidation.printed import EXAMPLES, ROWS, ZONES, Example, example, filled, odd_days
from tests.consolidation.test_against_a_model import old_rows, rows
from tests.consolidation.world import DAY, LINES_MOVE, PREDICTIONS, World

# Columns of a run's ledger row that are equal for two runs of the same rows.
OWN = {"run_id", "job_id", "host", "staging_tables", "started_at", "committed_at"}
SAME = {one.name for one in fields(LedgerRun)} - OWN
KEYS = ("player_lookup", "system_id", "current_points_line")
specs = st.just(LINES_MOVE) | st.builds(
    lambda keys, active, newest: replace(
        PREDICTIONS,
        key_columns=tuple(keys),
        nullable_keys=tuple(keys),
        active_column=active,
        newest_first=tuple(newest),
    ),
    st.lists(st.sampled_from(KEYS), min_size=1, unique=True),
    st.sampled_from(["is_active", ""]),
    st.lists(st.sampled_from(NEWEST), unique=True),
)


class Run:
    """A script in its own connection, run statement by statement."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, text: str) -> None:
        self._connection, self._text = connection.cursor(), text
        self._waiting = duckdb.extract_statements(text)
        self.error = ""

    @property
    def is_before_commit(self) -> bool:
        return len(self._waiting) == 1

    def step(self) -> None:
        """Run the next statement; an error rolls the script back and ends it."""
        if not self._waiting:
            return
        try:
            self._connection.execute(self._waiting.pop(0))
        except duckdb.Error as error:
            self.error, self._waiting = str(error), []
            with suppress(duckdb.TransactionException):  # no transaction was begun, or its COMMIT failed
                self._connection.rollback()

    def until_commit(self) -> Run:
        while len(self._waiting) > 1:
            self.step()
        return self

    def finish(self) -> Run:
        while self._waiting:
            self.step()
        return self

    def again(self) -> Run:
        return Run(self._connection, self._text).finish()


@contextmanager
def staged(folder: Path, name: str, *batches: str) -> Iterator[tuple[World, Example, duckdb.DuckDBPyConnection]]:
    """Return a world with the example's rows staged for each batch."""
    one = example(name)
    world = World(folder, one.spec, columns=one.columns)
    for batch_id in batches:
        world.stage(one.rows, batch_id)
    with world.warehouse.connection() as connection:
        yield world, one, connection


def script(world: World, one: Example, batch_id: str, **options: Any) -> str:
    [staging] = world.staged(batch_id)
    return filled(duckdb_script(one.script(staging, **options)), one.day, batch_id)


def duplicates(world: World, day: date) -> int:
    return sum(found.duplicate_keys for found in count_duplicates(world.warehouse, world.spec, day, day))


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("second", ["batch_1", "batch_2"], ids=["same batch", "two batches"])
@pytest.mark.parametrize("is_fenced", [True, False], ids=["fenced", "fence not moved"])
def test_only_the_fence_stops_one_of_two_concurrent_scripts(
    tmp_path: Path, name: str, second: str, is_fenced: bool
) -> None:
    """Both begin and merge, or try to, before either commits."""
    batches = ["batch_1", second]
    with staged(tmp_path, name, *dict.fromkeys(batches)) as (world, one, connection):
        runs = [Run(connection, script(world, one, batch, is_fenced=is_fenced)).until_commit() for batch in batches]
        for run in runs:
            run.finish()
        if not is_fenced:
            assert [run.error for run in runs] == ["", ""]
            assert duplicates(world, one.day) == ROWS
            return
        assert runs[0].error == ""
        assert "Conflict on update" in runs[1].error
        retried = runs[1].again()
        assert ("requirement:already_merged" in retried.error) == (second == "batch_1")
        assert (len(world.table()), duplicates(world, one.day)) == (ROWS, 0)
        assert sorted(run.batch_id for run in ledger_runs(world.warehouse, world.spec)) == sorted({*batches})


@settings(max_examples=12)
@given(turns=st.lists(st.booleans(), max_size=40), one_batch=st.booleans())
def test_any_interleaving_leaves_each_key_once(
    tmp_path_factory: pytest.TempPathFactory, turns: list[bool], one_batch: bool
) -> None:
    batches = ["batch_1", "batch_1" if one_batch else "batch_2"]
    folder = tmp_path_factory.mktemp("turns")
    with staged(folder, "orders", *dict.fromkeys(batches)) as (world, one, connection):
        runs = [Run(connection, script(world, one, batch)) for batch in batches]
        for turn in turns:
            runs[turn].step()
        errors = [run.finish().error for run in runs]
        assert all("Conflict on update" in error or "already_merged" in error for error in errors if error)
        assert "" in errors
        for run, error in zip(runs, errors, strict=True):
            assert not error or one_batch or run.again().error == ""
        assert (len(world.table()), duplicates(world, one.day)) == (ROWS, 0)
        assert len(ledger_runs(world.warehouse, world.spec)) == len({*batches})


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(spec=specs, old=st.lists(old_rows, max_size=3), staged=st.lists(rows, min_size=1, max_size=5))
def test_a_script_does_what_a_consolidation_does(
    tmp_path_factory: pytest.TempPathFactory, spec: TableSpec, old: list[Any], staged: list[Any]
) -> None:
    """The table has the same rows, and the ledger the same figures."""
    ours, theirs = (World(tmp_path_factory.mktemp("like"), spec) for _ in range(2))
    with ours.warehouse.connection(), theirs.warehouse.connection() as connection:
        for world in (ours, theirs):
            world.insert(old)
            world.stage(staged, "b")
        printed = Run(connection, script(theirs, Example(spec, ours.columns, DAY, staged), "b"))
        ours.consolidate("b", use_lock=False, cleanup=False)
        assert printed.finish().error == ""
        assert theirs.table() == ours.table()
        [mine], [other] = (ledger_runs(world.warehouse, spec) for world in (ours, theirs))
        assert {name: getattr(other, name) for name in SAME} == {name: getattr(mine, name) for name in SAME}
        assert theirs.consolidate("b").status is ConsolidationStatus.ALREADY_CONSOLIDATED


def test_a_script_and_a_consolidation_exclude_each_other(tmp_path: Path) -> None:
    """The first to move the fence is committed; the other one retries and finds its keys."""
    with staged(tmp_path, "orders", "printed", "late", "ours") as (world, one, connection):
        first = Run(connection, script(world, one, "printed")).until_commit()
        assert first.is_before_commit
        world.warehouse.after_rollback = first.finish
        second = world.consolidate("ours", game_date=one.day, use_lock=False)
        assert (first.error, second.attempts, second.inserted, second.updated) == ("", 2, 0, ROWS)
        world.stage(one.rows, "again")
        third = Run(connection, script(world, one, "late"))
        world.warehouse.before_commit = third.finish
        assert world.consolidate("again", game_date=one.day, use_lock=False).attempts == 1
        assert "Conflict on update" in third.error
        assert third.again().error == ""
        assert (len(world.table()), duplicates(world, one.day)) == (ROWS, 0)
        assert [run.token for run in ledger_runs(world.warehouse, world.spec)] == [4, 3, 2, 1]


def test_a_script_and_a_consolidation_agree_on_the_key(tmp_path: Path) -> None:
    with staged(tmp_path, "orders", "a", "b") as (world, one, connection):
        other = replace(one, spec=replace(one.spec, key_columns=("order_id",)))
        assert Run(connection, script(world, one, "a")).finish().error == ""
        before = world.table()
        assert "requirement:spec_changed" in Run(connection, script(world, other, "b")).finish().error
        tomorrow = replace(other, day=one.day + timedelta(days=1))
        assert "requirement:fence_missing" in Run(connection, script(world, tomorrow, "b")).finish().error
        with pytest.raises(SpecChanged, match="consolidated with"):
            replace(world, spec=other.spec).consolidate("b", game_date=one.day, use_lock=False)
        assert world.table() == before


def test_a_refused_script_writes_nothing(tmp_path: Path) -> None:
    """Even if the client continues after an error."""
    with staged(tmp_path, "orders", "a") as (world, one, connection):
        [staging] = world.staged("a")
        assert "requirement:not_filled_in" in Run(connection, duckdb_script(one.script(staging))).finish().error
        errors = []
        for statement in duckdb.extract_statements(script(world, replace(one, day=one.day + timedelta(days=1)), "a")):
            try:
                connection.execute(statement)
            except duckdb.Error as error:
                errors.append(str(error))
        assert ["wrong_date" in error for error in errors] == [True, False, False, False]
        assert world.table() == ledger_runs(world.warehouse, world.spec) == []


@pytest.mark.parametrize("zone", ZONES)
def test_a_date_begins_where_the_library_says(zone: str) -> None:
    one = replace(example("moments"), spec=replace(example("moments").spec, timezone=zone))
    variables = duckdb_script(one.script(TableName("shop", "staged"))).partition("\n-- Nothing runs")[0]
    dates = DateColumn("ordered_at", "TIMESTAMP", zone)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'America/New_York'")
        for day in odd_days(dates):
            connection.execute(filled(variables, day, "b"))
            found = connection.execute("SELECT getvariable('p_day_start'), getvariable('p_day_end')").fetchone()
            assert found == dates.limits(day)
