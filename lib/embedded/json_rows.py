"""Reads JSON lines exported from a table: infers each column's type from all rows, then returns typed rows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.consolidation.errors import StagedDataError
from lib.consolidation.files import json_objects
from lib.words.dates import iso_date

if TYPE_CHECKING:
    import pyarrow

_ROWS_A_BATCH = 5_000
_LONGEST_TIME = 40
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(?:\.\d{1,9})?( ?UTC|Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,38}(?:\.\d{1,38})?|NaN|-?Infinity", re.ASCII)
_BOOLS = {"true": True, "false": False}
# Texts that are read as numbers or bools in a column that is known to have them.
_NUMBER_TEXT, _BOOL_TEXT = "text of a number", "text of a bool"
_NUMBERS = {"INT64", "FLOAT64"}
_TIMES = {"TIMESTAMP", "DATETIME"}
_TEXTS = {"STRING", "DATE", *_TIMES, _NUMBER_TEXT, _BOOL_TEXT}
_NO_ITEMS = "ARRAY<>"


def kinds_of(path: Path) -> dict[str, set[str]]:
    """Return the kinds of values in each column, for `type_of`; columns in order of first appearance.

    Raises:
        StagedDataError: The file cannot be read, or a line is not a JSON object; names the line.
    """
    kinds: dict[str, set[str]] = {}
    for number, row in json_objects(path):
        if not row:
            raise StagedDataError(f"{path}: line {number} has no columns")
        for name, value in row.items():
            found = kinds.setdefault(name, set())
            if value is None:
                continue
            kind = _kind(value)
            if kind == "INT64" and not -(2**63) <= value < 2**63:
                raise StagedDataError(f"{path}: line {number}: {value!r:.40} is too large for a number")
            found.add(kind)
    return kinds


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return kind_of_text(value)
    if isinstance(value, list):
        return _kind_of_list({"STRING" if isinstance(item, str) else _kind(item) for item in value})
    return {bool: "BOOL", int: "INT64", float: "FLOAT64"}.get(type(value), "JSON")


def _kind_of_list(items: set[str]) -> str:
    if not items:
        return _NO_ITEMS
    item = "FLOAT64" if items == _NUMBERS else "JSON" if len(items) > 1 else items.pop()
    return f"ARRAY<{item}>" if item in {"STRING", "BOOL", *_NUMBERS} else "JSON"


def kind_of_text(text: str) -> str:
    if len(text) > _LONGEST_TIME:
        return "STRING"
    if text in _BOOLS:
        return _BOOL_TEXT
    if _NUMBER.fullmatch(text):
        return _NUMBER_TEXT
    time = _TIME.fullmatch(text)
    try:
        if time is None:
            iso_date(text)
            return "DATE"
        datetime.fromisoformat(text[:19])
    except ValueError:
        return "STRING"
    # BigQuery prints a DATETIME with a T and without a zone.
    return "DATETIME" if time[1] == "T" and not time[2] else "TIMESTAMP"


def type_of(kinds: set[str], known: str = "") -> str:
    """Return the GoogleSQL type of a column that can hold values of all these kinds without loss.

    Text stays text, except dates and times. Numbers and bools written as text count as such if the column is
    known to have them, or has others. Anything else is JSON.

    Args:
        kinds: Kinds from `kinds_of`.
        known: The known type of a column of this name; empty if unknown.
    """
    if not kinds or (known == "STRING" and kinds <= _TEXTS):
        return known or "STRING"
    if kinds <= {*_NUMBERS, _NUMBER_TEXT}:
        return _type_of_numbers(kinds, known)
    if kinds <= {"BOOL", _BOOL_TEXT}:
        return "BOOL" if "BOOL" in kinds or known == "BOOL" else "STRING"
    if kinds <= _TIMES:
        return "DATETIME" if kinds == {"DATETIME"} and known != "TIMESTAMP" else "TIMESTAMP"
    if kinds <= _TEXTS:
        return "DATE" if kinds == {"DATE"} else "STRING"
    return _type_of_arrays(kinds - {_NO_ITEMS}) if all(kind.startswith("ARRAY<") for kind in kinds) else "JSON"


def _type_of_arrays(kinds: set[str]) -> str:
    if kinds == {"ARRAY<INT64>", "ARRAY<FLOAT64>"}:
        return "ARRAY<FLOAT64>"
    return "JSON" if len(kinds) > 1 else next(iter(kinds), "ARRAY<STRING>")


def _type_of_numbers(kinds: set[str], known: str) -> str:
    if known in _NUMBERS:
        return known
    if kinds == {"INT64"}:
        return "INT64"
    return "STRING" if kinds == {_NUMBER_TEXT} else "FLOAT64"


def batches_of(path: Path, types: Mapping[str, str]) -> Iterator[pyarrow.Table]:
    """Yield the rows in the file's order, a few thousand at a time; NULL where a row lacks a column.

    Dates, times and JSON stay text; the warehouse casts them.

    Args:
        path: A file that `kinds_of` has read.
        types: GoogleSQL types by column, from `type_of`.

    Raises:
        StagedDataError: A text is not valid Unicode; names the line.
    """
    import pyarrow

    arrow = {"INT64": pyarrow.int64(), "FLOAT64": pyarrow.float64(), "BOOL": pyarrow.bool_()}
    fields = {name: arrow.get(_item(type_), pyarrow.string()) for name, type_ in types.items()}
    schema = pyarrow.schema(
        (name, pyarrow.list_(field) if types[name].startswith("ARRAY<") else field) for name, field in fields.items()
    )
    rows = json_objects(path)
    while part := list(islice(rows, _ROWS_A_BATCH)):
        try:
            yield _table([row for _, row in part], types, schema)
        except (ValueError, RecursionError):
            line = next(number for number, row in part if not _fits(row, types, schema))
            raise StagedDataError(f"{path}: line {line} contains text that is not valid Unicode") from None


def _table(rows: Sequence[Mapping[str, Any]], types: Mapping[str, str], schema: pyarrow.Schema) -> pyarrow.Table:
    import pyarrow

    values = (
        pyarrow.array([_value(row.get(name), type_) for row in rows], schema.field(name).type)
        for name, type_ in types.items()
    )
    return pyarrow.table(list(values), schema=schema)


def _fits(row: Mapping[str, Any], types: Mapping[str, str], schema: pyarrow.Schema) -> bool:
    try:
        return bool(_table([row], types, schema).num_rows)
    except (ValueError, RecursionError):
        return False


def _item(type_: str) -> str:
    return type_.removeprefix("ARRAY<").removesuffix(">")


def _value(value: Any, type_: str) -> Any:
    read = _READERS.get(_item(type_))
    if value is None or read is None:
        return value
    return [read(item) for item in value] if type_.startswith("ARRAY<") else read(value)


_READERS: dict[str, Callable[[Any], Any]] = {
    "FLOAT64": float,
    "BOOL": lambda value: _BOOLS.get(value, value),
    "JSON": lambda value: json.dumps(value, ensure_ascii=False),
}
