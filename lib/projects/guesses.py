"""Guess the roles of a table's columns, with the evidence for each guess.

Names are only hints that decide what is tried first; whether columns form a key is measured.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from lib.projects.dates import UPDATED, likely_dates, rank
from lib.projects.sample import Sample
from lib.words.nouns import counted

_KEY_NAMES = (
    re.compile(r"(^|_)(id|key|code|sku|lookup|no|number|uuid)$"),
    re.compile(r"(^|_)(name|type|kind|system|source|line)($|_)"),
)
_NEWEST_NAMES = (
    UPDATED,
    re.compile(r"(^|_)(loaded|ingested|processed|received)($|_)"),
    re.compile(r"(^|_)(created|inserted|written)($|_)"),
)
_FIRST_WRITTEN = _NEWEST_NAMES[-1]
_ACTIVE_NAMES = re.compile(r"^(is_)?(active|current|valid|enabled)$")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_KEY_TYPES = ("STRING", "INT64")
_MOST_TRIED = 12
_LONGEST_KEY = 4


@dataclass(frozen=True)
class Guess:
    """A setting's likely columns.

    Attributes:
        columns: The columns; none if there is no evidence for any.
        evidence: The evidence, in a line.
    """

    columns: tuple[str, ...]
    evidence: str


def guess_date(sample: Sample) -> Guess:
    """Guess the DATE column with a value in every row; without one, a TIMESTAMP or DATETIME column."""
    found = [column for column in likely_dates(sample.columns) if not sample.empty(column.name)]
    if not found:
        return Guess((), "no DATE, TIMESTAMP or DATETIME column has a value in every row (update times do not count)")
    name, type_ = found[0].name, found[0].type
    others = [column.name for column in found[1:] if column.type == type_]
    too = f"; {', '.join(others)} would also fit" if others else ""
    dates = list(sample.rows_by_date(name))
    span = f"{counted(len(dates), 'date')} from {dates[0]} to {dates[-1]}"
    within = f" in {sample.timezone}" if type_ == "TIMESTAMP" else ""
    return Guess((name,), f"{type_}, {span}{within}, never empty{too}")


def guess_row_id(sample: Sample) -> Guess:
    """Guess a column with a different UUID in each row: it identifies versions of a row, and is not part of a key."""
    for name in sample.of_type("STRING"):
        if sample.empty(name) or not sample.is_unique(name):
            continue
        if all(_UUID.fullmatch(str(value)) for value in sample.values(name)):
            return Guess((name,), "a different UUID in every row")
    return Guess((), "no column has a different UUID in every row")


def guess_key(sample: Sample, date_column: str, others: Sequence[str]) -> Guess:
    """Guess the key: the fewest columns that are unique within a date.

    Args:
        sample: The rows.
        date_column: The date column.
        others: Columns that have another role.
    """
    tried = [name for name in sample.of_type(*_KEY_TYPES) if name not in (date_column, *others)]
    tried = sorted(tried, key=lambda name: rank(name, _KEY_NAMES))[:_MOST_TRIED]
    for size in range(1, _LONGEST_KEY + 1):
        for names in combinations(tried, size):
            if sample.keys(date_column, names) == len(sample):
                return Guess(names, measured_key(sample, date_column, names))
    return Guess(
        (),
        f"no combination of up to {_LONGEST_KEY} columns is unique within a date in the "
        f"{counted(len(sample), 'row')} of {sample.origin}",
    )


def measured_key(sample: Sample, date_column: str, names: Sequence[str]) -> str:
    """Return how unique these columns are within a date, in a line.

    Args:
        sample: The rows.
        date_column: The date column.
        names: The columns.
    """
    distinct, rows = sample.keys(date_column, names), len(sample)
    if distinct == rows:
        return f"unique within a date: {counted(rows, 'key')} in {counted(rows, 'row')}"
    return (
        f"{counted(distinct, 'key')} in {counted(rows, 'row')}: "
        f"{counted(rows - distinct, 'row', 'has')} the same key as another row"
    )


def guess_newest_first(sample: Sample, date_column: str) -> Guess:
    """Guess the times at which a row was written, latest kind first; the date column is not one of them."""
    times = [name for name in sample.of_type("TIMESTAMP", "DATETIME") if name != date_column]
    times.sort(key=lambda name: rank(name, _NEWEST_NAMES))
    found = tuple(name for name in times if rank(name, _NEWEST_NAMES) < len(_NEWEST_NAMES))
    return Guess(found, "names of write times" if found else "no column has the name of a write time")


def guess_never_update(newest_first: Sequence[str]) -> tuple[str, ...]:
    """Return the columns with the time a row was first written."""
    return tuple(name for name in newest_first if _FIRST_WRITTEN.search(name.lower()))


def guess_active(sample: Sample) -> Guess:
    """Guess the BOOL column that marks rows that count."""
    for name in sample.of_type("BOOL"):
        if _ACTIVE_NAMES.match(name.lower()):
            return Guess((name,), "BOOL, with a fitting name")
    return Guess((), "no BOOL column has a fitting name: all rows count")
