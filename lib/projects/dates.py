"""Which columns may have a row's date: DATE columns first, then moments, by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import cast, get_args

from lib.consolidation.dates import DateColumn, DateType
from lib.consolidation.warehouse import Column

DATE_TYPES: tuple[str, ...] = get_args(DateType)
# A row that is written again has another value there, and would be of another date.
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
    """All columns of one of `DATE_TYPES`, the likeliest first."""
    return sorted((column for column in columns if column.type in DATE_TYPES), key=_unlikeliness)


def likely_dates(columns: Iterable[Column]) -> list[Column]:
    """Those of them to guess from: none that says when a row was last written."""
    return [one for one in date_columns(columns) if one.type == "DATE" or not UPDATED.search(one.name.lower())]


def date_column(column: Column, timezone: str) -> DateColumn:
    """The column of one of `DATE_TYPES` as that of the date; a moment is of its day in the zone."""
    return DateColumn(column.name, cast(DateType, column.type), timezone)


def rank(name: str, patterns: Sequence[re.Pattern[str]]) -> int:
    """The number of the first pattern that stands in the name; that of all patterns: none does."""
    return next((rank for rank, pattern in enumerate(patterns) if pattern.search(name.lower())), len(patterns))


def _unlikeliness(column: Column) -> tuple[bool, bool, int]:
    if column.type == "DATE":
        return (False, not _DATE_NAMES.search(column.name.lower()), 0)
    return (True, bool(_LATE_NAMES.search(column.name.lower())), rank(column.name, _MOMENT_NAMES))
