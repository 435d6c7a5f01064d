"""A user's own file of rows: CSV, Parquet or JSON lines."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.consolidation.csv_file import read_csv
from lib.consolidation.errors import StagedDataError
from lib.consolidation.parquet_file import read_parquet
from lib.consolidation.rows import Place

if TYPE_CHECKING:
    import pandas


def read_rows(path: Path) -> pandas.DataFrame | pandas.Series[Any]:
    """Read a file's rows as they are; types are checked when the rows are staged.

    Returns:
        A frame of a CSV or Parquet file. Of JSON lines, a series with a mapping for each row, because rows of
        one file may have different fields. The index holds the lines of a text file (`Place.LINE`).

    Raises:
        StagedDataError: The file is not one of these kinds, cannot be read, can be read in two ways, or is empty.
    """
    readers: dict[str, Callable[[Path], pandas.DataFrame | pandas.Series[Any]]]
    readers = {".csv": read_csv, ".parquet": read_parquet, ".jsonl": _read_json_lines, ".ndjson": _read_json_lines}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise StagedDataError(f"{path}: unknown kind of file; use {', '.join(readers)}")
    try:
        rows = reader(path)
    except OSError as error:
        raise StagedDataError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise StagedDataError(f"{path}: line {_line_of_no_text(path)} is not UTF-8 text") from error
    if rows.empty:
        raise StagedDataError(f"{path} has no rows; nothing was staged")
    return rows


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

    rows, places = [], []
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line, object_pairs_hook=_unambiguous, parse_float=_finite)
            except (ValueError, RecursionError) as error:
                raise StagedDataError(f"{path}: line {number} is not JSON: {_problem(error)}") from error
            if not isinstance(row, dict):
                raise StagedDataError(f"{path}: line {number} is not a JSON object")
            rows.append(row)
            places.append(number)
    return pandas.Series(rows, pandas.Index(places, name=Place.LINE), dtype=object)


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
