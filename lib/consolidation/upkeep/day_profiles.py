"""What the rows of each date are like, counted in the warehouse: a row a date and system, never the rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from lib.consolidation.key import quoted
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.column_rules import Measure
from lib.consolidation.warehouse import Column, Row, Value, Warehouse


@dataclass(frozen=True)
class SystemProfile:
    """The rows of one prediction system on one date.

    Attributes:
        system: The system; None: its column was empty, or the table has none.
        games: In how many games readers see rows of it; 0 where the table has no column for the game.
        rows: All of them.
        active_rows: Those that readers see.
        newest: When the last of them was written (UTC); None: no column tells.
        measured: By name what was asked of the active rows (`lib.consolidation.upkeep.column_rules`).
    """

    game_date: date
    system: str | None
    games: int
    rows: int
    active_rows: int
    newest: datetime | None
    measured: Mapping[str, float | None]


@dataclass(frozen=True)
class DayProfile:
    """The rows of one date, system by system."""

    game_date: date
    systems: tuple[SystemProfile, ...]

    @property
    def rows(self) -> int:
        return sum(system.rows for system in self.systems)

    @cached_property
    def active_rows(self) -> int:
        return sum(system.active_rows for system in self.systems)

    @property
    def newest(self) -> datetime | None:
        """When the last of its rows was written (UTC); None: no column tells."""
        return max((system.newest for system in self.systems if system.newest), default=None)

    def asked(self, measure: str) -> bool:
        """Whether it was measured."""
        return measure in self.systems[0].measured

    def counted(self, measure: str) -> int:
        """The count of that name, of all systems."""
        return sum(int(system.measured[measure] or 0) for system in self.systems)

    def share(self, measure: str) -> float:
        """The same, of the active rows, 0 to 1."""
        return self.counted(measure) / self.active_rows if self.active_rows else 0.0

    def greatest(self, measure: str) -> float | None:
        """The greatest of the values of that name; None: there is none."""
        return max((top for system in self.systems if (top := system.measured[measure]) is not None), default=None)


@dataclass(frozen=True)
class DayWritten:
    """When the rows of one date were written.

    Attributes:
        newest: The last of them (UTC); None: no column tells.
    """

    game_date: date
    newest: datetime | None


def profile_days(
    warehouse: Warehouse,
    spec: TableSpec,
    measures: Sequence[Measure],
    since: date,
    until: date,
    *,
    game_column: str = "",
    system_column: str = "",
) -> list[DayProfile]:
    """Each date from `since` to `until` that has rows, oldest first, in one scan.

    Args:
        measures: What to know of the active rows beside their number.
        game_column: Names the game of a row; empty: games are not counted.
        system_column: Names its system; empty: each date is a whole.
    """
    written = _written(spec, warehouse.columns(spec.table))
    counted, day = is_active(spec), spec.dates.day("T")
    games = f"COUNT(DISTINCT IF({counted}, T.{quoted(game_column)}, NULL))" if game_column else "0"
    grouped = {"day": day, **({"system": f"T.{quoted(system_column)}"} if system_column else {})}
    aggregates = ["COUNT(*) AS row_count", f"COUNTIF({counted}) AS active_rows", f"{games} AS games", *written.values()]
    aggregates += [f"{measure.sql} AS {quoted(measure.name)}" for measure in measures]
    selected = [f"{sql} AS {name}" for name, sql in grouped.items()]
    names = ", ".join(grouped.values())
    bound: dict[str, Value] = {**spec.dates.bound(since=since, until=until)}
    for measure in measures:
        bound |= measure.parameters
    rows = warehouse.query(
        f"SELECT {', '.join([*selected, *aggregates])} FROM {spec.table.sql} AS T "
        f"WHERE {spec.dates.between('since', 'until', 'T')} GROUP BY {names} ORDER BY {names}",
        bound,
    )
    by_date: dict[date, list[SystemProfile]] = {}
    for row in rows:
        measured = {measure.name: row[measure.name] for measure in measures}
        by_date.setdefault(row["day"], []).append(_system(row, _newest(row, written), measured))
    return [DayProfile(day, tuple(systems)) for day, systems in by_date.items()]


def _system(row: Row, newest: datetime | None, measured: Mapping[str, float | None]) -> SystemProfile:
    counts = row["games"], row["row_count"], row["active_rows"]
    return SystemProfile(row["day"], row.get("system"), *counts, newest, measured)


def last_written(warehouse: Warehouse, spec: TableSpec, since: date, until: date) -> DayWritten | None:
    """The newest date from `since` to `until` that has rows; None: none has.

    Looked for from the end, in up to three queries: mostly the first date has rows, and no other is read.
    """
    written = _written(spec, warehouse.columns(spec.table))
    day = spec.dates.day("T")
    sql = (
        f"SELECT {', '.join([f'{day} AS day', *written.values()])} FROM {spec.table.sql} AS T "
        f"WHERE {spec.dates.between('since', 'until', 'T')} GROUP BY {day} ORDER BY {day} DESC LIMIT 1"
    )
    eve = until - timedelta(days=1)
    for first, last in ((until, until), (eve, eve), (since, eve - timedelta(days=1))):
        if since <= first <= last and (rows := warehouse.query(sql, spec.dates.bound(since=first, until=last))):
            return DayWritten(rows[0]["day"], _newest(rows[0], written))
    return None


def rows_of_date(warehouse: Warehouse, spec: TableSpec, game_date: date) -> int:
    """How many rows the date has, superseded ones too."""
    sql = f"SELECT COUNT(*) AS row_count FROM {spec.table.sql} WHERE {spec.dates.of_day()}"
    return int(warehouse.query(sql, spec.dates.bound(day=game_date))[0]["row_count"])


def _written(spec: TableSpec, columns: Sequence[Column]) -> dict[str, str]:
    """By its alias each aggregate that tells when the last of some rows T was written."""
    moments = {column.name for column in columns if column.type == "TIMESTAMP"}
    names = [name for name in spec.newest_first if name in moments]
    return {f"newest__{name}": f"MAX(T.{quoted(name)}) AS {quoted(f'newest__{name}')}" for name in names}


def _newest(row: Row, written: Iterable[str]) -> datetime | None:
    return max((moment for alias in written if (moment := row[alias])), default=None)


def rows_by_game_and_system(
    warehouse: Warehouse, spec: TableSpec, game_date: date, *, game_column: str, system_column: str
) -> dict[tuple[str | None, str | None], int]:
    """How many active rows each game of the date has from each system."""
    game, system = (f"T.{quoted(name)}" for name in (game_column, system_column))
    rows = warehouse.query(
        f"SELECT {game} AS game, {system} AS system, COUNT(*) AS row_count FROM {spec.table.sql} AS T "
        f"WHERE {spec.dates.of_day('T')} AND {is_active(spec)} GROUP BY {game}, {system} ORDER BY {game}, {system}",
        spec.dates.bound(day=game_date),
    )
    return {(row["game"], row["system"]): row["row_count"] for row in rows}


def is_active(spec: TableSpec) -> str:
    """GoogleSQL: whether readers see the row T."""
    return f"COALESCE(T.{quoted(spec.active_column)}, FALSE)" if spec.active_column else "TRUE"
