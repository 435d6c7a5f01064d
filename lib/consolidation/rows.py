"""Convert rows of any origin to the main table's types, or refuse them with their place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from lib.consolidation.errors import StagedDataError
from lib.consolidation.placed_rows import PlacedRows
from lib.consolidation.values import is_missing, reader, shown_value
from lib.consolidation.warehouse import Column

if TYPE_CHECKING:
    import pyarrow

# Equal values of these types convert to the same result; 0.0 and -0.0 do not.
_READ_ALIKE = (str, int, bool, date)


def convert(rows: PlacedRows, columns: Sequence[Column], *, source: str, exact: Collection[str] = ()) -> pyarrow.Table:
    """Return these columns as an Arrow table of the given types; NUMERIC is decimal128(38, 9), and JSON is text.

    Empty text, NaN and infinities become NULL. Any other value that does not match its column's type is refused.

    Args:
        rows: The rows; they have every one of `columns`.
        columns: The types to convert to.
        source: What messages call the rows.
        exact: Columns in which a NUMERIC that would be rounded is refused; in others it is rounded.

    Raises:
        StagedDataError: A value does not match its column; names row or line, column, value and type. Or columns of
            this type cannot be staged; names the column.
    """
    import pyarrow

    values = [_converted(rows, column, source, exact=column.name in exact) for column in columns]
    return pyarrow.table({column.name: array for column, array in zip(columns, values, strict=True)})


def _converted(rows: PlacedRows, column: Column, source: str, *, exact: bool) -> pyarrow.Array:
    import pyarrow

    read = reader(column, exact=exact)
    if read is None:
        raise StagedDataError(
            f"{source}: column {column.name} is a {column.declared:.200}, which cannot be staged; omit the column"
        )
    distinct, numbers = _distinct(rows.columns[column.name])
    converted = []
    for number, value in enumerate(distinct):
        try:
            converted.append(read(value))
        # Values of other libraries have their own limits: years past 9999, nesting, digits.
        except (ValueError, TypeError, ArithmeticError, NotImplementedError, RecursionError):
            where = rows.places[numbers.index(number).as_py()]
            raise StagedDataError(
                f"{source}: {where}, column {column.name}: {shown_value(value)} is not a {column.declared}"
            ) from None
    return pyarrow.array(converted, _arrow_type(column)).take(numbers)


def _distinct(values: Sequence[Any] | pyarrow.ChunkedArray) -> tuple[Sequence[Any], pyarrow.Array]:
    """Return the values, and for each row the index of its value; null if it has none.

    If equal values may convert differently, such as ``1`` and ``True`` or ``0.0`` and ``-0.0``, each row keeps its own.
    """
    import pyarrow

    if isinstance(values, pyarrow.ChunkedArray):
        encoded = values.combine_chunks().dictionary_encode()
        return encoded.dictionary.to_pylist(), encoded.indices
    distinct: list[Any] = []
    numbers: list[int | None] = []
    known: dict[tuple[type, Any], int] = {}
    for value in values:
        kind, number = type(value), len(distinct)
        if kind in _READ_ALIKE:
            number = known.setdefault((kind, value), number)
        elif is_missing(value):
            numbers.append(None)
            continue
        if number == len(distinct):
            distinct.append(value)
        numbers.append(number)
    return distinct, pyarrow.array(numbers, pyarrow.int32())


def _arrow_type(column: Column) -> pyarrow.DataType:
    import pyarrow

    if element := column.element:
        return pyarrow.list_(_arrow_type(element))
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
    return known[column.type]()
