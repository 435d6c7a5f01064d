"""Count by subject what readers see of each date: a subject is a group with one active row, or else a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from lib.consolidation.key import column_list
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.day_profiles import is_active
from lib.consolidation.warehouse import Warehouse


@dataclass(frozen=True)
class Activity:
    """What readers see of one date, counted by subject: see `subject_columns`.

    Attributes:
        game_date: The date.
        subjects: Number of subjects.
        unseen: Subjects without an active row, which readers do not see.
        several: Subjects with several active rows.
        most: The most active rows of any subject.
    """

    game_date: date
    subjects: int
    unseen: int
    several: int
    most: int


@dataclass(frozen=True)
class Subject:
    """A subject of one date.

    Attributes:
        key: The values of `subject_columns`.
        rows: Number of rows.
        active_rows: Number of rows that readers see.
    """

    key: Mapping[str, Any]
    rows: int
    active_rows: int


def subject_columns(spec: TableSpec) -> tuple[str, ...]:
    """Return the columns that define a subject: `supersedes` if set, else the key without its rounded columns.

    Rows that differ only in a rounded column, such as a number that moved, are about the same subject.
    """
    return spec.supersedes or tuple(name for name in spec.key_columns if name not in spec.rounded_columns)


def activity_by_day(warehouse: Warehouse, spec: TableSpec, since: date, until: date) -> list[Activity]:
    """Return the activity of each date from `since` to `until` that has rows, oldest first.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        since: The first date.
        until: The last date.
    """
    day = spec.dates.day("T")
    subject = column_list(subject_columns(spec), "T")
    grouped = f"{day}, {subject}" if subject else day
    rows = warehouse.query(
        "SELECT day, COUNT(*) AS subjects, COUNTIF(active_rows = 0) AS unseen, COUNTIF(active_rows > 1) AS several, "
        f"MAX(active_rows) AS most FROM (SELECT {day} AS day, COUNTIF({is_active(spec)}) AS active_rows "
        f"FROM {spec.table.sql} AS T WHERE {spec.dates.between('since', 'until', 'T')} GROUP BY {grouped}) AS counted "
        "GROUP BY day ORDER BY day",
        spec.dates.bound(since=since, until=until),
    )
    return [Activity(row["day"], row["subjects"], row["unseen"], row["several"], row["most"]) for row in rows]


def subjects_of_date(
    warehouse: Warehouse, spec: TableSpec, game_date: date, *, several: bool, most: int
) -> list[Subject]:
    """Return at most `most` subjects of the date without an active row or, if `several`, with more than one.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        game_date: The date.
        several: True for subjects with several active rows, False for subjects without one.
        most: The maximum number.
    """
    subject, active = column_list(subject_columns(spec), "T"), f"COUNTIF({is_active(spec)})"
    rows = warehouse.query(
        f"SELECT {subject}, COUNT(*) AS row_count, {active} AS active_rows FROM {spec.table.sql} AS T "
        f"WHERE {spec.dates.of_day('T')} GROUP BY {subject} "
        f"HAVING {active} {'> 1' if several else '= 0'} ORDER BY active_rows DESC, {subject} LIMIT {int(most)}",
        spec.dates.bound(day=game_date),
    )
    keys = [{name: row[name] for name in subject_columns(spec)} for row in rows]
    return [Subject(key, row["row_count"], row["active_rows"]) for key, row in zip(keys, rows, strict=True)]
