"""The date of a row: the day of the value in its date column, as GoogleSQL compares and groups it.

BigQuery skips partitions only if the column itself is compared with constants. So a day of timestamps is a range
whose ends are computed here, with daylight saving: a day may have 23 or 25 hours. A function of the column only
names the day of rows selected that way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from lib.errors import UserError
from lib.words.dates import start_of, zone

DateType = Literal["DATE", "TIMESTAMP", "DATETIME"]
Bounds = dict[str, date | datetime]
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+/-]{1,60}", re.ASCII)
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class DateColumn:
    """The column with the date that a row belongs to.

    Attributes:
        name: A plain identifier.
        type: For `TIMESTAMP` the date is the day in the time zone, for `DATETIME` the value's own day.
        timezone: Used for `TIMESTAMP` only; empty means UTC.
    """

    name: str
    type: DateType = "DATE"
    timezone: str = ""

    def __post_init__(self) -> None:
        if self.type == "TIMESTAMP":
            if not _ZONE_NAME.fullmatch(self.zone):
                raise UserError(f"time zone {self.zone!r:.80} is not known; write one such as Europe/Berlin")
            zone(self.zone)

    @property
    def is_date(self) -> bool:
        return self.type == "DATE"

    @property
    def zone(self) -> str:
        """The time zone that decides a timestamp's date."""
        return self.timezone or "UTC"

    def of_day(self, alias: str = "", name: str = "day") -> str:
        """Return GoogleSQL for whether a row has the date; never TRUE for NULL. Parameters: `bound` of this name."""
        column = self._column(alias)
        return f"{column} = @{name}" if self.is_date else self._within(column, name, name)

    def not_of_day(self, alias: str = "", name: str = "day") -> str:
        """Return GoogleSQL for whether a row has another date, or none. Parameters: `bound` of this name."""
        if self.is_date:
            return f"{self._column(alias)} IS DISTINCT FROM @{name}"
        return f"({self.of_day(alias, name)}) IS NOT TRUE"

    def between(self, first: str, last: str, alias: str = "") -> str:
        """Return GoogleSQL for whether a row's date is in the inclusive range. Parameters: `bound` of both names.

        Args:
            first: Name of the parameter of the first date.
            last: Name of the parameter of the last date.
            alias: The table's alias; may be empty.
        """
        column = self._column(alias)
        return f"{column} BETWEEN @{first} AND @{last}" if self.is_date else self._within(column, first, last)

    def day(self, alias: str = "") -> str:
        """Return GoogleSQL for a row's date, to select and group by; as a filter it would not skip partitions."""
        return self._day_of(self._column(alias))

    def cast_day(self, alias: str) -> str:
        """Return GoogleSQL for the date of a staged row, whose column may have another type."""
        return self._day_of(f"CAST({self._column(alias)} AS {self.type})")

    def bound(self, **days: date) -> Bounds:
        """Return the query parameters for these dates, by name."""
        if self.is_date:
            return dict(days)
        bounds: Bounds = {}
        for name, day in days.items():
            bounds[f"{name}_start"], bounds[f"{name}_end"] = self.limits(day)
        return bounds

    def bound_sql(self, name: str = "day") -> dict[str, str]:
        """Return GoogleSQL for each parameter that `bound` computes from a date; empty for a DATE column."""
        if self.is_date:
            return {}
        first, after = f"@{name}", f"DATE_ADD(@{name}, INTERVAL 1 DAY)"
        zone = f", '{self.zone}'" if self.type == "TIMESTAMP" else ""
        return {f"{name}_start": f"{self.type}({first}{zone})", f"{name}_end": f"{self.type}({after}{zone})"}

    def day_of(self, value: date | datetime) -> date:
        """Return the date of a value of the column's type."""
        if not isinstance(value, datetime):
            return value
        return (value.astimezone(zone(self.zone)) if self.type == "TIMESTAMP" else value).date()

    def since_written(self, day: date) -> str:
        """Return a condition for rows of the date or later, with its value written out; for display only."""
        return f"{self.name} >= {_written(self.limits(day)[0])}"

    def of_day_written(self, day: date) -> str:
        """Return a condition for rows of the date, with its values written out; for display only."""
        first, after = map(_written, self.limits(day))
        return f"{self.name} = {first}" if self.is_date else f"{self.name} >= {first} AND {self.name} < {after}"

    @property
    def partition(self) -> str:
        """GoogleSQL that a table should be partitioned by."""
        return self.name if self.is_date else f"{self.type}_TRUNC({self.name}, DAY)"

    def limits(self, day: date) -> tuple[date | datetime, date | datetime]:
        """Return the first value of the date and the first after it: dates, aware datetimes (UTC) or naive ones."""
        return self._start(day), self._start(day + _ONE_DAY) if day < date.max else self._last_of_all

    def _start(self, day: date) -> date | datetime:
        if self.is_date:
            return day
        if self.type == "DATETIME":
            return datetime.combine(day, time.min)
        try:
            return start_of(day, self.zone)
        except OverflowError:  # the first day of the year 1, east of Greenwich
            return datetime.min.replace(tzinfo=UTC)

    @property
    def _last_of_all(self) -> date | datetime:
        if self.is_date:
            return date.max
        return datetime.max.replace(tzinfo=UTC if self.type == "TIMESTAMP" else None)

    def _column(self, alias: str) -> str:
        return f"{alias}.`{self.name}`" if alias else f"`{self.name}`"

    def _day_of(self, value: str) -> str:
        if self.is_date:
            return value
        return f"DATE({value}, '{self.zone}')" if self.type == "TIMESTAMP" else f"DATE({value})"

    def _within(self, column: str, first: str, last: str) -> str:
        return f"{column} >= @{first}_start AND {column} < @{last}_end"


def _written(value: date | datetime) -> str:
    return f'"{value}"'
