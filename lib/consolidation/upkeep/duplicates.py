"""Finding duplicates of the business key and explaining how they came to be.

Two classes, with different causes (both happened, see `DuplicateKind`). What judges is
the exact key over the rows that readers see; the guide's own query rounds the line and
counts superseded rows too, so its figure is shown beside and decides nothing.
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
from lib.consolidation.key import column_list, counted_rows, quoted, same_key
from lib.consolidation.staging import batches_of, staging_of
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Row, StagingTable, Warehouse

_TABLES_A_QUERY = 200


class DuplicateKind(StrEnum):
    """How the rows of one key differ.

    `SAME_ID`: one batch was consolidated twice. `DIFFERENT_IDS`: two generations, or two
    batches, raced. `BOTH`: some of each among the rows of one key. `NO_IDS`: the table has no
    column of row ids, so the rows cannot be told apart by them.
    """

    SAME_ID = "same id twice"
    DIFFERENT_IDS = "same key, different ids"
    BOTH = "same id twice and different ids"
    NO_IDS = "same key, and no ids"


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
        guide_keys: The rounded count: keys with several stored rows once the line is rounded; None: not asked for.
    """

    game_date: date
    rows: int = 0
    keys: int = 0
    duplicate_keys: int = 0
    excess_rows: int = 0
    inactive_keys: int = 0
    stored_rows: int = 0
    guide_keys: int | None = None


@dataclass(frozen=True)
class DuplicateGroup:
    """The rows of one duplicate key, newest first.

    Attributes:
        key: Key column to value.
        rows: How many rows have it.
        kind: How they differ.
        row_ids: Their ids.
        created_at: When each was created, or written where that is all that is recorded; None: not recorded.
        gap_ms: Milliseconds between the first and the last creation; None: unknown.
        batches: Batches whose staging tables still hold the key; empty when cleaned up.
        staging_tables: Those tables.
        keep: The id of the row that a repair keeps.
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


@dataclass(frozen=True)
class Explanation:
    """All duplicates of a date."""

    count: DuplicateCount
    groups: tuple[DuplicateGroup, ...]

    @property
    def by_kind(self) -> dict[DuplicateKind, int]:
        """Number of duplicate keys of each kind."""
        return dict(Counter(group.kind for group in self.groups))


def count_duplicates(
    warehouse: Warehouse, spec: TableSpec, since: date, until: date, *, with_guide: bool = False
) -> list[DuplicateCount]:
    """Duplicates of each date from `since` to `until` that has rows, oldest first.

    The table is read once, for reading is billed by the column. `with_guide` adds the rounded count, which takes
    as long again.
    """
    rows = warehouse.query(_count_sql(spec, with_guide=with_guide), spec.dates.bound(since=since, until=until))
    return [
        DuplicateCount(
            row["day"],
            rows=int(row["row_count"]),
            keys=int(row["key_count"]),
            duplicate_keys=int(row["duplicate_keys"]),
            excess_rows=int(row["excess_rows"]),
            inactive_keys=int(row["inactive_keys"]),
            stored_rows=int(row["stored_rows"]),
            guide_keys=row.get("guide_keys"),
        )
        for row in rows
    ]


def duplicates_on(warehouse: Warehouse, spec: TableSpec, game_date: date) -> DuplicateCount:
    """Duplicates of one date; all figures are 0 when it has no rows."""
    return next(iter(count_duplicates(warehouse, spec, game_date, game_date)), DuplicateCount(game_date))


def _count_sql(spec: TableSpec, *, with_guide: bool) -> str:
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
    if with_guide:
        rounded = ", ".join(_rounded(alias) if name in spec.rounded_columns else alias for alias, name in keys.items())
        by_day = (
            "SELECT day, SUM(row_count) AS row_count, SUM(key_count) AS key_count, "
            "SUM(duplicate_keys) AS duplicate_keys, SUM(excess_rows) AS excess_rows, "
            "SUM(inactive_keys) AS inactive_keys, SUM(stored_rows) AS stored_rows, "
            "COUNTIF(stored_rows > 1) AS guide_keys "
            f"FROM (SELECT day, {figures} FROM ({exact}) AS exact_keys GROUP BY day, {rounded}) AS rounded_keys "
            "GROUP BY day"
        )
    return f"SELECT * FROM ({by_day}) AS counted WHERE row_count > 0 ORDER BY day"


def _rounded(key: str) -> str:
    """The guide's ``CAST(COALESCE(line, -1) AS INT64)``, which rounds half away from zero."""
    return f"CAST(ROUND(COALESCE({key}, -1)) AS INT64)"


def duplicated_rows(spec: TableSpec, columns: str = "T.*") -> str:
    """GoogleSQL: the rows of the date whose key is not unique. Parameter: day."""
    keys = column_list(spec.key_columns, "D")
    duplicated = (
        f"SELECT {keys} FROM {spec.table.sql} AS D WHERE {counted_rows(spec, 'D')} GROUP BY {keys} HAVING COUNT(*) > 1"
    )
    return (
        f"SELECT {columns} FROM {spec.table.sql} AS T JOIN ({duplicated}) AS K "
        f"ON {same_key(spec, 'T', 'K')} WHERE {counted_rows(spec, 'T')}"
    )


def explain_duplicates(
    warehouse: Warehouse, spec: TableSpec, game_date: date, counted: DuplicateCount | None = None
) -> Explanation:
    """Every duplicate key of a date: its class, rows, times, and where the rows came from.

    `counted` is what `duplicates_on` has just returned, if it was asked already.
    """
    count = counted or duplicates_on(warehouse, spec, game_date)
    if count.duplicate_keys == 0:
        return Explanation(count, ())
    types = {column.name: column.type for column in warehouse.columns(spec.table)}
    available = types.keys()
    ids = [spec.row_id_column] if spec.row_id_column in available else []
    newest = [name for name in spec.newest_first if name in available]
    # Of several columns that say how new a row is, the last one changes least.
    moments = [name for name in ("created_at", *reversed(newest)) if types.get(name) == "TIMESTAMP"][:1]
    wanted = [*spec.key_columns, *ids, *newest, *moments]
    order = [f"T.{quoted(name)}" for name in spec.key_columns] + [f"T.{quoted(name)} DESC" for name in newest]
    order += [f"T.{quoted(name)}" for name in ids]
    columns = column_list(dict.fromkeys(wanted), "T")
    rows = warehouse.query(
        f"{duplicated_rows(spec, columns)} ORDER BY {', '.join(order)}", spec.dates.bound(day=game_date)
    )
    try:
        holders = _staging_holders(warehouse, spec, game_date)
    except TableNotFound:
        # A consolidation has dropped its tables since they were listed.
        holders = _staging_holders(warehouse, spec, game_date)
    return Explanation(count, tuple(_groups(spec, rows, holders, moments)))


_Holders = dict[tuple[Any, ...], list[StagingTable]]


def _groups(
    spec: TableSpec, rows: Sequence[Row], holders: _Holders, moments: Sequence[str]
) -> Iterator[DuplicateGroup]:
    by_key: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        by_key.setdefault(tuple(row[name] for name in spec.key_columns), []).append(row)
    for key, members in by_key.items():
        row_ids = tuple(str(row.get(spec.row_id_column) or "") for row in members)
        created = tuple(row[moments[0]] if moments else None for row in members)
        known = [moment for moment in created if moment is not None]
        tables = holders.get(key, [])
        yield DuplicateGroup(
            key=dict(zip(spec.key_columns, key, strict=True)),
            rows=len(members),
            kind=_kind(row_ids),
            row_ids=row_ids,
            created_at=created,
            gap_ms=(max(known) - min(known)).total_seconds() * 1000 if len(known) == len(members) else None,
            batches=tuple(sorted({" or ".join(batches_of(spec, table, {})) for table in tables} - {""})),
            staging_tables=tuple(table.name for table in tables),
            keep=row_ids[0],
        )


def _kind(row_ids: Sequence[str]) -> DuplicateKind:
    if not any(row_ids):
        return DuplicateKind.NO_IDS
    distinct = len(set(row_ids))
    if distinct == len(row_ids):
        return DuplicateKind.DIFFERENT_IDS
    return DuplicateKind.SAME_ID if distinct == 1 else DuplicateKind.BOTH


def _staging_holders(warehouse: Warehouse, spec: TableSpec, game_date: date) -> _Holders:
    """Which staging tables still hold each duplicate key; keys as the main table spells them."""
    tables = {table.name: table for table in staging_of(warehouse, spec)}
    columns = warehouse.columns_of(list(tables)) if tables else {}
    needed = {*spec.key_columns, spec.date_column}
    readable = [name for name, found in columns.items() if needed <= {column.name for column in found}]
    holders: _Holders = {}
    for start in range(0, len(readable), _TABLES_A_QUERY):
        part = readable[start : start + _TABLES_A_QUERY]
        for row in warehouse.query(_holders_sql(spec, part), spec.dates.bound(day=game_date)):
            key = tuple(row[name] for name in spec.key_columns)
            holders.setdefault(key, []).append(tables[spec.table.sibling(row["staging_table"])])
    return holders


def _holders_sql(spec: TableSpec, tables: Sequence[TableName]) -> str:
    keys = column_list(spec.key_columns)
    found = column_list(spec.key_columns, "D")
    union = " UNION ALL ".join(
        f"SELECT '{table.table}' AS staging_table, {keys} FROM {table.sql} WHERE {spec.dates.of_day()}"
        for table in tables
    )
    duplicated = duplicated_rows(spec, column_list(spec.key_columns, "T"))
    return (
        f"SELECT DISTINCT S.staging_table, {found} FROM ({union}) AS S JOIN ({duplicated}) AS D "
        f"ON {same_key(spec, 'S', 'D')} ORDER BY S.staging_table"
    )
