"""Profiles of each date's rows, aggregated in the warehouse: one result row per date and source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from lib.consolidation.identifiers import plain_identifier
from lib.consolidation.key import quoted
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.column_rules import Measure
from lib.consolidation.warehouse import Column, Row, Value, Warehouse
from lib.words.brief import brief


@dataclass(frozen=True)
class Groups:
    """The columns that each date's rows are grouped by; either may be empty.

    Attributes:
        unit: The column for what the rows are about, such as a store. Each date may have new values.
        source: The column for what produces the rows of every unit, such as a channel. Its values recur.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    unit: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        for name in self.columns:
            plain_identifier(name, "column name")

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.unit, self.source)))


@dataclass(frozen=True)
class SourceProfile:
    """The rows of one source on one date.

    Attributes:
        game_date: The date.
        source: The source; None if its column is NULL or not configured.
        units: Number of units with rows that readers see; 0 if no unit column is configured.
        rows: Number of rows.
        active_rows: Number of rows that readers see.
        newest: When the last of them was written (UTC); None if no column records it.
        measured: The measures of the active rows, by name (`lib.consolidation.upkeep.column_rules`).
    """

    game_date: date
    source: str | None
    units: int
    rows: int
    active_rows: int
    newest: datetime | None
    measured: Mapping[str, float | None]

    __repr__ = brief("game_date", "source", "units", "rows")


@dataclass(frozen=True)
class Cell:
    """One unit and source over the recent dates, counting the rows that readers see.

    Attributes:
        unit: The unit; None if its column is NULL or not configured.
        source: The source; None if its column is NULL or not configured.
        rows: Number of rows on the date.
        dates: Number of earlier dates with rows.
        alike: How many of these have the date's weekday.
        fewest: The fewest rows of any of these; None if there are none.
        first: The first date with rows.
    """

    unit: str | None
    source: str | None
    rows: int
    dates: int
    alike: int
    fewest: int | None
    first: date

    __repr__ = brief("unit", "source", "rows", "dates")


@dataclass(frozen=True)
class DayProfile:
    """The rows of one date, source by source."""

    game_date: date
    sources: tuple[SourceProfile, ...]

    __repr__ = brief("game_date", "sources")

    @property
    def rows(self) -> int:
        return sum(source.rows for source in self.sources)

    @cached_property
    def active_rows(self) -> int:
        return sum(source.active_rows for source in self.sources)

    @property
    def newest(self) -> datetime | None:
        """When the last of its rows was written (UTC); None if no column records it."""
        return max((source.newest for source in self.sources if source.newest), default=None)

    def asked(self, measure: str) -> bool:
        """Return whether the measure was computed."""
        return measure in self.sources[0].measured

    def counted(self, measure: str) -> int:
        """Return the count of that name, summed over all sources."""
        return sum(int(source.measured[measure] or 0) for source in self.sources)

    def share(self, measure: str) -> float:
        """Return the count of that name as a share of the active rows, 0 to 1."""
        return self.counted(measure) / self.active_rows if self.active_rows else 0.0

    def greatest(self, measure: str) -> float | None:
        """Return the greatest value of that name; None if there is none."""
        return max((top for source in self.sources if (top := source.measured[measure]) is not None), default=None)


@dataclass(frozen=True)
class DayWritten:
    """When the rows of one date were written.

    Attributes:
        game_date: The date.
        newest: When the last of them was written (UTC); None if no column records it.
    """

    game_date: date
    newest: datetime | None


def profile_days(
    warehouse: Warehouse,
    spec: TableSpec,
    measures: Sequence[Measure],
    since: date,
    until: date,
    groups: Groups,
) -> list[DayProfile]:
    """Return a profile of each date that has rows, oldest first, in one scan.

    Args:
        warehouse: Where the table is.
        spec: The main table.
        measures: The figures to compute from the active rows.
        since: The first date.
        until: The last date.
        groups: The columns to group by.
    """
    written = _written(spec, warehouse.columns(spec.table))
    counted, day = is_active(spec), spec.dates.day("T")
    units = f"COUNT(DISTINCT IF({counted}, T.{quoted(groups.unit)}, NULL))" if groups.unit else "0"
    grouped = {"day": day, **({"source": f"T.{quoted(groups.source)}"} if groups.source else {})}
    aggregates = ["COUNT(*) AS row_count", f"COUNTIF({counted}) AS active_rows", f"{units} AS units", *written.values()]
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
    by_date: dict[date, list[SourceProfile]] = {}
    for row in rows:
        measured = {measure.name: row[measure.name] for measure in measures}
        by_date.setdefault(row["day"], []).append(_source(row, _newest(row, written), measured))
    return [DayProfile(day, tuple(sources)) for day, sources in by_date.items()]


def _source(row: Row, newest: datetime | None, measured: Mapping[str, float | None]) -> SourceProfile:
    counts = row["units"], row["row_count"], row["active_rows"]
    return SourceProfile(row["day"], _name(row.get("source")), *counts, newest, measured)


def _name(value: object) -> str | None:
    """Return a unit or source as text; its column may have any type."""
    return None if value is None else str(value)


def last_written(warehouse: Warehouse, spec: TableSpec, since: date, until: date) -> DayWritten | None:
    """Return the newest date from `since` to `until` that has rows; None if none has.

    It searches backwards in up to three queries, because usually the last date has rows and no other must be read.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        since: The first date.
        until: The last date.
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
    """Return the date's number of rows, including superseded ones.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        game_date: The date.
    """
    sql = f"SELECT COUNT(*) AS row_count FROM {spec.table.sql} WHERE {spec.dates.of_day()}"
    return int(warehouse.query(sql, spec.dates.bound(day=game_date))[0]["row_count"])


def _written(spec: TableSpec, columns: Sequence[Column]) -> dict[str, str]:
    """Return the aggregates that show when the last of the rows T was written, by alias."""
    moments = {column.name for column in columns if column.type == "TIMESTAMP"}
    names = [name for name in spec.newest_first if name in moments]
    return {f"newest__{name}": f"MAX(T.{quoted(name)}) AS {quoted(f'newest__{name}')}" for name in names}


def _newest(row: Row, written: Iterable[str]) -> datetime | None:
    return max((moment for alias in written if (moment := row[alias])), default=None)


def cells_of(
    warehouse: Warehouse, spec: TableSpec, groups: Groups, since: date, game_date: date, *, fewest_dates: int
) -> list[Cell]:
    """Return the units and sources that have rows on the date, or on at least `fewest_dates` dates since `since`.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        groups: The columns to group by.
        since: The first of the earlier dates.
        game_date: The date.
        fewest_dates: On how many earlier dates a group must have rows if it has none on the date.
    """
    day = spec.dates.day("T")
    columns = {name: f"T.{quoted(column)}" for name in ("unit", "source") if (column := getattr(groups, name))}
    selected = ", ".join(f"{column} AS {name}" for name, column in columns.items())
    grouped, names = ", ".join(columns.values()), ", ".join(columns)
    rows = warehouse.query(
        f"SELECT {names}, SUM(IF(day = @day, row_count, 0)) AS row_count, COUNTIF(day < @day) AS dates, "
        "COUNTIF(day < @day AND MOD(DATE_DIFF(@day, day, DAY), 7) = 0) AS alike, "
        "MIN(IF(day < @day, row_count, NULL)) AS fewest, MIN(day) AS first_day "
        f"FROM (SELECT {day} AS day, {selected}, COUNT(*) AS row_count FROM {spec.table.sql} AS T "
        f"WHERE {spec.dates.between('since', 'until', 'T')} AND {is_active(spec)} "
        f"GROUP BY {day}, {grouped}) AS counted "
        f"GROUP BY {names} HAVING COUNTIF(day = @day) > 0 OR COUNTIF(day < @day) >= @fewest_dates ORDER BY {names}",
        {**spec.dates.bound(since=since, until=game_date), "day": game_date, "fewest_dates": fewest_dates},
    )
    return [
        Cell(
            unit=_name(row.get("unit")),
            source=_name(row.get("source")),
            rows=int(row["row_count"]),
            dates=row["dates"],
            alike=row["alike"],
            fewest=row["fewest"],
            first=row["first_day"],
        )
        for row in rows
    ]


def is_active(spec: TableSpec) -> str:
    """Return GoogleSQL for whether readers see the row T."""
    return f"COALESCE(T.{quoted(spec.active_column)}, FALSE)" if spec.active_column else "TRUE"
