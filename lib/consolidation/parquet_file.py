"""Read a Parquet file: each value is read exactly, or refused with its row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from lib.consolidation.errors import StagedDataError
from lib.consolidation.identifiers import shown_name
from lib.consolidation.placed_rows import PlacedRows, Places, check_each_once

if TYPE_CHECKING:
    import pyarrow

# The years 1 to 9999, in seconds and in days since 1970.
_SECONDS = (-62_135_596_800, 253_402_300_799)
_DAYS = (-719_162, 2_932_896)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6}


def read_parquet(path: Path) -> PlacedRows:
    """Read a file, with integers as integers and times in microseconds, truncated.

    The metadata that pandas writes is ignored, because the file may be written by anyone.

    Raises:
        StagedDataError: It is not a Parquet file, has a column twice, or has a value that cannot be staged: times of
            day, durations, maps, times inside lists or structs, and times outside the years 1 to 9999.
    """
    import pyarrow

    try:
        with path.open("rb") as file:
            table = _table(path, file)
        table.validate(full=True)
        check_each_once(table.column_names, str(path))
        columns = {
            name: _values(path, name, column) for name, column in zip(table.column_names, table.columns, strict=True)
        }
    except (pyarrow.ArrowException, LookupError, ValueError, OverflowError) as error:
        problem = " ".join(str(error).split())[:200]
        raise StagedDataError(f"{path} is not a Parquet file: {problem}") from error
    return PlacedRows(columns, Places(range(1, table.num_rows + 1)))


def _table(path: Path, file: BinaryIO) -> pyarrow.Table:
    """Read INT96 times (Spark, Impala) in microseconds, because nanoseconds only cover 1677 to 2262."""
    from pyarrow import parquet

    parts = parquet.ParquetFile(file, coerce_int96_timestamp_unit="us")
    leaves = [parts.schema.column(number) for number in range(len(parts.schema))]
    if int96 := sorted({leaf.path for leaf in leaves if leaf.physical_type == "INT96"}):
        # Seconds hold every INT96; microseconds may wrap.
        seconds = parquet.ParquetFile(file, coerce_int96_timestamp_unit="s").read(int96)
        for name, column in zip(seconds.column_names, seconds.columns, strict=True):
            _check_years(path, name, column)
    return parts.read().replace_schema_metadata()


def _values(path: Path, name: str, column: pyarrow.ChunkedArray) -> list[Any] | pyarrow.ChunkedArray:
    import pyarrow
    from pyarrow import types

    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind):
        return column.cast(pyarrow.large_string())
    if _is_refused(kind) and (row := column.is_valid().index(True).as_py()) >= 0:
        raise _refusal(path, name, row, f"a value of type {str(kind)!r:.80} cannot be staged")
    if types.is_timestamp(kind) or types.is_date(kind):
        _check_years(path, name, column)
    return _in_microseconds(column).to_pylist() if types.is_timestamp(kind) else column.to_pylist()


def _is_refused(kind: pyarrow.DataType, *, is_inside: bool = False) -> bool:
    """Refuse times of day and durations, which would become bare numbers, as any time inside another value might."""
    from pyarrow import types

    if types.is_nested(kind):
        inside = (kind.field(number).type for number in range(kind.num_fields))
        return types.is_map(kind) or any(_is_refused(one, is_inside=True) for one in inside)
    return bool(types.is_temporal(kind) and (is_inside or types.is_time(kind) or types.is_duration(kind)))


def _check_years(path: Path, name: str, column: pyarrow.ChunkedArray) -> None:
    """Raise for a time or date outside the range of Python's types."""
    import pyarrow
    from pyarrow import compute, types

    kind = column.type
    if types.is_date(kind):
        first, last = _DAYS
        numbers = column.cast(pyarrow.date32()).cast(pyarrow.int32())
    elif types.is_timestamp(kind) and kind.unit in _PER_SECOND:
        first, last = (second * _PER_SECOND[kind.unit] for second in _SECONDS)
        last += _PER_SECOND[kind.unit] - 1
        numbers = column.cast(pyarrow.int64())
    else:
        return
    outside = compute.or_(compute.less(numbers, first), compute.greater(numbers, last))
    if (row := outside.index(True).as_py()) >= 0:
        raise _refusal(path, name, row, "a time outside the years 1 to 9999")


def _in_microseconds(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    """Convert times to microseconds; those with a time zone become UTC, whatever zone the file names."""
    import pyarrow
    from pyarrow import compute

    unit, zone = column.type.unit, "UTC" if column.type.tz else None
    numbers = column.cast(pyarrow.int64())
    if unit == "ns":
        whole = compute.divide(numbers, 1000)
        is_later = compute.less(numbers, compute.multiply(whole, 1000))
        unit, numbers = "us", compute.subtract(whole, is_later.cast(pyarrow.int64()))
    return numbers.cast(pyarrow.timestamp(unit, zone))


def _refusal(path: Path, name: str, row: int, problem: str) -> StagedDataError:
    return StagedDataError(f"{path}: row {row + 1}, column {shown_name(name)}: {problem}")
