"""Convert a single value of any origin to a column's type, or refuse it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import partial
from numbers import Integral, Real
from typing import Any

from lib.consolidation.warehouse import Column
from lib.words.dates import iso_date

Reader = Callable[[Any], Any]

_TRUE = {"true", "t", "1", "yes"}
_FALSE = {"false", "f", "0", "no"}
_NO_NUMBER = {"nan", "inf", "infinity"}
_MISSING_IN_PANDAS = {"NAType", "NaTType"}
# NUMERIC has 29 digits before the point and 9 after it, and rounds half away from zero.
_NUMERIC = Context(prec=38, rounding=ROUND_HALF_UP)
_NUMERIC_PARAMETERS = (38, 9)


def reader(column: Column, *, exact: bool = False) -> Reader | None:
    """Return a function that converts values for a column; None if columns of its type cannot be staged.

    The function returns None for blank text, NaN and infinities. For a value that does not match the type it raises
    ValueError, TypeError, ArithmeticError, or another error of the value's own library.

    Args:
        column: The column.
        exact: Refuse a number that NUMERIC would round. Otherwise it is rounded half away from zero, as BigQuery
            documents for columns with parameters
            (https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#parameterized_data_types).
    """
    if column.type == "NUMERIC":
        read: Reader | None = partial(_numeric, parameters=column.parameters or _NUMERIC_PARAMETERS, exact=exact)
    elif column.type == "STRING" and column.parameters:
        read = partial(_short_text, longest=column.parameters[0])
    elif element := column.element:
        of_elements = reader(element, exact=exact)
        read = partial(_array, of_elements) if of_elements else None
    else:
        read = _READERS.get(column.type)
    return partial(_or_none, read) if read else None


def is_missing(value: Any) -> bool:
    """Return whether the value is None, NaN, or pandas' NA or NaT."""
    if isinstance(value, Decimal):
        return value.is_nan()
    if isinstance(value, float | Real):
        return bool(value != value)
    return value is None or type(value).__name__ in _MISSING_IN_PANDAS


def shown_value(value: Any) -> str:
    """Return a value for a message: one line, at most 80 characters."""
    try:
        return f"{value!r:.80}"
    except (ValueError, NotImplementedError, RecursionError):
        return f"a value of type {type(value).__name__}"


def _or_none(read: Reader, value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else read(value)


def _text(value: Any) -> str | None:
    """Remove NUL characters, because some systems end a text there and others refuse it."""
    if isinstance(value, str):
        value.encode()  # refuses half of a surrogate pair
        return value.replace("\0", "") or None
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError
    return str(int(value))


def _short_text(value: Any, *, longest: int) -> str | None:
    text = _text(value)
    if text is not None and len(text) > longest:
        raise ValueError
    return text


def _json(value: Any) -> str:
    """Refuse NaN and infinities, which Python writes in JSON but warehouses cannot read."""
    if isinstance(value, str):
        json.loads(value, parse_constant=_no_json)
        return value
    return json.dumps(value, allow_nan=False, default=_of_numpy)


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _of_numpy(value: Any) -> Any:
    """Convert numpy numbers and arrays to Python values; only they have `tolist`."""
    if not hasattr(value, "tolist"):
        raise TypeError
    return value.tolist()


def _decimal(value: Any) -> Decimal | None:
    """Return the exact number; None for NaN and infinities, which mean "no value" here."""
    if isinstance(value, bool) or not isinstance(value, str | Real | Decimal):
        raise ValueError
    text = str(value).strip()
    if text.lower().lstrip("+-") in _NO_NUMBER:
        return None
    # Python accepts 1_000 and digits of other scripts; warehouses do not.
    if "_" in text or not text.isascii():
        raise ValueError
    return Decimal(text)


def _float(value: Any) -> float | None:
    if type(value) is not float:
        value = _decimal(value)
        if value is not None and not math.isfinite(float(value)):
            raise ValueError
    # Adding zero turns -0.0 into 0.0, which is the same key.
    return float(value) + 0.0 if value is not None and math.isfinite(value) else None


def _integer(value: Any) -> int | None:
    number = _decimal(value)
    if number is None:
        return None
    if not -(2**63) <= number < 2**63 or number != number.to_integral_value():
        raise ValueError
    return int(number)


def _numeric(value: Any, *, parameters: tuple[int, ...], exact: bool) -> Decimal | None:
    """Round to precision and scale, the `parameters`; without a scale, numbers are whole."""
    number = _decimal(value)
    if number is None:
        return None
    precision, scale = (*parameters, 0)[:2]
    rounded = number.quantize(Decimal(1).scaleb(-min(scale, _NUMERIC_PARAMETERS[1])), context=_NUMERIC)
    if abs(rounded) >= 10 ** (precision - scale) or (exact and rounded != number):
        raise ValueError
    return rounded


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
    """A time without a zone is UTC; nanoseconds are truncated."""
    # A plain datetime skips the conversion through text, which takes ten times as long.
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


def _array(read: Reader, value: Any) -> list[Any]:
    """Read text as JSON. Refuse a value that would become NULL, because warehouses do not store NULL in arrays."""
    if isinstance(value, str):
        value = json.loads(value, parse_constant=_no_json)
    items = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(items, list | tuple):
        raise ValueError
    values = [None if is_missing(item) else read(item) for item in items]
    if None in values:
        raise ValueError
    return values


_READERS: dict[str, Reader] = {
    "STRING": _text,
    "JSON": _json,
    "INT64": _integer,
    "FLOAT64": _float,
    "BOOL": _boolean,
    "DATE": _date,
    "TIMESTAMP": _timestamp,
    "DATETIME": _datetime,
}
