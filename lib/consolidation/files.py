"""Read a user's file of rows (CSV, Parquet or JSON lines): each value is read exactly, or refused."""

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
    """Read a file's rows unchanged; types are checked when the rows are staged.

    Returns:
        The columns of a CSV or Parquet file. For JSON lines, a mapping for each row, because the rows of one file may
        have different fields. In a text file a row's place is its line.

    Raises:
        StagedDataError: The file has another format, cannot be read, is ambiguous, or is empty.
    """
    readers: dict[str, Callable[[Path], PlacedRows | PlacedMappings]]
    readers = {".csv": read_csv, ".parquet": read_parquet, ".jsonl": _read_json_lines, ".ndjson": _read_json_lines}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise StagedDataError(f"{path}: unknown file type; use {', '.join(readers)}")
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
    """Return the first line that is not UTF-8. Lines are counted in Latin-1, which can read any byte."""
    number = 1
    with path.open(encoding="latin-1") as lines:
        for number, line in enumerate(lines, start=1):  # noqa: B007 - the last line, if each line alone is valid
            try:
                line.encode("latin-1").decode()
            except UnicodeDecodeError:
                break
    return number


def _read_json_lines(path: Path) -> PlacedMappings:
    rows = dict(json_objects(path))
    return PlacedMappings(list(rows.values()), Places(list(rows), LINE))


def json_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a file of JSON lines, each with its line number.

    Raises:
        StagedDataError: The file cannot be read, or a line is not a JSON object; names the line.
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
    """Return the problem in one line, without the parser's line number, which is always 1 here."""
    problem = f"{error.msg}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
    return " ".join(problem.split())[:200]


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name appears twice")
    for name in fields:
        name.encode()  # refuses half of a surrogate pair
    return fields


def _finite(number: str) -> float:
    """Refuse a number too large for a float: the JSON parser makes it infinity, which means "no value" here."""
    value = float(number)
    if math.isinf(value):
        raise ValueError(f"{number:.80} is too large")
    return value
