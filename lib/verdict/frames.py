"""Rows as a DataFrame with real types: aware datetimes in UTC, numbers as numbers, complete ids and texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from lib.verdict.cells import NO_VALUE, as_value, is_float
from lib.words.quantities import Quantity

if TYPE_CHECKING:
    import pandas

_INTEGERS = range(-(2**63), 2**63)


def frame_of(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> pandas.DataFrame:
    """Return the rows as a DataFrame; a column of mixed types has dtype object.

    Args:
        columns: Column names; a repeated name gets a number.
        rows: One sequence per row, with one value per column; see `lib.verdict.cells` for special values.
    """
    import pandas

    found = [list(map(as_value, row)) for row in rows]
    names = _unique(columns)
    return pandas.DataFrame({name: _series([row[at] for row in found]) for at, name in enumerate(names)}, columns=names)


def _unique(columns: Sequence[str]) -> list[str]:
    names: list[str] = []
    for column in columns:
        numbered = (column if number == 1 else f"{column} {number}" for number in range(1, len(columns) + 1))
        names.append(next(name for name in numbered if name not in names))
    return names


def _series(values: Sequence[Any]) -> pandas.Series[Any]:
    import pandas

    values = _without_dashes(values)
    known = [value for value in values if value is not None]
    has_gaps = len(known) < len(values)
    kind = next((name for name, fits in _KINDS if known and all(map(fits, known))), "object")
    if kind == "float64":
        return pandas.Series([None if value is None else float(value) for value in values], dtype="float64")
    if has_gaps:
        # NumPy's types have no missing values, and integers would become floats.
        kind = {"bool": "boolean", "int64": "Int64"}.get(kind, kind)
    return pandas.Series(list(values), dtype=kind)


def _without_dashes(values: Sequence[Any]) -> list[Any]:
    """Tables show a dash for a missing value; in a column of texts it may be real text."""
    plain = [value.value if isinstance(value, Quantity) else value for value in values]
    if any(isinstance(value, str) and value != NO_VALUE for value in plain):
        return [str(value) if isinstance(value, Quantity) else value for value in values]
    is_text = all(value is None or value == NO_VALUE for value in plain)
    return plain if is_text else [None if isinstance(value, str) else value for value in plain]


def _is_integer(value: Any) -> bool:
    return type(value) is int and value in _INTEGERS


def _is_number(value: Any) -> bool:
    return _is_integer(value) or isinstance(value, float) or (isinstance(value, Decimal) and is_float(value))


_KINDS: Sequence[tuple[str, Callable[[Any], bool]]] = (
    ("bool", lambda value: isinstance(value, bool)),
    ("int64", _is_integer),
    ("float64", _is_number),
    ("datetime64[us, UTC]", lambda value: isinstance(value, datetime) and value.tzinfo is not None),
    ("datetime64[us]", lambda value: isinstance(value, datetime) and value.tzinfo is None),
)
