"""Find duplicates of the business key, and explain how they arose.

Duplicates are judged by the exact key over the rows that readers see. If a table has key columns that other tools
round, duplicates by the rounded key are counted too, including superseded rows; that count is only informative.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from lib.consolidation.errors import TableNotFound
from lib.consolidation.identifiers import TableName
from lib.consolidation.key import column_list, duplicated_rows, quoted, rank
from lib.consolidation.staging import batches_of
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.staging_holders import Holders, staging_holders
from lib.consolidation.warehouse import Column, Row, Warehouse
from lib.words.brief import brief

_MOST_VALUES = 2_000_000
_PLACE = "place__"


class DuplicateKind(StrEnum):
    """How the rows of one key differ: by their ids, or by their values if the table has no row ids.

    `SAME_ID`: one batch was consolidated twice. `DIFFERENT_IDS`: two generations, or two batches, raced. `BOTH`: both
    occur among the rows of one key. `IDENTICAL`: the same rows were written twice. `DIFFERING`: there are two versions.
    """

    SAME_ID = "same id twice"
    DIFFERENT_IDS = "same key, different ids"
    BOTH = "same id twice and different ids"
    IDENTICAL = "identical rows"
    DIFFERING = "rows that differ"


@dataclass(frozen=True)
class DuplicateCount:
    """Duplicates of one date.

    Attributes:
        game_date: The date.
        rows: Rows that readers see.
        keys: Distinct business keys among them.
        duplicate_keys: Keys with several rows.
        excess_rows: Rows beyond the first of each key.
        inactive_keys: Keys with several stored rows where readers see at most one.
        stored_rows: All rows, including superseded ones.
        rounded_keys: Keys with several stored rows after rounding; None if not requested, or if the table has no
            rounded columns.
    """

    game_date: date
    rows: int = 0
    keys: int = 0
    duplicate_keys: int = 0
    excess_rows: int = 0
    inactive_keys: int = 0
    stored_rows: int = 0
    rounded_keys: int | None = None

    __repr__ = brief("game_date", "rows", "keys", "duplicate_keys", "excess_rows")


@dataclass(frozen=True)
class DuplicateGroup:
    """The rows of one duplicate key, the one that a repair keeps first.

    Attributes:
        key: The key, by column.
        rows: How many rows have it.
        kind: How they differ.
        row_ids: Their ids; empty strings if the table has none.
        created_at: When each was created, or written if only that is recorded; None if not recorded.
        gap_ms: Milliseconds between the first and the last creation; None if unknown.
        batches: Batches whose staging tables still hold the key; empty after cleanup.
        staging_tables: Those tables.
        keep: The id of the row that a repair keeps.
        members: The rows, the one that a repair keeps first.
        differs: Columns in which the rows differ, except ids and times of writing.
        written_differs: The times of writing in which they differ.
    """

    key: Mapping[str, Any]
    rows: int
    kind: DuplicateKind
    row_ids: tuple[str, ...]
    created_at: tuple[datetime | None, ...]
    gap_ms: float | None
    batches: tuple[str, ...]
    staging_tables: tuple[TableName, ...]
    keep: str
    members: tuple[Row, ...] = ()
    differs: tuple[str, ...] = ()
    written_differs: tuple[str, ...] = ()

    __repr__ = brief("kind", "rows", "differs")


@dataclass(frozen=True)
class Explanation:
    """The duplicates of a date; if there are very many, the first thousands by key.

    Attributes:
        count: The counts of all duplicates.
        groups: The groups that were read.
        columns: The columns that were read: all columns of the table, the key first.
    """

    count: DuplicateCount
    groups: tuple[DuplicateGroup, ...]
    columns: tuple[str, ...] = ()

    __repr__ = brief("count.game_date", "count.duplicate_keys", "groups")

    @property
    def keys_left_out(self) -> int:
        return self.count.duplicate_keys - len(self.groups)

    @property
    def by_kind(self) -> dict[DuplicateKind, int]:
        """Number of duplicate keys of each kind."""
        return dict(Counter(group.kind for group in self.groups))


def count_duplicates(
    warehouse: Warehouse, spec: TableSpec, since: date, until: date, *, with_rounded: bool = False
) -> list[DuplicateCount]:
    """Count the duplicates of each date that has rows, oldest first.

    The table is read once, because reading is billed by the column.

    Args:
        warehouse: Where the table is.
        spec: The main table.
        since: The first date.
        until: The last date.
        with_rounded: Also count by rounded key if the table has rounded columns; takes twice as long.
    """
    rounded = with_rounded and bool(spec.rounded_columns)
    rows = warehouse.query(_count_sql(spec, with_rounded=rounded), spec.dates.bound(since=since, until=until))
    return [
        DuplicateCount(
            row["day"],
            rows=int(row["row_count"]),
            keys=int(row["key_count"]),
            duplicate_keys=int(row["duplicate_keys"]),
            excess_rows=int(row["excess_rows"]),
            inactive_keys=int(row["inactive_keys"]),
            stored_rows=int(row["stored_rows"]),
            rounded_keys=row.get("rounded_keys"),
        )
        for row in rows
    ]


def duplicates_on(warehouse: Warehouse, spec: TableSpec, game_date: date) -> DuplicateCount:
    """Count the duplicates of one date; all figures are 0 if it has no rows."""
    return next(iter(count_duplicates(warehouse, spec, game_date, game_date)), DuplicateCount(game_date))


def _count_sql(spec: TableSpec, *, with_rounded: bool) -> str:
    """Return a SELECT of counts by exact key, optionally rounded key, and date. Parameters: since, until."""
    day = spec.dates.day("T")
    keys = {f"key_{number}": name for number, name in enumerate(spec.key_columns)}
    columns = [f"T.{quoted(name)}" for name in keys.values()]
    named = ", ".join(f"{column} AS {alias}" for column, alias in zip(columns, keys, strict=True))
    counted = f"COUNTIF(T.{quoted(spec.active_column)})" if spec.active_column else "COUNT(*)"
    exact = (
        f"SELECT {day} AS day, {named}, COUNT(*) AS stored, {counted} AS copies FROM {spec.table.sql} AS T "
        f"WHERE {spec.dates.between('since', 'until', 'T')} GROUP BY {day}, {', '.join(columns)}"
    )
    figures = (
        "SUM(copies) AS row_count, COUNTIF(copies > 0) AS key_count, COUNTIF(copies > 1) AS duplicate_keys, "
        "SUM(GREATEST(copies - 1, 0)) AS excess_rows, COUNTIF(stored > 1 AND copies <= 1) AS inactive_keys, "
        "SUM(stored) AS stored_rows"
    )
    by_day = f"SELECT day, {figures} FROM ({exact}) AS exact_keys GROUP BY day"
    if with_rounded:
        rounded = ", ".join(_rounded(alias) if name in spec.rounded_columns else alias for alias, name in keys.items())
        by_day = (
            "SELECT day, SUM(row_count) AS row_count, SUM(key_count) AS key_count, "
            "SUM(duplicate_keys) AS duplicate_keys, SUM(excess_rows) AS excess_rows, "
            "SUM(inactive_keys) AS inactive_keys, SUM(stored_rows) AS stored_rows, "
            "COUNTIF(stored_rows > 1) AS rounded_keys "
            f"FROM (SELECT day, {figures} FROM ({exact}) AS exact_keys GROUP BY day, {rounded}) AS by_rounded_key "
            "GROUP BY day"
        )
    return f"SELECT * FROM ({by_day}) AS counted WHERE row_count > 0 ORDER BY day"


def _rounded(key: str) -> str:
    """Round as ``CAST(COALESCE(key, -1) AS INT64)`` does, half away from zero."""
    return f"CAST(ROUND(COALESCE({key}, -1)) AS INT64)"


def explain_duplicates(
    warehouse: Warehouse, spec: TableSpec, game_date: date, counted: DuplicateCount | None = None
) -> Explanation:
    """Return a date's duplicate keys: how their rows differ, their times, and where the rows came from.

    Args:
        warehouse: Where the table is.
        spec: The main table.
        game_date: The date.
        counted: The result of `duplicates_on`, if the caller has just called it.
    """
    count = counted or duplicates_on(warehouse, spec, game_date)
    if count.duplicate_keys == 0:
        return Explanation(count, ())
    columns = warehouse.columns(spec.table)
    rows = warehouse.query(_rows_sql(spec, columns), spec.dates.bound(day=game_date))
    try:
        holders = staging_holders(warehouse, spec, game_date)
    except TableNotFound:
        # A consolidation has dropped its tables since they were listed.
        holders = staging_holders(warehouse, spec, game_date)
    groups = [group_of(spec, columns, members, holders) for members in _by_key(rows, _most_rows(columns))]
    names = dict.fromkeys([*spec.key_columns, *(column.name for column in columns)])
    return Explanation(count, tuple(groups), tuple(names))


def _most_rows(columns: Sequence[Column]) -> int:
    return _MOST_VALUES // len(columns)


def _rows_sql(spec: TableSpec, columns: Sequence[Column]) -> str:
    """Return a SELECT of the rows of duplicate keys, each with its rank within its key, as a repair ranks them."""
    place = rank(spec, columns, spec.key_columns)
    return (
        f"SELECT *, {place} AS {_PLACE} FROM ({duplicated_rows(spec)}) AS doubled "
        f"ORDER BY {column_list(spec.key_columns)}, {_PLACE} LIMIT {_most_rows(columns)}"
    )


def _by_key(rows: Sequence[Row], most: int) -> Iterator[list[Row]]:
    """Yield the rows of each key; those of the last key only if all of them were read."""
    starts = [number for number, row in enumerate(rows) if row[_PLACE] == 1]
    ends = [*starts[1:], *([len(rows)] if len(rows) < most else [])]
    for start, end in zip(starts, ends, strict=False):
        yield list(rows[start:end])


def group_of(spec: TableSpec, columns: Sequence[Column], members: Sequence[Row], holders: Holders) -> DuplicateGroup:
    """Return how the rows of one key differ.

    Args:
        spec: The main table.
        columns: The table's columns.
        members: The key's rows, the one that a repair keeps first; at least one.
        holders: The result of `staging_holders`.
    """
    key = tuple(members[0][name] for name in spec.key_columns)
    types = {column.name: column.type for column in columns}
    row_ids = tuple(str(row.get(spec.row_id_column) or "") for row in members)
    written = [name for name in ("created_at", *reversed(spec.newest_first)) if types.get(name) == "TIMESTAMP"]
    # Of several columns that show how new a row is, the last one changes least.
    created = tuple(row[written[0]] if written else None for row in members)
    known = [moment for moment in created if moment is not None]
    first_written = [name for name in spec.never_update if types.get(name) in ("TIMESTAMP", "DATETIME")]
    times = {"created_at", *spec.newest_first, *spec.stamped, *first_written}
    differing = [name for name in types if name != spec.row_id_column and not _is_one([row[name] for row in members])]
    differs = tuple(name for name in differing if name not in times)
    tables = holders.get(key, [])
    return DuplicateGroup(
        key=dict(zip(spec.key_columns, key, strict=True)),
        rows=len(members),
        kind=_kind(row_ids, differs),
        row_ids=row_ids,
        created_at=created,
        gap_ms=(max(known) - min(known)).total_seconds() * 1000 if len(known) == len(members) else None,
        batches=tuple(sorted({" or ".join(batches_of(spec, table, {})) for table in tables} - {""})),
        staging_tables=tuple(table.name for table in tables),
        keep=row_ids[0],
        differs=differs,
        written_differs=tuple(name for name in differing if name in times),
        members=tuple(members),
    )


def _is_one(values: Sequence[Any]) -> bool:
    """Return whether all values are equal, with NaN equal to NaN."""
    first = values[0]
    return all(value == first or (value != value and first != first) for value in values[1:])


def _kind(row_ids: Sequence[str], differs: Sequence[str]) -> DuplicateKind:
    if not any(row_ids):
        return DuplicateKind.DIFFERING if differs else DuplicateKind.IDENTICAL
    distinct = len(set(row_ids))
    if distinct == len(row_ids):
        return DuplicateKind.DIFFERENT_IDS
    return DuplicateKind.SAME_ID if distinct == 1 else DuplicateKind.BOTH
