"""Read a CSV file that has only one reading: commas, and quotes that enclose a value and are doubled inside it.

The only parser is Python's own in strict mode; a second one could read the same file differently.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, TextIO

from lib.consolidation.errors import StagedDataError
from lib.consolidation.placed_rows import LINE, PlacedRows, Places, check_each_once
from lib.words.nouns import counted

_LONGEST_VALUE = 2**31 - 1
# Larger chunks are slower, because Python's garbage collector keeps scanning their values.
_ROWS_AT_ONCE = 1000
_NEVER_CLOSED = "a quote is opened and never closed; a quote is missing, or the file is truncated"
_AFTER_A_QUOTE = (
    "text after a closing quote (on line {line}); enclose the whole value, and double each quote inside it "
    "instead of using a backslash"
)
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_ENCLOSED = re.compile(r'("[^"]*"|[^",]*)(,("[^"]*"|[^",]*))*')
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


# The line on which a record begins, its values, and the text of its lines; the text is empty if it has no quote.
_Record = tuple[int, list[str], tuple[str, ...]]


def read_csv(path: Path) -> PlacedRows:
    """Read every value as text: an id of digits keeps its leading zeros, and a name may be NA.

    Returns:
        One row for each record after the header; its place is the line on which the record begins.

    Raises:
        StagedDataError: A line is not CSV, has more or fewer values than the header or has two readings, or a column
            name appears twice.
    """
    import pyarrow

    # The limit applies to the whole process. Restoring it could break a file that another thread is reading.
    csv.field_size_limit(_LONGEST_VALUE)
    _check_separator(path)
    lines: list[int] = []
    chunks: list[list[pyarrow.Array]] = []
    with _opened(path) as file:
        records = _with_one_reading(path, file)
        _, names, _ = next(records, (0, [], ()))
        while chunk := list(islice(records, _ROWS_AT_ONCE)):
            lines += [line for line, _, _ in chunk]
            columns = zip(*(values for _, values, _ in chunk), strict=True)
            chunks.append([pyarrow.array(column, pyarrow.large_string()) for column in columns])
    check_each_once(names, str(path))
    arrays = zip(*chunks, strict=True) if chunks else [()] * len(names)
    columns_by_name = {
        name: pyarrow.chunked_array(parts, pyarrow.large_string()) for name, parts in zip(names, arrays, strict=True)
    }
    return PlacedRows(columns_by_name, Places(lines, LINE))


def _opened(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", newline="")


def _check_separator(path: Path) -> None:
    """Check the first line for another separator; later checks would refuse it with a less helpful message."""
    with _opened(path) as file:
        first = next(filter(str.strip, file), "").strip("\r\n")
    if first.lower().startswith("sep=") and len(first) <= len("sep=;"):
        raise StagedDataError(f"{path}: the first line is Excel's {first!r}; remove it and separate values by commas")
    for separator, name in _OTHER_SEPARATORS.items():
        if separator in first and "," not in first:
            raise StagedDataError(f"{path}: values are separated by {name}; save the file with commas")


def _with_one_reading(path: Path, file: TextIO) -> Iterator[_Record]:
    """Yield the header and the rows, each checked to have one reading; the last check follows the last row."""
    width = 0
    has_escapes = False
    for record in _records(path, file):
        _, values, text = record
        width = width or len(values)
        if len(values) != width or text:
            _check(path, record, width)
            has_escapes = has_escapes or any('\\"' in line for line in text)
        yield record
    if has_escapes:
        _refuse_escaped_reading(path, width)


def _records(path: Path, file: TextIO, **dialect: Any) -> Iterator[_Record]:
    """Yield the records of a file, without blank lines."""
    text: list[str] = []
    is_at_end = False

    def lines() -> Iterator[str]:
        nonlocal is_at_end
        for line in file:
            if text or '"' in line:
                text.append(line)
            yield line
        is_at_end = True

    reader = csv.reader(lines(), strict=True, **dialect)
    while True:
        text.clear()
        line = reader.line_num + 1
        try:
            values = next(reader, None)
        except csv.Error as error:
            problem = _NEVER_CLOSED if is_at_end else _AFTER_A_QUOTE.format(line=reader.line_num)
            raise StagedDataError(f"{path}: line {line}: {problem}") from error
        if values is None:
            return
        if len(values) > 1 or text or "".join(values).strip():
            yield line, values, tuple(text)


def _check(path: Path, record: _Record, width: int) -> None:
    """Raise for a record that the parser accepts but that is not one row, or may be several."""
    line, values, text = record
    if _has_stray_quote("".join(text)):
        problem = "a quote inside a value that does not begin with one; enclose the value, and double that quote"
    elif len(values) != width:
        problem = f"{counted(len(values), 'value')}, but the header has {width}"
    elif len(text) > 1 and all(part.count(",") == width - 1 for part in text if part.strip()):
        problem = (
            f"a quote is closed on line {line + len(text) - 1}, but without it each of these lines is a complete row, "
            "so this is one row or several; add the missing quote, or remove the line breaks from the value"
        )
    else:
        return
    raise StagedDataError(f"{path}: line {line}: {problem}")


def _has_stray_quote(text: str) -> bool:
    """Return whether a quote opens where no value begins.

    Every second piece between quotes is outside them. Before a quote, such a piece ends with a comma, or is empty at
    the start of the record and inside a doubled quote.
    """
    return any(before and before[-1] != "," for before in text.split('"')[:-1:2])


def _refuse_escaped_reading(path: Path, width: int) -> None:
    """Raise if the whole file is also valid with backslash-escaped quotes, but reads differently."""
    line = 0
    with _opened(path) as file, _opened(path) as again:
        escaped = _records(path, again, escapechar="\\", doublequote=False)
        try:
            for record, other in zip_longest(_records(path, file), escaped):
                if other and not (len(other[1]) == width and _encloses_with_escapes("".join(other[2]))):
                    return
                if not line and not (record and other and record[1] == other[1]):
                    line = (record or other)[0]
        except StagedDataError:
            return
    if line:
        raise StagedDataError(
            f"{path}: line {line}: a backslash before a quote is ambiguous; double each quote inside a value, "
            "and do not end a value with a backslash"
        )


def _encloses_with_escapes(text: str) -> bool:
    """Return whether unescaped quotes only enclose values; without doubled quotes the parser is not strict."""
    return _ENCLOSED.fullmatch(_ESCAPED.sub("_", text).rstrip("\r\n")) is not None
