"""Rows from a file or a table with which a project begins: their columns, types and measurements."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.consolidation.files import read_rows
from lib.consolidation.identifiers import TableName, is_plain_identifier, shown_name
from lib.consolidation.placed_rows import PlacedMappings, PlacedRows, by_columns
from lib.consolidation.rows import convert
from lib.consolidation.upkeep.past_rows import newest_rows
from lib.consolidation.warehouse import Column, Warehouse
from lib.errors import UserError
from lib.projects.dates import date_column, date_columns, likely_dates
from lib.words.choices import no_such
from lib.words.dates import zone

if TYPE_CHECKING:
    import pandas
    import pyarrow

# A number with a leading zero is text, such as an id: as a number it would lose the zero.
_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,17})", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,17})?", re.ASCII)
_DAY = "the date"  # not a possible column name
_MOST_ROWS = 20_000


@dataclass(frozen=True)
class Sample:
    """The rows.

    Attributes:
        origin: Where they come from, for messages.
        columns: Their columns, with GoogleSQL types.
        rows: The rows; values from a CSV file are text.
        timezone: The time zone that gives a TIMESTAMP its date.
    """

    origin: str
    columns: tuple[Column, ...]
    rows: PlacedRows
    timezone: str = "UTC"

    def __len__(self) -> int:
        return len(self.rows)

    def of_type(self, *types: str) -> list[str]:
        """Return the names of the columns of these types."""
        return [column.name for column in self.columns if column.type in types]

    def is_unique(self, name: str) -> bool:
        """Return whether no two rows have the same value in the column."""
        return self._codes[name].is_unique

    def keys(self, date: str, names: Sequence[str]) -> int:
        """Return the number of distinct combinations of the date and these columns' values; NULL equals NULL."""
        codes = self._codes[list(names)]
        return len(codes.assign(**{_DAY: self._day_codes(date)}).drop_duplicates())

    def empty(self, name: str) -> int:
        """Return the number of rows without a value in the column."""
        return int((self._codes[name] < 0).sum())

    def values(self, name: str) -> list[Any]:
        """Return the column's distinct values without NULL, in row order. Not for ARRAY or JSON columns."""
        return [value for value in dict.fromkeys(plain_values(self.rows.columns[name])) if value is not None]

    def days(self, name: str) -> list[date | None]:
        """Return each row's date in a DATE, TIMESTAMP or DATETIME column; None for a row without a value."""
        [column] = [column for column in self.columns if column.name == name]
        dates = date_column(column, self.timezone)
        values = convert(self.rows, [column], source=self.origin)[name].combine_chunks().dictionary_encode()
        days = [dates.day_of(value) for value in values.dictionary.to_pylist()]
        return [None if number is None else days[number] for number in values.indices.to_pylist()]

    def rows_by_date(self, name: str) -> dict[date, int]:
        """Return the number of rows by date of such a column, oldest first."""
        counts = Counter(day for day in self.days(name) if day is not None)
        return dict(sorted(counts.items()))

    def _day_codes(self, name: str) -> Any:
        """Return `_codes` for the dates, computed once per column because many keys are tried."""
        import pandas

        if name not in self._known_days:
            self._known_days[name] = pandas.factorize(pandas.Series(self.days(name), dtype=object))[0]
        return self._known_days[name]

    @cached_property
    def _known_days(self) -> dict[str, Any]:
        return {}

    @cached_property
    def _codes(self) -> pandas.DataFrame:
        """Each value as a number, -1 for none, because lists and mappings cannot be compared directly."""
        import pandas

        def hashable(name: str) -> list[Any]:
            values = plain_values(self.rows.columns[name])
            return [value if value is None else repr(value) for value in values] if name in self._nested else values

        return pandas.DataFrame(
            {name: pandas.factorize(pandas.Series(hashable(name), dtype=object))[0] for name in self.rows.columns}
        )

    @cached_property
    def _nested(self) -> set[str]:
        return {column.name for column in self.columns if column.type == "JSON" or column.type.startswith("ARRAY<")}


def plain_values(values: Sequence[Any] | pyarrow.ChunkedArray) -> list[Any]:
    """Return a column's values as Python objects, with None for empty values."""
    plain = values if isinstance(values, Sequence) else values.to_pylist()
    return [None if _is_empty(value) else value for value in plain]


def sample_of_file(path: Path, timezone: str = "UTC") -> Sample:
    """Return all rows of a .csv, .parquet or .jsonl file.

    Raises:
        StagedDataError: See `lib.consolidation.files.read_rows`; or a column cannot be staged.
        UserError: A column's name is not possible in a table.
    """
    read = read_rows(path)
    if isinstance(read, PlacedMappings):
        names = list(dict.fromkeys(str(name) for row in read.rows for name in row))
        rows = by_columns(read.rows, names, read.places)
    else:
        rows = read
    for name in rows.columns:
        if not is_plain_identifier(name):
            raise UserError(f"{path}: column {shown_name(name)}: use only letters, digits and underscores; rename it")
    if len({name.lower() for name in rows.columns}) < len(rows.columns):
        raise UserError(f"{path}: two column names differ only in case; rename one")
    types = _types_of_csv(rows) if path.suffix.lower() == ".csv" else _types_of_export(path)
    columns = tuple(Column(name, types[name]) for name in rows.columns)
    convert(rows, columns, source=str(path))  # refuse rows that cannot be staged before anything is written
    return Sample(path.name, columns, rows, timezone)


def sample_of_table(warehouse: Warehouse, table: TableName, date_name: str, *, now: datetime, timezone: str) -> Sample:
    """Return at most 20,000 rows of the table's newest date up to today.

    Args:
        warehouse: Where the table is.
        table: The table.
        date_name: Its date column; empty: guess it.
        now: The current time.
        timezone: The time zone of dates, including today.

    Raises:
        UserError: The table has no date column, or no rows.
        TableNotFound: There is no such table.
        WarehouseUnavailable: It cannot be read.
    """
    columns = warehouse.columns(table)
    named = {column.name: column for column in date_columns(columns)}
    likely = [named[date_name]] if date_name in named else likely_dates(columns)
    if date_name and date_name not in named:
        raise no_such("DATE, TIMESTAMP or DATETIME column", date_name, named)
    if not likely:
        raise UserError(f"--date: cannot guess the date column of {table}; give a DATE, TIMESTAMP or DATETIME column")
    dates = date_column(likely[0], timezone)
    until = now.astimezone(zone(timezone)).date()
    rows = newest_rows(warehouse, table, columns, dates, until=until, most=_MOST_ROWS)
    if not rows:
        raise UserError(f"{table} has no rows up to {until}, so nothing can be measured")
    day = dates.day_of(rows[0][dates.name])
    return Sample(f"{table}, {day}", columns, by_columns(rows, list(rows[0])), timezone)


def _types_of_csv(rows: PlacedRows) -> dict[str, str]:
    texts = {name: dict.fromkeys(plain_values(values)) for name, values in rows.columns.items()}
    return {name: _type_of_texts([text for text in found if text is not None]) for name, found in texts.items()}


def _type_of_texts(texts: Sequence[str]) -> str:
    """Return the narrowest type that preserves every text as written; STRING if there are no texts."""
    from lib.embedded.json_rows import kind_of_text, type_of

    for type_, form in (("INT64", _WHOLE), ("FLOAT64", _DECIMAL)):
        if texts and all(form.fullmatch(text) for text in texts):
            return type_
    if texts and {text.lower() for text in texts} <= {"true", "false"}:
        return "BOOL"
    return type_of({kind_of_text(text) for text in texts})


def _types_of_export(path: Path) -> dict[str, str]:
    from lib.embedded.googlesql import to_googlesql_type
    from lib.embedded.row_files import row_files

    [file] = row_files([path], {})
    return {name: to_googlesql_type(type_) for name, type_ in file.types.items()}


def _is_empty(value: Any) -> bool:
    return value is None or value != value or (isinstance(value, str) and not value.strip())
