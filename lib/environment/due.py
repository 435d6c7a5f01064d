"""``due:``, the dates that should have rows: from a query, a table or a calendar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Literal

from lib.consolidation.upkeep.due_units import DueTable
from lib.environment.strict import STRICT
from lib.errors import UserError
from lib.words.brief import brief

Weekday = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_LONGEST_QUERY = 10_000
_LONGEST_NAME = 60
_LATEST_HOUR = 48
# May follow comments. sqlglot would log a warning about text that begins otherwise.
_BEGINS = re.compile(r"(?:\s++|--[^\n]*+\n)*+(?:SELECT|WITH)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Days:
    """A range of days, both ends included.

    Attributes:
        first: The first day.
        last: The last day.
        name: A name for people; may be empty.
    """

    __pydantic_config__ = STRICT

    first: date
    last: date
    name: str = ""

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise UserError(f"due.calendar: {self} ends before it starts")
        if not self.name.isprintable() or len(self.name) > _LONGEST_NAME:
            raise UserError(f"due.calendar: a name must be one line of at most {_LONGEST_NAME} characters")

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


@dataclass(frozen=True)
class Calendar:
    """When rows are expected.

    Attributes:
        seasons: In order; empty means all year.
        breaks: Days within the seasons that have no rows.
        weekdays: The days of the week that have rows; empty means all.
    """

    __pydantic_config__ = STRICT

    seasons: tuple[Days, ...] = ()
    breaks: tuple[Days, ...] = ()
    weekdays: tuple[Weekday, ...] = ()

    __repr__ = brief()

    def __post_init__(self) -> None:
        if not (self.seasons or self.breaks or self.weekdays):
            raise UserError("due.calendar is empty; write seasons, breaks or weekdays")
        for season, following in pairwise(self.seasons):
            if following.first <= season.last:
                raise UserError(f"due.calendar.seasons: {following} is not after {season}; write them in order")
        for pause in self.breaks:
            if self.seasons and not any(pause.first in season and pause.last in season for season in self.seasons):
                raise UserError(f"due.calendar.breaks: {pause} is not within a season; correct its dates")


@dataclass(frozen=True)
class DueSettings:
    """The dates that should have rows, and how many units are due.

    Attributes:
        query: One SELECT that returns a date and a number of units for each date from @since to @until.
        table: A table that lists what is due.
        calendar: Seasons and breaks; outside them nothing is due, whatever the query or table returns. Without query
            and table, each day in season is due and the number of units is unknown.
        units: A plural noun for what is counted; by default the plural of the environment's `unit`.
        by_hour: A date's rows are late after this hour, in the environment's time zone; 24 is the end of the day.
    """

    __pydantic_config__ = STRICT

    query: str = ""
    table: DueTable | None = None
    calendar: Calendar | None = None
    units: str = ""
    by_hour: float = 24

    __repr__ = brief()

    def __post_init__(self) -> None:
        if not (self.query or self.table or self.calendar):
            raise UserError("due: write query:, table: or calendar: below it")
        if self.query and self.table:
            raise UserError("due: query and table exclude each other; keep one of them")
        if self.query:
            _check_query(self.query)
        if len(self.units) > _LONGEST_NAME or not self.units.isprintable():
            raise UserError(
                f"due.units: {self.units!r:.80} is not one line of at most {_LONGEST_NAME} characters, such as stores"
            )
        if not 0 < self.by_hour <= _LATEST_HOUR:
            raise UserError(f"due.by_hour: must be above 0 and at most {_LATEST_HOUR}, got {self.by_hour:g}")

    @property
    def has_units(self) -> bool:
        """Whether the number of units is known, and not only the dates."""
        return bool(self.query or self.table)


def _check_query(sql: str) -> None:
    """Check that the query is one SELECT of two named columns that reads tables and takes only @since and @until.

    Raises:
        UserError: It is not; says why in one line.
    """
    import sqlglot
    from sqlglot import exp

    if len(sql) > _LONGEST_QUERY or not _BEGINS.match(sql):
        raise UserError(f"due.query: must be one SELECT of at most {_LONGEST_QUERY:,} characters, got {sql!r:.60}")
    try:
        tree, *more = sqlglot.parse(sql, read="bigquery")
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        problem = " ".join(re.sub(r"\x1b\[\d*m", "", str(error)).split())
        raise UserError(f"due.query: cannot be parsed: {problem:.200}") from error
    if more or not isinstance(tree, exp.Select):
        raise UserError("due.query: must be a single SELECT; remove anything before and after it")
    writes = next(tree.find_all(exp.Into, exp.DML, exp.DDL, exp.Command), None)
    if writes or any(isinstance(table.this, exp.Func) for table in tree.find_all(exp.Table)):
        raise UserError("due.query: must only read tables and views; remove INTO and functions in FROM")
    if len(tree.selects) != 2 or any(column.is_star for column in tree.selects):
        raise UserError("due.query: must return two columns, the date and the number of units due; name both")
    named = {parameter.name for parameter in tree.find_all(exp.Parameter)}
    if named != {"since", "until"} or tree.find(exp.Placeholder):
        raise UserError("due.query: must take the parameters @since and @until, both dates, and no others")
