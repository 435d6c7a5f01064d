"""The main table as it really is: 117 columns, many of them added later, with ARRAY, JSON and NUMERIC(p, s) filled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import cycle, islice
from typing import Any

import pandas

from lib.consolidation.identifiers import TableName
from lib.consolidation.rows import convert
from lib.consolidation.staging import staging_backlog
from lib.consolidation.upkeep.duplicates import DuplicateKind, count_duplicates, explain_duplicates
from lib.consolidation.upkeep.repair import apply_repair, plan_repair
from lib.consolidation.upkeep.undo import plan_undo, undo_repair
from lib.consolidation.warehouse import Column, Row, Warehouse
from lib.embedded.adapters import MAIN_TABLE
from tests.consolidation.world import DAY, NOON, World, later

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
    """A column as its table was declared; `parameters` are those of NUMERIC, precision and scale."""

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
# What a consolidation writes as it was staged, whosever row it is.
FILLED = [name for name in NAMES if name in NAMED or name.startswith("added_")]


def full_row(player: str, number: int) -> Row:
    """A row with a value in each column, another one for each number."""
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
    frame = pandas.DataFrame([{**row, "updated_at": None} for row in rows], dtype=object)
    warehouse.load({name: convert(frame, staged, source="the test")}, staged, note="")
    return name


def check_the_real_schema(world: World, execute: Callable[[str], object]) -> None:
    """Staged, consolidated, counted, repaired and put back, with every value of every column as it was.

    Args:
        world: Its main table has `declared` columns and no rows.
        execute: Runs a statement past the library.
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
    [count] = count_duplicates(world.warehouse, world.spec, DAY, DAY, with_guide=True)
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


def by_player(world: World) -> dict[str, Row]:
    return {row["player_lookup"]: row for row in world.table()}
