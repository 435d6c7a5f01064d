"""Write all rows of the tables in an executed notebook to files next to its report.

What a notebook displays is hostile input. So file names are simplified, secrets are masked before anything is
written, and no text in a CSV file is a formula to a spreadsheet. The size of all files of a run is limited, and
the page reports rows that were left out.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lib.archive.archive import TABLES
from lib.runbooks.markup import joined
from lib.verdict.all_rows import MEDIA_TYPE, MOST_CHARACTERS, MOST_ROWS, Room
from lib.words.secrets.names import says_password, says_secret
from lib.words.secrets.redaction import Redactor
from lib.words.text import one_line, text_of
from lib.words.unbroken import unbroken

if TYPE_CHECKING:
    import pyarrow

_MOST_CSV_ROWS = 50_000
_LONGEST_NAME = 60
# See https://owasp.org/www-community/attacks/CSV_Injection
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MOST_FILES = 200
_LIMIT = f"the limit per run is {MOST_ROWS:,} rows, {MOST_CHARACTERS // 1_000_000} MB and {_MOST_FILES} files"


def take_row_files(notebook: Mapping[str, Any], redactor: Redactor) -> dict[str, bytes]:
    """Replace each table's rows in the notebook with a link to a file.

    Args:
        notebook: The executed notebook (nbformat 4); changed in place.
        redactor: Masks secrets in the files and their names.

    Returns:
        The files' contents, by path in the run's folder.
    """
    files = _Files()
    for bundle in _bundles(notebook):
        table = bundle.pop(MEDIA_TYPE)
        is_whole = _is_table(table)
        note = files.add(_masked(table, redactor)) if is_whole else "Not in a file: the displayed data is malformed."
        bundle["text/html"] = f'{joined(bundle.get("text/html", ""))}<p class="note">{note}</p>'
    return files.contents


class _Files:
    """The files of one run; equal tables share a file."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self._room = Room()
        self._known: list[tuple[Mapping[str, Any], str]] = []

    def add(self, table: Mapping[str, Any]) -> str:
        """Add the table's file, and return an HTML link to it."""
        note = next((note for known, note in self._known if known == table), "")
        if not note:
            note = self._filed(table)
            self._known.append((table, note))
        return note

    def _filed(self, table: Mapping[str, Any]) -> str:
        has_room = len(self.contents) < _MOST_FILES
        name, rows = one_line(table["name"]), self._room.take(table["rows"]) if has_room else []
        if not rows:
            return f"Not in a file: {_LIMIT}."
        is_csv = len(rows) <= _MOST_CSV_ROWS
        path = self._free_path(name, "csv" if is_csv else "parquet")
        self.contents[path] = (_csv if is_csv else _parquet)(table["columns"], rows)
        left_out = max(table["total"], len(table["rows"])) - len(rows)
        which = f"The first {len(rows):,} of {len(rows) + left_out:,}" if left_out else f"All {len(rows):,}"
        why = f"; {_LIMIT}" if left_out else ""
        link = f'<a href="{path}">{which} rows as {"CSV" if is_csv else "Parquet"}</a>'
        return f"{link}: {unbroken(text_of(name))}{why}."

    def _free_path(self, name: str, kind: str) -> str:
        stem = re.sub("[^a-z0-9]+", "-", name.lower())[:_LONGEST_NAME].strip("-") or "rows"
        numbers = ["", *(f"-{number}" for number in range(2, len(self.contents) + 2))]
        paths = (f"{TABLES}/{stem}{number}.{kind}" for number in numbers)
        return next(path for path in paths if path not in self.contents)


def _bundles(notebook: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for cell in notebook["cells"]:
        yield from (output["data"] for output in cell.get("outputs", ()) if MEDIA_TYPE in output.get("data", {}))


def _is_table(table: Any) -> bool:
    if not isinstance(table, dict) or {"name", "columns", "rows", "total"} - table.keys():
        return False
    columns, rows = table["columns"], table["rows"]
    if not isinstance(table["name"], str) or not isinstance(table["total"], int) or not isinstance(rows, list):
        return False
    is_headed = isinstance(columns, list) and bool(columns) and all(isinstance(name, str) for name in columns)
    return is_headed and all(_is_row(row, len(columns)) for row in rows)


def _is_row(row: Any, width: int) -> bool:
    return isinstance(row, list) and len(row) == width and all(map(_is_value, row))


def _is_value(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _masked(table: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
    """Mask all texts at once, a hundred times faster than one by one; line breaks between them keep them separate."""
    columns, rows = table["columns"], [redactor.data(row) if len(row) == 2 else row for row in table["rows"]]
    for at, name in enumerate(columns):
        if says_secret(name) or says_password(name):
            below = redactor.data({name: [row[at] for row in rows]})[name]
            rows = [[*row[:at], value, *row[at + 1 :]] for row, value in zip(rows, below, strict=True)]
    texts = [table["name"], *columns, *(value for row in rows for value in row if isinstance(value, str))]
    masked = iter(redactor.pieces([piece for text in texts for piece in (text, "\n")])[::2])
    return {
        "name": next(masked),
        "columns": [next(masked) for _ in columns],
        "rows": [[next(masked) if isinstance(value, str) else value for value in row] for row in rows],
        "total": table["total"],
    }


def _csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """Encode as CSV with a byte order mark, without which Excel does not recognise UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(map(_inert, columns))
    writer.writerows(map(_inert, row) for row in rows)
    return text.getvalue().encode("utf-8-sig", "replace")


def _inert(value: Any) -> Any:
    """Quote a text that a spreadsheet would take for a formula."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value.startswith(_BEGINS_A_FORMULA) else value


def _parquet(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    arrays = [_array([row[at] for row in rows]) for at in range(len(columns))]
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_arrays(arrays, names=list(columns)), buffer)
    return buffer.getvalue()


def _array(values: Sequence[Any]) -> pyarrow.Array:
    """Return an Arrow array; values of mixed types become text."""
    import pyarrow

    try:
        return pyarrow.array(values)
    except (pyarrow.ArrowException, OverflowError):
        return pyarrow.array([None if value is None else str(value) for value in values])
