"""Count in the warehouse how many units were due on each date, and how many rows there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from lib.consolidation.dates import DateColumn, DateType
from lib.consolidation.errors import InvalidIdentifier, UnfitAnswer
from lib.consolidation.identifiers import TableName, plain_identifier
from lib.consolidation.key import quoted
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Parameters, Row, Value, Warehouse
from lib.errors import UserError
from lib.words.brief import brief


@dataclass(frozen=True)
class DueTable:
    """A table or view that lists what is due, such as a schedule.

    Attributes:
        name: ``dataset.table``.
        date_column: The column with the due date.
        unit_column: The column whose distinct values are counted; if empty, rows are counted.
        where: The values of rows that are due, by column; all other rows are not due.
        date_type: The type of the date column. For a `TIMESTAMP` the date is the day in the environment's time zone.
    """

    __pydantic_config__ = {"extra": "forbid", "allow_inf_nan": False}  # noqa: RUF012

    name: str
    date_column: str
    unit_column: str = ""
    where: Mapping[str, tuple[bool | int | str, ...]] = field(default_factory=dict)
    date_type: DateType = "DATE"

    __repr__ = brief("name")

    def __post_init__(self) -> None:
        try:
            TableName.parse(self.name)
            for column in (self.date_column, *([self.unit_column] if self.unit_column else ()), *self.where):
                plain_identifier(column, "column name")
        except InvalidIdentifier as error:
            raise UserError(f"due.table: {error}") from error
        if empty := [column for column, allowed in self.where.items() if not allowed]:
            raise UserError(
                f"due.table.where: {empty[0]} has no values, so nothing would ever be due; list at least one"
            )


def query_of(table: DueTable, since: date, until: date, timezone: str = "") -> tuple[str, dict[str, Value]]:
    """Return GoogleSQL, with its parameters, for the number of units due on each date that the table lists.

    A listed date with nothing due counts 0, which differs from a date that is not listed.

    Args:
        table: The table.
        since: The first date.
        until: The last date.
        timezone: The time zone that decides a timestamp's date; empty means UTC.
    """
    dates = DateColumn(table.date_column, table.date_type, timezone)
    bound: dict[str, Value] = {**dates.bound(since=since, until=until)}
    conditions = []
    for number, (column, allowed) in enumerate(table.where.items()):
        bound[f"allowed_{number}"] = [
            str(value).lower() if isinstance(value, bool) else str(value) for value in allowed
        ]
        conditions.append(f"CAST(T.{quoted(column)} AS STRING) IN UNNEST(@allowed_{number})")
    due = " AND ".join(conditions) or "TRUE"
    unit = f"COUNT(DISTINCT IF({due}, T.{quoted(table.unit_column)}, NULL))" if table.unit_column else f"COUNTIF({due})"
    return (
        f"SELECT {dates.day('T')} AS day, {unit} AS units FROM {TableName.parse(table.name).sql} AS T "
        f"WHERE {dates.between('since', 'until', 'T')} GROUP BY {dates.day('T')}",
        bound,
    )


def due_units(warehouse: Warehouse, sql: str, parameters: Parameters) -> dict[date, int]:
    """Run a query that returns dates and numbers of units; return the numbers by date.

    Args:
        warehouse: Where the tables are.
        sql: The query.
        parameters: Its parameters.

    Raises:
        UnfitAnswer: A row is not a date and a whole number, or a date appears twice.
    """
    found: dict[date, int] = {}
    for row in warehouse.query(sql, parameters):
        day, units = _checked(row)
        if day in found:
            raise UnfitAnswer(f"due.query returned {day} twice; group by the date")
        found[day] = units
    return found


def _checked(row: Row) -> tuple[date, int]:
    match [*row.values()]:
        # In Python a datetime is also a date, and True is also an int.
        case [day, units] if type(day) is date and type(units) is int and units >= 0:
            return day, units
        case values:
            shown = ", ".join(f"{value!r:.40}" for value in values)
            raise UnfitAnswer(f"due.query returned ({shown}); each row must be a DATE and a whole number")


def rows_by_date(warehouse: Warehouse, spec: TableSpec, since: date, until: date) -> dict[date, int]:
    """Return the number of rows, including superseded ones, of each date that has any; reads only the date column.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        since: The first date.
        until: The last date.
    """
    day = spec.dates.day("T")
    rows = warehouse.query(
        f"SELECT {day} AS day, COUNT(*) AS row_count FROM {spec.table.sql} AS T "
        f"WHERE {spec.dates.between('since', 'until', 'T')} GROUP BY {day}",
        spec.dates.bound(since=since, until=until),
    )
    return {row["day"]: row["row_count"] for row in rows}
