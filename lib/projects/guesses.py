"""What the columns of a table most likely are, each guess with the evidence for it.

A name is a hint, and only orders what is tried; that a key is one is measured.
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
        columns: None of them: nothing speaks for any.
        evidence: What speaks for them, in a line.
    """

    columns: tuple[str, ...]
    evidence: str


def guess_date(sample: Sample) -> Guess:
    """The likeliest DATE column that every row has a value in; without one, a TIMESTAMP or DATETIME column."""
    found = [column for column in likely_dates(sample.columns) if not sample.empty(column.name)]
    if not found:
        return Guess(
            (), "no DATE, TIMESTAMP or DATETIME column has a value in every row; times of updates do not count"
        )
    name, type_ = found[0].name, found[0].type
    others = [column.name for column in found[1:] if column.type == type_]
    too = f"; {', '.join(others)} would do, too" if others else ""
    dates = list(sample.rows_by_date(name))
    span = f"{counted(len(dates), 'date')} from {dates[0]} to {dates[-1]}"
    within = f" in {sample.timezone}" if type_ == "TIMESTAMP" else ""
    return Guess((name,), f"{type_}, {span}{within}, never empty{too}")


def guess_row_id(sample: Sample) -> Guess:
    """A column with another UUID in each row: it tells generations of a row apart, and is no part of a key."""
    for name in sample.of_type("STRING"):
        if sample.empty(name) or not sample.is_unique(name):
            continue
        if all(_UUID.fullmatch(str(value)) for value in sample.values(name)):
            return Guess((name,), "another UUID in every row")
    return Guess((), "no column has another UUID in every row")


def guess_key(sample: Sample, date_column: str, others: Sequence[str]) -> Guess:
    """The fewest columns that no two rows of a date have in common.

    Args:
        others: Columns that are something else already.
    """
    tried = [name for name in sample.of_type(*_KEY_TYPES) if name not in (date_column, *others)]
    tried = sorted(tried, key=lambda name: rank(name, _KEY_NAMES))[:_MOST_TRIED]
    for size in range(1, _LONGEST_KEY + 1):
        for names in combinations(tried, size):
            if sample.keys(date_column, names) == len(sample):
                return Guess(names, measured_key(sample, date_column, names))
    return Guess(
        (),
        f"no {counted(_LONGEST_KEY, 'column')} or fewer tell the {counted(len(sample), 'row')} of "
        f"{sample.origin} apart",
    )


def measured_key(sample: Sample, date_column: str, names: Sequence[str]) -> str:
    """How unique these columns are within a date, in a line."""
    distinct, rows = sample.keys(date_column, names), len(sample)
    if distinct == rows:
        return f"unique within a date: {counted(rows, 'key')} in {counted(rows, 'row')}"
    return (
        f"{counted(distinct, 'key')} in {counted(rows, 'row')}: "
        f"{counted(rows - distinct, 'row', 'has')} the key of another one"
    )


def guess_newest_first(sample: Sample, date_column: str) -> Guess:
    """The moments at which a row was written, the latest kind first; that of its date says when it is of."""
    times = [name for name in sample.of_type("TIMESTAMP", "DATETIME") if name != date_column]
    times.sort(key=lambda name: rank(name, _NEWEST_NAMES))
    found = tuple(name for name in times if rank(name, _NEWEST_NAMES) < len(_NEWEST_NAMES))
    return Guess(found, "named as the times at which rows are written" if found else "no time is named so")


def guess_never_update(newest_first: Sequence[str]) -> tuple[str, ...]:
    """When a row was first written."""
    return tuple(name for name in newest_first if _FIRST_WRITTEN.search(name.lower()))


def guess_active(sample: Sample) -> Guess:
    """A BOOL column that says whether a row counts."""
    for name in sample.of_type("BOOL"):
        if _ACTIVE_NAMES.match(name.lower()):
            return Guess((name,), "BOOL, and named so")
    return Guess((), "no BOOL column is named so: all rows count")
