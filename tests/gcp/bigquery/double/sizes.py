"""The billed bytes of a table's values (https://cloud.google.com/bigquery/docs/estimate-costs).

A NULL counts as 0 bytes. Tests need no real terabyte: a table can declare the number of rows per
partition, and each then has the average width of the existing rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

METADATA_BYTES = 10 * 2**20
_FIXED = {"BOOL": 1, "INT64": 8, "FLOAT64": 8, "DATE": 8, "DATETIME": 8, "TIME": 8, "TIMESTAMP": 8, "NUMERIC": 16}
_LENGTH_BYTES = 2
_USUAL_TEXT_BYTES = 16

Days = tuple[date, date]
EVERY_DAY: Days = (date.min, date.max)


@dataclass(frozen=True)
class DeclaredSize:
    """A table with the same number of rows on each of its last days, for estimates only."""

    rows_a_day: int
    days: int
    last_day: date

    def rows(self, days: Days) -> int:
        """Return the rows in the partitions from the first to the last day, both included."""
        first = max(days[0], self.last_day - timedelta(days=self.days - 1))
        return self.rows_a_day * max(0, (min(days[1], self.last_day) - first).days + 1)


def total_sql(columns: Mapping[str, str]) -> str:
    """Return a DuckDB expression for the bytes of these columns (name to GoogleSQL type) in all rows."""
    return " + ".join(f"COALESCE(SUM({_value(name, kind)}), 0)" for name, kind in columns.items()) or "0"


def usual_width(columns: Mapping[str, str]) -> float:
    """Return the assumed bytes per row of an empty table."""
    return sum(_FIXED.get(kind, _LENGTH_BYTES + _USUAL_TEXT_BYTES) for kind in columns.values())


def _value(name: str, kind: str) -> str:
    """Return an expression for the bytes of a value; NULL for NULL."""
    column = f'"{name}"'
    if kind in _FIXED:
        return f"CASE WHEN {column} IS NOT NULL THEN {_FIXED[kind]} END"
    if kind.startswith("ARRAY<"):
        item = kind[6:-1]
        return f"list_sum(list_transform({column}, item -> {_FIXED.get(item) or _text('item')}))"
    return _text(column)


def _text(value: str) -> str:
    return f"{_LENGTH_BYTES} + strlen(CAST({value} AS VARCHAR))"


def overlap(days: Iterator[Days]) -> Days:
    """Return the days that all periods share."""
    first, last = EVERY_DAY
    for start, end in days:
        first, last = max(first, start), min(last, end)
    return first, last
