"""What the rows of each date are like, counted in the warehouse: a row a date, never the rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from lib.consolidation.key import column_list, quoted
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.column_rules import ColumnRule, contradictions, measures_of
from lib.consolidation.warehouse import Column, Row, Value, Warehouse


@dataclass(frozen=True)
class DayProfile:
    """The rows of one date.

    Attributes:
        rows: All of them.
        active_rows: Those that readers see.
        newest: When the last of them was written (UTC); None: no column tells.
        measured: Counts and greatest values among the active rows (`lib.consolidation.upkeep.column_rules`).
    """

    game_date: date
    rows: int
    active_rows: int
    newest: datetime | None
    measured: Mapping[str, float | None]


@dataclass(frozen=True)
class DayWritten:
    """When the rows of one date were written.

    Attributes:
        newest: The last of them (UTC); None: no column tells.
    """

    game_date: date
    newest: datetime | None


@dataclass(frozen=True)
class Coverage:
    """A prediction system on one date.

    Attributes:
        system: The system; None: its column was empty.
        games: In how many games it has rows.
        rows: How many, of those that readers see.
    """

    game_date: date
    system: str | None
    games: int
    rows: int


@dataclass(frozen=True)
class Activity:
    """What readers see of one date, subject by subject: the key without its line.

    A line that moved is another key of one subject.

    Attributes:
        subjects: How many there are.
        unseen: Subjects of which no row is active: readers see nothing of them.
        several: Subjects with several active rows.
        most: Active rows of the subject that has most of them.
    """

    game_date: date
    subjects: int
    unseen: int
    several: int
    most: int


def profile_days(
    warehouse: Warehouse, spec: TableSpec, rules: Sequence[ColumnRule], since: date, until: date
) -> list[DayProfile]:
    """Each date from `since` to `until` that has rows, oldest first; the rules fit the table's columns."""
    columns = warehouse.columns(spec.table)
    written = _written(spec, columns)
    counted = is_active(spec)
    measures = [measure for rule in rules for measure in measures_of(rule, counted)]
    measures += contradictions(columns, counted)
    aggregates = [f"COUNTIF({counted}) AS active_rows", *written.values()]
    aggregates += [f"{measure.sql} AS {quoted(measure.name)}" for measure in measures]
    bound: dict[str, Value] = {"since": since, "until": until}
    for measure in measures:
        bound |= measure.parameters
    day = f"T.{quoted(spec.date_column)}"
    rows = warehouse.query(
        f"SELECT {day} AS day, COUNT(*) AS row_count, {', '.join(aggregates)} FROM {spec.table.sql} AS T "
        f"WHERE {day} BETWEEN @since AND @until GROUP BY {day} ORDER BY {day}",
        bound,
    )
    return [
        DayProfile(
            game_date=row["day"],
            rows=row["row_count"],
            active_rows=row["active_rows"],
            newest=_newest(row, written),
            measured={measure.name: row[measure.name] for measure in measures},
        )
        for row in rows
    ]


def last_written(warehouse: Warehouse, spec: TableSpec, since: date, until: date) -> DayWritten | None:
    """The newest date from `since` to `until` that has rows; None: none has.

    Looked for from the end, in up to three queries: mostly the first date has rows, and no other is read.
    """
    written = _written(spec, warehouse.columns(spec.table))
    day = f"T.{quoted(spec.date_column)}"
    sql = (
        f"SELECT {', '.join([f'{day} AS day', *written.values()])} FROM {spec.table.sql} AS T "
        f"WHERE {day} BETWEEN @since AND @until GROUP BY {day} ORDER BY {day} DESC LIMIT 1"
    )
    eve = until - timedelta(days=1)
    for first, last in ((until, until), (eve, eve), (since, eve - timedelta(days=1))):
        if since <= first <= last and (rows := warehouse.query(sql, {"since": first, "until": last})):
            return DayWritten(rows[0]["day"], _newest(rows[0], written))
    return None


def rows_of_date(warehouse: Warehouse, spec: TableSpec, game_date: date) -> int:
    """How many rows the date has, superseded ones too."""
    sql = f"SELECT COUNT(*) AS row_count FROM {spec.table.sql} WHERE {quoted(spec.date_column)} = @game_date"
    return int(warehouse.query(sql, {"game_date": game_date})[0]["row_count"])


def _written(spec: TableSpec, columns: Sequence[Column]) -> dict[str, str]:
    """By its alias each aggregate that tells when the last of some rows T was written."""
    moments = {column.name for column in columns if column.type == "TIMESTAMP"}
    names = [name for name in spec.newest_first if name in moments]
    return {f"newest__{name}": f"MAX(T.{quoted(name)}) AS {quoted(f'newest__{name}')}" for name in names}


def _newest(row: Row, written: Iterable[str]) -> datetime | None:
    return max((moment for alias in written if (moment := row[alias])), default=None)


def coverage_by_system(
    warehouse: Warehouse, spec: TableSpec, since: date, until: date, *, game_column: str, system_column: str
) -> list[Coverage]:
    """The systems of each date that has active rows, oldest first."""
    day, game, system = (f"T.{quoted(name)}" for name in (spec.date_column, game_column, system_column))
    rows = warehouse.query(
        f"SELECT {day} AS day, {system} AS system, COUNT(DISTINCT {game}) AS games, COUNT(*) AS row_count "
        f"FROM {spec.table.sql} AS T WHERE {day} BETWEEN @since AND @until AND {is_active(spec)} "
        f"GROUP BY {day}, {system} ORDER BY {day}, {system}",
        {"since": since, "until": until},
    )
    return [Coverage(row["day"], row["system"], row["games"], row["row_count"]) for row in rows]


def rows_by_game_and_system(
    warehouse: Warehouse, spec: TableSpec, game_date: date, *, game_column: str, system_column: str
) -> dict[tuple[str | None, str | None], int]:
    """How many active rows each game of the date has from each system."""
    day, game, system = (f"T.{quoted(name)}" for name in (spec.date_column, game_column, system_column))
    rows = warehouse.query(
        f"SELECT {game} AS game, {system} AS system, COUNT(*) AS row_count FROM {spec.table.sql} AS T "
        f"WHERE {day} = @game_date AND {is_active(spec)} GROUP BY {game}, {system} ORDER BY {game}, {system}",
        {"game_date": game_date},
    )
    return {(row["game"], row["system"]): row["row_count"] for row in rows}


def activity_by_day(warehouse: Warehouse, spec: TableSpec, since: date, until: date) -> list[Activity]:
    """Each date from `since` to `until` that has rows, oldest first."""
    day = quoted(spec.date_column)
    subject = column_list([name for name in spec.key_columns if name not in spec.rounded_columns], "T")
    grouped = f"T.{day}, {subject}" if subject else f"T.{day}"
    rows = warehouse.query(
        "SELECT day, COUNT(*) AS subjects, COUNTIF(active_rows = 0) AS unseen, COUNTIF(active_rows > 1) AS several, "
        f"MAX(active_rows) AS most FROM (SELECT T.{day} AS day, COUNTIF({is_active(spec)}) AS active_rows "
        f"FROM {spec.table.sql} AS T WHERE T.{day} BETWEEN @since AND @until GROUP BY {grouped}) AS counted "
        "GROUP BY day ORDER BY day",
        {"since": since, "until": until},
    )
    return [Activity(row["day"], row["subjects"], row["unseen"], row["several"], row["most"]) for row in rows]


def is_active(spec: TableSpec) -> str:
    """GoogleSQL: whether readers see the row T."""
    return f"COALESCE(T.{quoted(spec.active_column)}, FALSE)" if spec.active_column else "TRUE"
