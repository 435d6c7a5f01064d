"""A user's own file of rows, CSV, Parquet or JSON lines: values are read as they are, or refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lib.consolidation.csv_file import read_csv
from lib.consolidation.errors import StagedDataError
from lib.consolidation.parquet_file import read_parquet
from lib.consolidation.placed_rows import LINE, PlacedMappings, PlacedRows, Places


def read_rows(path: Path) -> PlacedRows | PlacedMappings:
    """Read a file's rows as they are; types are checked when the rows are staged.

    Returns:
        The columns of a CSV or Parquet file; of JSON lines, a mapping for each row, because rows of one file may have
        different fields. In a text file a row's place is its line.

    Raises:
        StagedDataError: The file is not one of these kinds, cannot be read, can be read in two ways, or is empty.
    """
    readers: dict[str, Callable[[Path], PlacedRows | PlacedMappings]]
    readers = {".csv": read_csv, ".parquet": read_parquet, ".jsonl": _read_json_lines, ".ndjson": _read_json_lines}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise StagedDataError(f"{path}: unknown kind of file; use {', '.join(readers)}")
    with _readable(path):
        rows = reader(path)
    if not len(rows):
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


def _read_json_lines(path: Path) -> PlacedMappings:
    rows = dict(json_objects(path))
    return PlacedMappings(list(rows.values()), Places(list(rows), LINE))


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
