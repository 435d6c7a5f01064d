"""A Parquet file whose values are read as they are, or refused: none is wrapped into another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lib.consolidation.errors import StagedDataError
from lib.consolidation.identifiers import shown_name

if TYPE_CHECKING:
    import pandas
    import pyarrow

# The years 1 to 9999, in seconds since 1970.
_FIRST_SECOND = -62_135_596_800
_LAST_SECOND = 253_402_300_799


def read_parquet(path: Path) -> pandas.DataFrame:
    """Read integers as integers beside a NULL: as floats they would lose digits.

    What pandas noted in the file is ignored: it cannot be trusted more than the rest.

    Raises:
        StagedDataError: Not a Parquet file, or a value that cannot be read as it is.
    """
    import pyarrow

    try:
        with path.open("rb") as file:
            table = _table(path, file)
        table.validate(full=True)
        _check_types(path, table)
        frame: pandas.DataFrame = table.to_pandas(integer_object_nulls=True, date_as_object=False)
    except (pyarrow.ArrowException, LookupError, ValueError) as error:
        problem = " ".join(str(error).split())[:200]
        raise StagedDataError(f"{path} is not a Parquet file: {problem}") from error
    return frame


def _table(path: Path, file: BinaryIO) -> pyarrow.Table:
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
