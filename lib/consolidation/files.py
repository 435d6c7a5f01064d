"""A user's own file of rows, CSV, Parquet or JSON lines: values are read as they are, or refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from lib.consolidation.csv_file import read_csv
from lib.consolidation.errors import StagedDataError
from lib.consolidation.identifiers import shown_name
from lib.consolidation.rows import Place

if TYPE_CHECKING:
    import pandas
    import pyarrow

# The years 1 to 9999, in seconds since 1970.
_FIRST_SECOND = -62_135_596_800
_LAST_SECOND = 253_402_300_799


def read_rows(path: Path) -> pandas.DataFrame | pandas.Series[Any]:
    """Read a file's rows as they are; types are checked when the rows are staged.

    Returns:
        A frame of a CSV or Parquet file. Of JSON lines, a series with a mapping for each row, because rows of
        one file may have different fields. The index holds the lines of a text file (`Place.LINE`).

    Raises:
        StagedDataError: The file is not one of these kinds, cannot be read, can be read in two ways, or is empty.
    """
    readers: dict[str, Callable[[Path], pandas.DataFrame | pandas.Series[Any]]]
    readers = {".csv": read_csv, ".parquet": _read_parquet, ".jsonl": _read_json_lines, ".ndjson": _read_json_lines}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise StagedDataError(f"{path}: unknown kind of file; use {', '.join(readers)}")
    with _readable(path):
        rows = reader(path)
    if rows.empty:
        raise StagedDataError(f"{path} has no rows; nothing was staged")
    return rows


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StagedDataError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise StagedDataError(f"{path}: line {_line_of_no_text(path)} is not UTF-8 text") from error


def _line_of_no_text(path: Path) -> int:
    """Count in Latin-1, which reads any byte and ends its lines where UTF-8 does."""
    number = 1
    with path.open(encoding="latin-1") as lines:
        for number, line in enumerate(lines, start=1):  # noqa: B007 - the last line, if no line alone is at fault
            try:
                line.encode("latin-1").decode()
            except UnicodeDecodeError:
                break
    return number


def _read_json_lines(path: Path) -> pandas.Series[Any]:
    import pandas

    rows = dict(json_objects(path))
    return pandas.Series(list(rows.values()), pandas.Index(list(rows), name=Place.LINE), dtype=object)


def json_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file of JSON lines, each with the number of its line.

    Raises:
        StagedDataError: The file cannot be read, or a line is not a JSON object; names it.
    """
    with _readable(path), path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line, object_pairs_hook=_unambiguous, parse_float=_finite)
            except (ValueError, RecursionError) as error:
                raise StagedDataError(f"{path}: line {number} is not JSON: {_problem(error)}") from error
            if not isinstance(row, dict):
                raise StagedDataError(f"{path}: line {number} is not a JSON object")
            yield number, row


def _problem(error: Exception) -> str:
    """One line without the line number of JSON's reader, which counts in the line that it was given."""
    told = f"{error.msg}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
    return " ".join(told.split())[:200]


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name stands in it twice")
    for name in fields:
        name.encode()  # refuses half of a surrogate pair
    return fields


def _finite(number: str) -> float:
    """Refuse a number too large for a float: JSON's reader makes it infinity, which means "no value" here."""
    value = float(number)
    if math.isinf(value):
        raise ValueError(f"{number:.80} is too large a number")
    return value


def _read_parquet(path: Path) -> pandas.DataFrame:
    """Read integers as integers beside a NULL: as floats they would lose digits.

    What pandas noted in the file is ignored: it cannot be trusted more than the rest.
    """
    import pyarrow

    try:
        with path.open("rb") as file:
            table = _parquet_table(path, file)
        table.validate(full=True)
        _check_types(path, table)
        frame: pandas.DataFrame = table.to_pandas(integer_object_nulls=True, date_as_object=False)
    except (pyarrow.ArrowException, LookupError, ValueError) as error:
        problem = " ".join(str(error).split())[:200]
        raise StagedDataError(f"{path} is not a Parquet file: {problem}") from error
    return frame


def _parquet_table(path: Path, file: BinaryIO) -> pyarrow.Table:
    """Read times of Spark and Impala, INT96, in microseconds: nanoseconds do not reach beyond 1677 and 2262."""
    from pyarrow import parquet

    parts = parquet.ParquetFile(file, coerce_int96_timestamp_unit="us")
    leaves = [parts.schema.column(number) for number in range(len(parts.schema))]
    if int96 := sorted({leaf.path for leaf in leaves if leaf.physical_type == "INT96"}):
        _check_years(path, parquet.ParquetFile(file, coerce_int96_timestamp_unit="s").read(int96))
    return parts.read().replace_schema_metadata()


def _check_years(path: Path, seconds: pyarrow.Table) -> None:
    """Raise for a time outside the years 1 to 9999. Seconds hold every INT96; microseconds may wrap."""
    import pyarrow
    from pyarrow import compute

    for name, column in zip(seconds.column_names, seconds.columns, strict=True):
        if pyarrow.types.is_timestamp(column.type):
            since_1970 = column.cast(pyarrow.int64())
            outside = compute.or_(compute.less(since_1970, _FIRST_SECOND), compute.greater(since_1970, _LAST_SECOND))
            if (row := outside.index(True).as_py()) >= 0:
                where = f"{path}: row {row + 1}, column {shown_name(name)}"
                raise StagedDataError(f"{where}: a time outside the years 1 to 9999")


def _check_types(path: Path, table: pyarrow.Table) -> None:
    """Raise for a value that would become a bare number or stop the reader: times of day, durations, nested times."""
    from pyarrow import types

    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type
        refused = _holds_times(kind) if types.is_nested(kind) else types.is_time(kind) or types.is_duration(kind)
        if refused and (row := column.is_valid().index(True).as_py()) >= 0:
            where = f"{path}: row {row + 1}, column {shown_name(name)}"
            raise StagedDataError(f"{where}: a value of type {str(kind)!r:.80} cannot be staged")


def _holds_times(kind: pyarrow.DataType) -> bool:
    from pyarrow import types

    if types.is_nested(kind):
        return any(_holds_times(kind.field(number).type) for number in range(kind.num_fields))
    return bool(types.is_temporal(kind))
