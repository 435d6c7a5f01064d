"""The real main table: 117 columns, many of them added later, with values in ARRAY, JSON and NUMERIC(p, s)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import cycle, islice
from typing import Any

import numpy
import pytest

from lib.consolidation.errors import StagedDataError
from lib.consolidation.identifiers import TableName
from lib.consolidation.staging import staging_backlog
from lib.consolidation.upkeep.cleanup import prove_merged
from lib.consolidation.upkeep.duplicates import DuplicateKind, count_duplicates, explain_duplicates
from lib.consolidation.upkeep.repair import apply_repair, plan_repair
from lib.consolidation.upkeep.undo import plan_undo, undo_repair
from lib.consolidation.warehouse import Column, Row, Warehouse
from lib.embedded.adapters import MAIN_TABLE
from tests.consolidation.world import DAY, NOON, World, converted, later

WORKERS_DAY = DAY + timedelta(days=1)
NIGHT = f"batch_{DAY}_1768650000"
NUMBER_OF_COLUMNS = 117
NAMED = {
    **dict.fromkeys(("key_factors", "warnings", "feature_importance", "model_metadata"), "JSON"),
    **dict.fromkeys(("data_quality_issues", "prediction_warnings", "feature_sources"), "ARRAY<STRING>"),
    "lines_considered": "ARRAY<INT64>",
}
_OTHERS = ("FLOAT64", "NUMERIC(5,1)", "STRING", "INT64", "BOOL", "TIMESTAMP", "DATE", "NUMERIC(4,3)")


@dataclass(frozen=True)
class Declared:
    """A column as declared in its table; `parameters` are precision and scale of NUMERIC."""

    name: str
    type: str
    parameters: tuple[int, int] | None = None


def declared() -> list[Declared]:
    """The columns in the table's order; the line is NUMERIC(4, 1) as it was declared."""
    types = {column.name: column.type for column in MAIN_TABLE} | {"current_points_line": "NUMERIC(4,1)"} | NAMED
    added = islice(cycle(_OTHERS), NUMBER_OF_COLUMNS - len(types))
    types |= {f"added_{number:02}": type_ for number, type_ in enumerate(added)}
    return [_declared(name, type_) for name, type_ in types.items()]


def _declared(name: str, type_: str) -> Declared:
    plain, _, parameters = type_.rstrip(")").partition("(")
    if not parameters:
        return Declared(name, plain)
    precision, scale = map(int, parameters.split(","))
    return Declared(name, plain, (precision, scale))


COLUMNS = tuple(Column(column.name, column.type) for column in declared())
NAMES = [column.name for column in COLUMNS]
# Columns that a consolidation writes as staged, for any row.
FILLED = [name for name in NAMES if name in NAMED or name.startswith("added_")]


def full_row(player: str, number: int) -> Row:
    """Return a row with a value in each column, different for each number."""
    values: dict[str, Any] = {
        "JSON": f'{{"number": {number}, "names": ["a", "b\\\\n"], "none": null}}',
        "ARRAY<STRING>": [f"late line {number}", "it's"],
        "ARRAY<INT64>": [number, 2**62],
        "FLOAT64": number + 0.25,
        "NUMERIC": Decimal(number) / 10,
        "STRING": f"text {number}",
        "INT64": 2**53 + number,
        "BOOL": number % 2 == 0,
        "TIMESTAMP": later(number),
        "DATE": DAY,
    }
    key = {"game_id": "g", "player_lookup": player, "system_id": "s", "current_points_line": Decimal("20.5")}
    own = {"prediction_id": f"{player} {number}", "game_date": DAY, "is_active": True, "created_at": NOON}
    return {column.name: values[column.type] for column in COLUMNS} | key | own


def stage_as_a_revision(
    warehouse: Warehouse, main: TableName, revision: str, rows: Sequence[Row], columns: int
) -> TableName:
    """A table as Cloud Run's worker writes it: named for its revision, with its columns, `updated_at` empty."""
    batch = NIGHT.replace("-", "_")
    name = main.sibling(f"_staging_{batch}_prediction_worker_{revision}_0a49f283")
    staged = COLUMNS[:columns]
    warehouse.load({name: converted([{**row, "updated_at": None} for row in rows], staged)}, staged, note="")
    return name


def check_the_real_schema(world: World, execute: Callable[[str], object]) -> None:
    """Stage, consolidate, count, repair and undo; every value of every column is unchanged.

    Args:
        world: Its main table has `declared` columns and no rows.
        execute: Runs a statement without the library.
    """
    references = [full_row(f"reference {number}", number) for number in (3, 5)]
    world.stage([full_row("old", 1), full_row("kept", 2), *references], "batch_0")
    assert world.consolidate("batch_0").inserted == 4
    there = by_player(world)

    stage = partial(stage_as_a_revision, world.warehouse, world.spec.table)
    older = stage("00035_4xk", [full_row("old", 3), full_row("new", 4)], 60)
    newer = stage("00036_q2z", [full_row("newest", 5)], 75)
    assert world.staged(NIGHT) == [older, newer]
    [waiting] = staging_backlog(world.warehouse, world.spec)
    assert (waiting.batch_id, waiting.unmerged_tables, waiting.rows, waiting.newest is None) == (NIGHT, 2, 3, False)
    planned = world.consolidate(NIGHT, dry_run=True)
    result = world.consolidate(NIGHT)
    for one in (planned, result):
        assert (one.staged, one.inserted, one.updated, one.duplicates_after) == (3, 2, 1, 0)
    assert world.staged(NIGHT) == []
    found = by_player(world)
    assert [found[name] for name in ("kept", "reference 3")] == [there[name] for name in ("kept", "reference 3")]
    for name in FILLED:
        place = NAMES.index(name)
        assert found["old"][name] == (found["reference 3"] if place < 60 else there["old"])[name], name
        assert found["newest"][name] == (found["reference 5"][name] if place < 75 else None), name

    before = world.table()
    table = world.spec.table
    copied = "SELECT * REPLACE ('again' AS prediction_id)"
    execute(
        f"INSERT INTO {table.sql} {copied} FROM {table.sql} WHERE game_date = DATE '{DAY}' AND player_lookup = 'old'"
    )
    duplicated = world.table()
    [count] = count_duplicates(world.warehouse, world.spec, DAY, DAY, with_rounded=True)
    assert (count.rows, count.duplicate_keys, count.excess_rows) == (7, 1, 1)
    [group] = explain_duplicates(world.warehouse, world.spec, DAY).groups
    assert (group.rows, group.kind) == (2, DuplicateKind.DIFFERENT_IDS)
    done = apply_repair(world.warehouse, world.locks, world.spec, plan_repair(world.warehouse, world.spec, DAY))
    assert (done.removed, done.duplicate_keys_after) == (1, 0)
    assert len(world.table()) == len(before)
    undo_repair(
        world.warehouse, world.locks, world.spec, plan_undo(world.warehouse, world.spec, DAY, done.backup_table.table)
    )
    assert world.table() == duplicated


REFUSED: dict[str, tuple[Row, str]] = {
    "a line of two decimals": ({"current_points_line": 24.25}, "current_points_line: 24.25 is not a NUMERIC(4, 1)"),
    "a line too long": ({"current_points_line": "1000.0"}, "current_points_line: '1000.0' is not a NUMERIC(4, 1)"),
    "a number too long": ({"added_07": 9.9996}, "added_07: 9.9996 is not a NUMERIC(4, 3)"),
    "NULL in an array": (
        {"prediction_warnings": ["a", None]},
        "prediction_warnings: ['a', None] is not a ARRAY<STRING>",
    ),
    "no array": ({"data_quality_issues": "late"}, "data_quality_issues: 'late' is not a ARRAY<STRING>"),
    "no number": ({"lines_considered": [1, "x"]}, "lines_considered: [1, 'x'] is not a ARRAY<INT64>"),
    "no JSON": ({"warnings": "late"}, "warnings: 'late' is not a JSON"),
    "NaN in JSON": ({"warnings": {"a": float("nan")}}, "warnings: {'a': nan} is not a JSON"),
}


def record(player: str, **changes: Any) -> Row:
    """A worker's records: JSON as text or as Python values, and numbers with more digits than are stored."""
    own = {"player_lookup": player, "prediction_id": player, "game_id": "g", "system_id": "s"}
    filled = {
        "current_points_line": 24.5,
        "is_active": True,
        "created_at": NOON,
        "updated_at": None,
        "added_01": -26.25,  # NUMERIC(5, 1)
        "added_07": 0.12345,  # NUMERIC(4, 3)
        "key_factors": {"edge": numpy.float32(0.5), "names": ["é", None]},
        "warnings": ' {"late":\n[1.50, 12345678901234567890]} ',
        "feature_importance": None,
        "data_quality_issues": ["late line", "it's"],
        "prediction_warnings": [],
        "feature_sources": None,
        "lines_considered": numpy.array([1, 2**62]),
    }
    return {**own, **filled, **changes}


def check_what_a_worker_writes(world: World) -> None:
    """The writer turns a worker's records into rows, and rows that differ only in an array are distinguished.

    Args:
        world: Its main table has `declared` columns, and no rows of `WORKERS_DAY`.
    """

    def write(worker: str, *rows: Row, batch_id: str = "batch_w") -> None:
        world.staging_writer.write(rows, batch_id=batch_id, worker_id=worker, game_date=WORKERS_DAY)

    for changes, problem in REFUSED.values():
        with pytest.raises(StagedDataError) as refused:
            write("w", record("fine"), record("refused", **changes))
        assert str(refused.value) == f"the staged data: row 2, column {problem}"
    assert world.staged("batch_w") == []

    write("w1", record("lebron"), record("curry", prediction_warnings=None))
    write("w2", record("same", feature_sources=["b"]), record("again", feature_sources=["a"]))
    write("w3", record("same", feature_sources=["a"]), record("again", feature_sources=["b"]))
    assert world.consolidate("batch_w", game_date=WORKERS_DAY, cleanup=False).inserted == 4
    proven = prove_merged(world.warehouse, world.spec, "batch_w")
    assert [one.proof.is_merged for one in proven] == [True] * 3, proven
    rows = by_player(world)
    found = rows["lebron"]
    assert (found["added_01"], found["added_07"]) == (-26.3, 0.123)
    assert json_of(found["key_factors"]) == {"edge": 0.5, "names": ["é", None]}
    assert json_of(found["warnings"]) == {"late": [1.5, 12345678901234567890]}
    assert found["feature_importance"] is None
    arrays = {name: list(found[name]) for name, type_ in NAMED.items() if type_.startswith("ARRAY")}
    assert arrays == {
        "data_quality_issues": ["late line", "it's"],
        "prediction_warnings": [],
        "feature_sources": [],
        "lines_considered": [1, 2**62],
    }
    assert rows["curry"] == {**found, "player_lookup": "curry", "prediction_id": "curry"}
    assert list(rows["same"]["feature_sources"]) == list(rows["again"]["feature_sources"])

    write("w1", record("lebron", data_quality_issues=None, warnings=[]), batch_id="batch_x")
    assert world.consolidate("batch_x", game_date=WORKERS_DAY).updated == 1
    found = by_player(world)["lebron"]
    assert (list(found["data_quality_issues"]), json_of(found["warnings"])) == ([], [])


def json_of(value: Any) -> Any:
    """Some clients return JSON as text, some as Python values."""
    return json.loads(value) if isinstance(value, str) else value


def by_player(world: World) -> dict[str, Row]:
    return {row["player_lookup"]: row for row in world.table()}
