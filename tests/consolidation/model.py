"""What consolidations do to the table, in a few lines of Python."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from lib.embedded.adapters import MAIN_TABLE
from tests.consolidation.world import DAY

KEY = ("game_id", "player_lookup", "system_id", "current_points_line")
NEWEST = ("updated_at", "created_at")
OTHERS = ("prediction_id", "predicted_points", "confidence_score", "recommendation", "game_date", "is_active")
NEVER_UPDATED = {*KEY, "game_date", "is_active", "created_at"}

Staged = dict[str, Any]


def key(row: Staged) -> tuple[Any, ...]:
    return tuple(row[name] for name in KEY)


def group(row: Staged, supersedes: Sequence[str]) -> tuple[Any, ...]:
    """The groups of a date in which one row stays active; with all key columns, each key is its own group."""
    return tuple(row[name] for name in supersedes or KEY)


def preference(row: Staged, columns: Sequence[str]) -> tuple[Any, ...]:
    """Newest first, then the rest ascending, then the row with fewer columns, then the key; NULL is the smallest."""

    def newest_first(name: str) -> tuple[bool, float]:
        value = row.get(name)
        return value is None, 0 if value is None else -value.timestamp()

    def ascending(name: str) -> tuple[bool, Any]:
        value = row.get(name)
        return value is not None, value

    rest = [ascending(name) for name in OTHERS if name in columns]
    newest, claims = [newest_first(name) for name in NEWEST if name in columns], [name in row for name in columns]
    return newest, rest, claims, [ascending(name) for name in KEY]


def consolidated(
    table: list[Staged], staged: list[Staged], day: date = DAY, supersedes: Sequence[str] = ()
) -> tuple[list[Staged], dict[str, int]]:
    """Return the table afterwards, and the figures."""
    columns = [column.name for column in MAIN_TABLE if any(column.name in row for row in staged)]
    winners: dict[tuple[Any, ...], Staged] = {}
    for row in sorted(staged, key=lambda row: preference(row, columns)):
        winners.setdefault(key(row), row)
    kept: dict[tuple[Any, ...], Staged] = {}
    for winner in winners.values():  # the newest first
        kept.setdefault(group(winner, supersedes), winner)
    after, updated = [dict(row) for row in table], 0
    active = [row for row in after if row["game_date"] == day and row["is_active"]]
    gone = [row for row in active if key(row) != key(kept.get(group(row, supersedes), row))]
    for row in gone:
        row["is_active"] = False
    for winner in winners.values():
        present = [row for row in active if key(row) == key(winner)]
        updated += bool(present)
        for row in present:
            row.update({name: value for name, value in winner.items() if name not in NEVER_UPDATED})
        if not present:
            new = {column.name: winner.get(column.name) for column in MAIN_TABLE}
            after.append({**new, "is_active": winner is kept[group(winner, supersedes)]})
    figures = {
        "staged": len(staged),
        "inserted": len(winners) - updated,
        "updated": updated,
        "deduplicated": len(staged) - len(winners),
        "superseded": len(gone),
        "duplicates_before": duplicate_keys(table, day),
        "duplicates_after": duplicate_keys(after, day),
    }
    return after, figures


def groups_not_of_one(table: list[Staged], supersedes: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the groups with rows where not exactly one key is active; a duplicate key counts once."""
    groups: dict[tuple[Any, ...], set[tuple[Any, ...]]] = {}
    for row in table:
        found = groups.setdefault((row["game_date"], *group(row, supersedes)), set())
        found |= {key(row)} if row["is_active"] else set()
    return [which for which, active in groups.items() if len(active) != 1]


def duplicate_keys(table: list[Staged], day: date = DAY) -> int:
    keys = [key(row) for row in table if row["is_active"] and row["game_date"] == day]
    return len({found for found in keys if keys.count(found) > 1})
