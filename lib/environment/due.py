"""``due:``, which dates should have rows: a query, a table, or a calendar."""

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
# After comments, if any. Of what begins otherwise sqlglot would warn before it is refused.
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
            raise UserError(f"due.calendar: {self} ends before it begins")
        if not self.name.isprintable() or len(self.name) > _LONGEST_NAME:
            raise UserError(f"due.calendar: a name must be one line of at most {_LONGEST_NAME} characters")

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


@dataclass(frozen=True)
class Calendar:
    """When rows are due by intent.

    Attributes:
        seasons: In order; none: all year round.
        breaks: Days within them without rows.
        weekdays: The days of the week that have rows; empty: all.
    """

    __pydantic_config__ = STRICT

    seasons: tuple[Days, ...] = ()
    breaks: tuple[Days, ...] = ()
    weekdays: tuple[Weekday, ...] = ()

    __repr__ = brief()

    def __post_init__(self) -> None:
        if not (self.seasons or self.breaks or self.weekdays):
            raise UserError("due.calendar: it says nothing; write seasons, breaks or weekdays")
        for season, following in pairwise(self.seasons):
            if following.first <= season.last:
                raise UserError(f"due.calendar.seasons: {following} is not after {season}; write them in order")
        for pause in self.breaks:
            if self.seasons and not any(pause.first in season and pause.last in season for season in self.seasons):
                raise UserError(f"due.calendar.breaks: {pause} is not within a season; correct its dates")


@dataclass(frozen=True)
class DueSettings:
    """Which dates should have rows, and how many units of them.

    Attributes:
        query: One SELECT that returns a date and a number of units for each date from @since to @until.
        table: The same, from the columns of a table.
        calendar: Seasons and breaks; outside of them nothing is due, whatever query or table say. Alone: each
            day within is due, and units are not known.
        units: What is counted, for people, in the plural; empty: several of the environment's `unit`.
        by_hour: Rows of a date are late after this hour of it, in the environment's zone; 24 is its end.
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
            raise UserError("due: query and table are two answers to one question; keep one of them")
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
        """Whether it says how many, and not only when."""
        return bool(self.query or self.table)


def _check_query(sql: str) -> None:
    """Refuse what is not one SELECT of two named columns that reads tables and takes just @since and @until.

    Raises:
        UserError: What is wrong with it, in a line.
    """
    import sqlglot
    from sqlglot import exp

    if len(sql) > _LONGEST_QUERY or not _BEGINS.match(sql):
        raise UserError(f"due.query: must be one SELECT of at most {_LONGEST_QUERY:,} characters, got {sql!r:.60}")
    try:
        tree, *more = sqlglot.parse(sql, read="bigquery")
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        said = " ".join(re.sub(r"\x1b\[\d*m", "", str(error)).split())
        raise UserError(f"due.query: cannot be read: {said:.200}") from error
    if more or not isinstance(tree, exp.Select):
        raise UserError("due.query: must be a single SELECT; leave out anything before and after it")
    writes = next(tree.find_all(exp.Into, exp.DML, exp.DDL, exp.Command), None)
    if writes or any(isinstance(table.this, exp.Func) for table in tree.find_all(exp.Table)):
        raise UserError("due.query: must only read tables and views; leave out INTO and functions in FROM")
    if len(tree.selects) != 2 or any(column.is_star for column in tree.selects):
        raise UserError("due.query: must return two columns, the date and how many units are due; name both")
    named = {parameter.name for parameter in tree.find_all(exp.Parameter)}
    if named != {"since", "until"} or tree.find(exp.Placeholder):
        raise UserError("due.query: must take the parameters @since and @until, both dates, and no others")
