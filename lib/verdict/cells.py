"""The values of table cells, as HTML and for files.

Numbers are right-aligned, an id shows its first characters but is copied whole, and what was kept or removed is marked
with words, not only with colour. The page defines the styles; words and numbers are never broken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from html import escape
from math import isfinite
from typing import Any

from lib.verdict.live import is_live
from lib.words.dates import LocalTime
from lib.words.quantities import Duration, Quantity
from lib.words.text import printable, text_of
from lib.words.unbroken import unbroken

_LONGEST_IN_ONE_LINE = 28
_SHOWN_OF_AN_ID = 8
_UNIT = re.compile(r"(?<=,) (?=\S{1,3}$)")
NO_VALUE = "-"


class Id(str):
    """An id: the first eight characters are shown, all of them are copied."""


class Mark(StrEnum):
    """What a repair does with a row."""

    KEPT = "kept"
    REMOVED = "removed"


@dataclass(frozen=True)
class Difference:
    """A value in two rows: the one that is kept and the one that is removed."""

    kept: Any
    removed: Any

    def __str__(self) -> str:
        return f"{Mark.KEPT} {text_of(self.kept)}, {Mark.REMOVED} {text_of(self.removed)}"


@dataclass(frozen=True)
class Differences:
    """The columns in which rows differ.

    Attributes:
        by_column: The two values of each column, by its name.
        more: Further words; may be empty.
    """

    by_column: Mapping[str, Difference]
    more: str = ""

    def __str__(self) -> str:
        found = [f"{name}: {difference}" for name, difference in self.by_column.items()]
        return "; ".join([*found, *filter(None, [self.more])]) or NO_VALUE


def is_of_numbers(values: Sequence[Any]) -> bool:
    """Return whether a column holds only numbers and gaps."""
    known = [value for value in values if value is not None and value != NO_VALUE]
    return bool(known) and all(map(_is_number, known))


def heading(column: str, *, is_number: bool) -> str:
    """Return a column's heading as HTML, right-aligned above numbers."""
    name = _UNIT.sub("\N{NO-BREAK SPACE}", escape(text_of(column)))
    return f'<th scope="col"{_class("number" if is_number else "")}>{name}</th>'


def cell(value: Any, *, is_number: bool) -> str:
    """Return a cell as HTML. In JupyterLab a click on the heading sorts by value, not by text."""
    if isinstance(value, Id):
        return f"<td>{_id(value)}</td>"
    if isinstance(value, Mark):
        return f'<td><span class="mark {value}">{value}</span></td>'
    if isinstance(value, Difference):
        return f"<td{_class('number' if is_number else '')}>{_difference(value)}</td>"
    if isinstance(value, Differences):
        return f'<td class="long">{_differences(value)}</td>'
    if is_number:
        key = f' data-sort="{_sorted_by(value)}"' if is_live() else ""
        return f'<td class="number"{key}>{_safe(value)}</td>'
    text = text_of(value)
    is_long = len(text) > _LONGEST_IN_ONE_LINE and " " in text
    return f'<td class="long">{unbroken(text)}</td>' if is_long else f"<td>{escape(text)}</td>"


def marked_as(row: Sequence[Any]) -> str:
    """Return the HTML attribute of a row that shows what a repair does with it."""
    return _class(next((str(value) for value in row if isinstance(value, Mark)), ""))


def as_value(value: Any) -> Any:
    """Return the value behind a cell: the seconds of a duration, a datetime in UTC, the text of an enumeration."""
    if isinstance(value, Duration):
        return value.seconds
    if isinstance(value, LocalTime):
        return value.moment
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value
    if isinstance(value, Enum | Difference | Differences) or (isinstance(value, str) and type(value) is not str):
        return str(value)
    return value


def as_stored(value: Any) -> Any:
    """Return the value for a file: numbers, booleans and None unchanged, others as full text, times in ISO 8601."""
    value = as_value(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Decimal) and is_float(value):
        return float(value)
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    text = value.hex() if isinstance(value, bytes) else printable(str(value))
    return None if text == NO_VALUE else text


def is_float(value: Decimal) -> bool:
    """Return whether a float can represent it exactly."""
    return value.is_finite() and value == Decimal(repr(float(value)))


def _is_number(value: Any) -> bool:
    if isinstance(value, Difference):
        return _is_number(value.kept) and _is_number(value.removed)
    return isinstance(value, int | float | Decimal | Duration | Quantity) and not isinstance(value, bool | Enum)


def _sorted_by(value: Any) -> Any:
    if isinstance(value, Duration):
        return value.seconds
    return value.value if isinstance(value, Quantity) else NO_VALUE if value is None else value


def _id(value: str) -> str:
    whole = text_of(value)
    shown, rest = whole[:_SHOWN_OF_AN_ID], whole[_SHOWN_OF_AN_ID:]
    if not rest:
        return f'<code class="id">{escape(shown)}</code>'
    return f'<code class="id" title="{escape(whole)}">{escape(shown)}<span class="rest">{escape(rest)}</span></code>'


def _difference(value: Difference) -> str:
    """Hidden words are needed because screen readers do not announce these elements."""
    kept, removed = (f'<span class="hidden">{mark} </span>' for mark in Mark)
    return f"<ins>{kept}{_value(value.kept)}</ins> <del>{removed}{_value(value.removed)}</del>"


def _differences(value: Differences) -> str:
    found = [f"{unbroken(text_of(name))} {_difference(difference)}" for name, difference in value.by_column.items()]
    return "; ".join([*found, *([unbroken(text_of(value.more))] if value.more else [])]) or NO_VALUE


def _value(value: Any) -> str:
    return _id(value) if isinstance(value, Id) else unbroken(text_of(value))


def _class(names: str) -> str:
    return f' class="{names}"' if names else ""


def _safe(value: Any) -> str:
    return escape(text_of(value))
