"""Rows of any origin, converted to the main table's types or refused with their place."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum
from functools import partial
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from lib.consolidation.errors import StagedDataError
from lib.consolidation.warehouse import Column
from lib.words.dates import iso_date

if TYPE_CHECKING:
    import numpy
    import pandas
    import pyarrow

_TRUE = {"true", "t", "1", "yes"}
_FALSE = {"false", "f", "0", "no"}
_NO_NUMBER = {"nan", "inf", "infinity"}
# NUMERIC has 29 digits before the point and 9 after it, and rounds half away from zero.
_NUMERIC = Context(prec=38, rounding=ROUND_HALF_UP)


class Place(StrEnum):
    """The name of an index that holds each row's place, counted from 1."""

    LINE = "line"
    ROW = "row"


def place(index: pandas.Index[int], position: int) -> str:
    """Return ``line 3`` or ``row 3`` for the row at a position, counted from 0.

    Rows whose index is not named by a `Place`, such as a caller's own frame, are counted.
    """
    if isinstance(index.name, Place):
        return f"{index.name} {index[position]}"
    return f"{Place.ROW} {position + 1}"


def convert(frame: pandas.DataFrame, columns: Sequence[Column], *, source: str) -> pyarrow.Table:
    """The frame's columns as an Arrow table of the given types.

    Empty text, NaN and infinities become NULL. A value that is no value of its
    column's type is refused, never guessed.

    Args:
        frame: Has each of `columns`, once; its index may hold the places of its rows (`Place`).
        columns: The types to convert to.
        source: What the rows are called in messages.

    Raises:
        StagedDataError: Names the row or line, the column, the value and the type.
    """
    import pyarrow

    schema = pyarrow.schema([(column.name, _arrow_type(column.type)) for column in columns])
    values = [_converted(frame[column.name], column, source) for column in columns]
    return pyarrow.table(dict(zip(schema.names, values, strict=True)), schema=schema)


def _arrow_type(type_: str) -> pyarrow.DataType:
    import pyarrow

    known: dict[str, Callable[[], pyarrow.DataType]] = {
        "STRING": pyarrow.string,
        "INT64": pyarrow.int64,
        "FLOAT64": pyarrow.float64,
        "NUMERIC": lambda: pyarrow.decimal128(38, 9),
        "BOOL": pyarrow.bool_,
        "DATE": pyarrow.date32,
        "TIMESTAMP": lambda: pyarrow.timestamp("us", tz="UTC"),
        "DATETIME": lambda: pyarrow.timestamp("us"),
        "JSON": pyarrow.string,
    }
    if type_.startswith("ARRAY<"):
        return pyarrow.list_(_arrow_type(type_[6:-1]))
    if type_ not in known:
        raise StagedDataError(f"columns of type {type_} cannot be staged")
    return known[type_]()


def _converted(series: pandas.Series[Any], column: Column, source: str) -> pyarrow.Array:
    import pyarrow

    read = _reader(column.type)
    places, values = _distinct(series)
    converted = []
    for number, value in enumerate(values):
        try:
            converted.append(None if value is None or _is_blank(value) else read(value))
        # Values of other libraries have limits of their own: years past 9999, nesting, digits.
        except (ValueError, TypeError, ArithmeticError, NotImplementedError, RecursionError):
            where = place(series.index, int((places == number).argmax()))
            raise StagedDataError(
                f"{source}: {where}, column {column.name}: {_shown(value)} is not a {column.type}"
            ) from None
    distinct = pyarrow.array(converted, _arrow_type(column.type))
    return distinct.take(pyarrow.array(places, mask=places < 0))


def _distinct(series: pandas.Series[Any]) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Each value once, in the order of the rows, and the place of each row's value; -1 for none.

    Where equal values may be read differently, as ``1`` and ``True`` or ``0.0`` and ``-0.0``, each row keeps its own.
    """
    import numpy
    import pandas

    values = series.astype(object).to_numpy(copy=True)
    if series.dtype.kind in "biuM" or pandas.api.types.infer_dtype(series) == "string":
        return pandas.factorize(values)
    values[series.isna().to_numpy()] = None
    return numpy.arange(len(values)), values


def _shown(value: Any) -> str:
    try:
        return f"{value!r:.80}"
    except (ValueError, NotImplementedError, RecursionError):
        return f"such a {type(value).__name__}"


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


def _text(value: Any) -> str | None:
    """NUL ends a text in some places and is refused in others, so it is left out."""
    if isinstance(value, str):
        value.encode()  # refuses half of a surrogate pair
        return value.replace("\0", "") or None
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError
    return str(int(value))


def _json(value: Any) -> str:
    """Python's JSON has NaN and infinities, which no warehouse reads."""
    if isinstance(value, str):
        json.loads(value, parse_constant=_no_json)
        return value
    return json.dumps(value, allow_nan=False)


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _decimal(value: Any) -> Decimal | None:
    """Exact; None for NaN and infinities, which mean "no value" here."""
    if isinstance(value, bool) or not isinstance(value, str | Real | Decimal):
        raise ValueError
    text = str(value).strip()
    if text.lower().lstrip("+-") in _NO_NUMBER:
        return None
    # Python reads 1_000 and the digits of other scripts; a warehouse does not.
    if "_" in text or not text.isascii():
        raise ValueError
    return Decimal(text)


def _float(value: Any) -> float | None:
    if type(value) is not float:
        value = _decimal(value)
        if value is not None and not math.isfinite(float(value)):
            raise ValueError
    # Adding zero turns -0.0 into 0.0: they are one key.
    return float(value) + 0.0 if value is not None and math.isfinite(value) else None


def _integer(value: Any) -> int | None:
    number = _decimal(value)
    if number is None:
        return None
    if not -(2**63) <= number < 2**63 or number != number.to_integral_value():
        raise ValueError
    return int(number)


def _numeric(value: Any) -> Decimal | None:
    number = _decimal(value)
    return None if number is None else number.quantize(Decimal("1e-9"), context=_NUMERIC)


def _boolean(value: Any) -> bool | None:
    text = str(value).strip().lower().removesuffix(".0")
    if text in _NO_NUMBER:
        return None
    if text not in _TRUE | _FALSE:
        raise ValueError
    return text in _TRUE


def _date(value: Any) -> date:
    if type(value) is date:
        return value
    return iso_date(_iso_text(value).replace(" ", "T").removesuffix("T00:00:00"))


def _timestamp(value: Any) -> datetime:
    """A time without a zone is UTC; nanoseconds are cut off."""
    # Text only for what is no plain datetime: to write and read it takes ten times as long.
    moment = value if type(value) is datetime else datetime.fromisoformat(_iso_text(value).removesuffix(" UTC"))
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _iso_text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if not isinstance(value, date):
        raise ValueError
    return value.isoformat()


def _datetime(value: Any) -> datetime:
    return _timestamp(value).replace(tzinfo=None)


def _array(read: Callable[[Any], Any], value: Any) -> list[Any]:
    """Text is JSON. A value that would become NULL is refused: no warehouse keeps one in an array."""
    if isinstance(value, str):
        value = json.loads(value, parse_constant=_no_json)
    items = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(items, list | tuple):
        raise ValueError
    values = [None if _is_blank(item) else read(item) for item in items]
    if None in values:
        raise ValueError
    return values


def _reader(type_: str) -> Callable[[Any], Any]:
    return partial(_array, _READERS[type_[6:-1]]) if type_.startswith("ARRAY<") else _READERS[type_]


_READERS: dict[str, Callable[[Any], Any]] = {
    "STRING": _text,
    "JSON": _json,
    "INT64": _integer,
    "FLOAT64": _float,
    "NUMERIC": _numeric,
    "BOOL": _boolean,
    "DATE": _date,
    "TIMESTAMP": _timestamp,
    "DATETIME": _datetime,
}
