"""Find columns that may hold a row's date: DATE columns first, then timestamps, ranked by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import cast, get_args

from lib.consolidation.dates import DateColumn, DateType
from lib.consolidation.warehouse import Column

DATE_TYPES: tuple[str, ...] = get_args(DateType)
# Rewriting a row changes such a column, and would move the row to another date.
UPDATED = re.compile(r"(^|_)(updated|modified|changed)($|_)")
_DATE_NAMES = re.compile(r"(^|_)(date|day|dt)($|_)")
_LATE_NAMES = re.compile(r"(^|_)(loaded|ingested|processed|received|inserted|written)($|_)")
_MOMENT_NAMES = (
    re.compile(r"(^|_)(event|order|ordered|occurred|happened|observed|measured|seen|placed|started)($|_)"),
    re.compile(r"(^|_)created($|_)"),
    _DATE_NAMES,
    re.compile(r"(^|_)(at|time|timestamp|datetime|ts|moment)$"),
)


def date_columns(columns: Iterable[Column]) -> list[Column]:
    """Return all columns of one of `DATE_TYPES`, likeliest first."""
    return sorted((column for column in columns if column.type in DATE_TYPES), key=_unlikeliness)


def likely_dates(columns: Iterable[Column]) -> list[Column]:
    """Return the date columns to guess from, without times of the last update."""
    return [one for one in date_columns(columns) if one.type == "DATE" or not UPDATED.search(one.name.lower())]


def date_column(column: Column, timezone: str) -> DateColumn:
    """Return a column of one of `DATE_TYPES` as the date column; the date of a TIMESTAMP is its day in the zone."""
    return DateColumn(column.name, cast(DateType, column.type), timezone)


def rank(name: str, patterns: Sequence[re.Pattern[str]]) -> int:
    """Return the index of the first pattern found in the name, or the number of patterns if none is."""
    return next((rank for rank, pattern in enumerate(patterns) if pattern.search(name.lower())), len(patterns))


def _unlikeliness(column: Column) -> tuple[bool, bool, int]:
    if column.type == "DATE":
        return (False, not _DATE_NAMES.search(column.name.lower()), 0)
    return (True, bool(_LATE_NAMES.search(column.name.lower())), rank(column.name, _MOMENT_NAMES))
