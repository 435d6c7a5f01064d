"""Finding duplicates of the business key and explaining how they came to be.

What judges is the exact key over the rows that readers see. Where a table has key columns that others round, the keys
once these are rounded are counted beside it, superseded rows included; that decides nothing.
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
    """How the rows of one key differ: by their ids, or by their values where the table has no column of ids.

    `SAME_ID`: one batch was consolidated twice. `DIFFERENT_IDS`: two generations, or two batches, raced. `BOTH`: some
    of each among the rows of one key. `IDENTICAL`: the same rows were written twice. `DIFFERING`: two versions.
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
        rows: Rows that readers see.
        keys: Distinct business keys among them.
        duplicate_keys: Keys with several rows.
        excess_rows: Rows beyond the first of each key.
        inactive_keys: Keys with several stored rows, of which readers see at most one.
        stored_rows: All rows, superseded ones included.
        rounded_keys: Keys with several stored rows once the rounded columns are rounded; None: not asked for, or the
            table has no such columns.
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
        key: Key column to value.
        rows: How many rows have it.
        kind: How they differ.
        row_ids: Their ids; empty texts where the table has none.
        created_at: When each was created, or written where that is all that is recorded; None: not recorded.
        gap_ms: Milliseconds between the first and the last creation; None: unknown.
        batches: Batches whose staging tables still hold the key; empty when cleaned up.
        staging_tables: Those tables.
        keep: The id of the row that a repair keeps.
        members: The rows themselves, the one that a repair keeps first.
        differs: Columns in which the rows differ, but for their ids and the times at which they were written.
        written_differs: The columns of those times in which they differ.
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
    """The duplicates of a date; of very many the first thousands, by key.

    Attributes:
        count: Of all.
        groups: Those that were read.
        columns: What was read of each row: all columns of the table, the key first.
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
    """Duplicates of each date from `since` to `until` that has rows, oldest first.

    The table is read once, for reading is billed by the column. `with_rounded` adds the rounded keys of a table that
    has rounded columns, which takes as long again.
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
    """Duplicates of one date; all figures are 0 when it has no rows."""
    return next(iter(count_duplicates(warehouse, spec, game_date, game_date)), DuplicateCount(game_date))


def _count_sql(spec: TableSpec, *, with_rounded: bool) -> str:
    """Rows by exact key, those by rounded key if that is asked for, and those by date. Parameters: since and until."""
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
    """As ``CAST(COALESCE(key, -1) AS INT64)`` rounds, half away from zero."""
    return f"CAST(ROUND(COALESCE({key}, -1)) AS INT64)"


def explain_duplicates(
    warehouse: Warehouse, spec: TableSpec, game_date: date, counted: DuplicateCount | None = None
) -> Explanation:
    """The duplicate keys of a date: how their rows differ, their times, and where the rows came from.

    `counted` is what `duplicates_on` has just returned, if it was asked already.
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
    """The rows of duplicate keys, each with its place among those of its key, as a repair ranks them."""
    place = rank(spec, columns, spec.key_columns)
    return (
        f"SELECT *, {place} AS {_PLACE} FROM ({duplicated_rows(spec)}) AS doubled "
        f"ORDER BY {column_list(spec.key_columns)}, {_PLACE} LIMIT {_most_rows(columns)}"
    )


def _by_key(rows: Sequence[Row], most: int) -> Iterator[list[Row]]:
    """The rows of each key; those of the last one only if all of them were read."""
    starts = [number for number, row in enumerate(rows) if row[_PLACE] == 1]
    ends = [*starts[1:], *([len(rows)] if len(rows) < most else [])]
    for start, end in zip(starts, ends, strict=False):
        yield list(rows[start:end])


def group_of(spec: TableSpec, columns: Sequence[Column], members: Sequence[Row], holders: Holders) -> DuplicateGroup:
    """How the rows of one key differ.

    Args:
        columns: Of the table.
        members: Its rows, the one that a repair keeps first; at least one.
        holders: The result of `staging_holders`.
    """
    key = tuple(members[0][name] for name in spec.key_columns)
    types = {column.name: column.type for column in columns}
    row_ids = tuple(str(row.get(spec.row_id_column) or "") for row in members)
    written = [name for name in ("created_at", *reversed(spec.newest_first)) if types.get(name) == "TIMESTAMP"]
    # Of several columns that say how new a row is, the last one changes least.
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
    """Whether all are equal, NaN to NaN as well."""
    first = values[0]
    return all(value == first or (value != value and first != first) for value in values[1:])


def _kind(row_ids: Sequence[str], differs: Sequence[str]) -> DuplicateKind:
    if not any(row_ids):
        return DuplicateKind.DIFFERING if differs else DuplicateKind.IDENTICAL
    distinct = len(set(row_ids))
    if distinct == len(row_ids):
        return DuplicateKind.DIFFERENT_IDS
    return DuplicateKind.SAME_ID if distinct == 1 else DuplicateKind.BOTH
