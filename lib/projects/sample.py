"""Rows that a project begins with, of a file or a table: their columns, types, and what was measured of them."""

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

# A number with a zero in front is the text of an id, or loses the zero.
_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,17})", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,17})?", re.ASCII)
_DAY = "the date"  # which no column is called
_MOST_ROWS = 20_000


@dataclass(frozen=True)
class Sample:
    """The rows.

    Attributes:
        origin: Where they come from, as messages name it.
        columns: With the GoogleSQL types that a table of theirs has.
        rows: The rows themselves; values of a CSV file are text.
        timezone: The zone in which a moment is of a date.
    """

    origin: str
    columns: tuple[Column, ...]
    rows: PlacedRows
    timezone: str = "UTC"

    def __len__(self) -> int:
        return len(self.rows)

    def of_type(self, *types: str) -> list[str]:
        """The columns of these types."""
        return [column.name for column in self.columns if column.type in types]

    def is_unique(self, name: str) -> bool:
        """Whether no two rows have the same value in the column."""
        return self._codes[name].is_unique

    def keys(self, date: str, names: Sequence[str]) -> int:
        """How many combinations of the date and these columns' values there are, NULL equal to NULL."""
        codes = self._codes[list(names)]
        return len(codes.assign(**{_DAY: self._day_codes(date)}).drop_duplicates())

    def empty(self, name: str) -> int:
        """How many rows have no value in the column."""
        return int((self._codes[name] < 0).sum())

    def values(self, name: str) -> list[Any]:
        """The column's values, each once, without NULL; in the order of the rows. Not of an ARRAY or JSON."""
        return [value for value in dict.fromkeys(plain_values(self.rows.columns[name])) if value is not None]

    def days(self, name: str) -> list[date | None]:
        """For each row, the date of its value in a DATE, TIMESTAMP or DATETIME column; None: it has no value."""
        [column] = [column for column in self.columns if column.name == name]
        dates = date_column(column, self.timezone)
        values = convert(self.rows, [column], source=self.origin)[name].combine_chunks().dictionary_encode()
        days = [dates.day_of(value) for value in values.dictionary.to_pylist()]
        return [None if number is None else days[number] for number in values.indices.to_pylist()]

    def rows_by_date(self, name: str) -> dict[date, int]:
        """How many rows each date has by such a column, the oldest first."""
        counts = Counter(day for day in self.days(name) if day is not None)
        return dict(sorted(counts.items()))

    def _day_codes(self, name: str) -> Any:
        """As `_codes`, of the dates: computed once a column, since many keys are tried."""
        import pandas

        if name not in self._known_days:
            self._known_days[name] = pandas.factorize(pandas.Series(self.days(name), dtype=object))[0]
        return self._known_days[name]

    @cached_property
    def _known_days(self) -> dict[str, Any]:
        return {}

    @cached_property
    def _codes(self) -> pandas.DataFrame:
        """Each value as a number, -1 for none: lists and mappings cannot be compared as they are."""
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
    """A column's values as Python has them, None for none."""
    plain = values if isinstance(values, Sequence) else values.to_pylist()
    return [None if _is_empty(value) else value for value in plain]


def sample_of_file(path: Path, timezone: str = "UTC") -> Sample:
    """All rows of a file: .csv, .parquet or .jsonl.

    Raises:
        StagedDataError: See `lib.consolidation.files.read_rows`; or a column cannot be staged.
        UserError: A column's name is not one that a table can have.
    """
    read = read_rows(path)
    if isinstance(read, PlacedMappings):
        names = list(dict.fromkeys(str(name) for row in read.rows for name in row))
        rows = by_columns(read.rows, names, read.places)
    else:
        rows = read
    for name in rows.columns:
        if not is_plain_identifier(name):
            raise UserError(f"{path}: column {shown_name(name)}: only letters, digits and underscores; rename it")
    if len({name.lower() for name in rows.columns}) < len(rows.columns):
        raise UserError(f"{path}: two columns differ in case only; rename one")
    types = _types_of_csv(rows) if path.suffix.lower() == ".csv" else _types_of_export(path)
    columns = tuple(Column(name, types[name]) for name in rows.columns)
    convert(rows, columns, source=str(path))  # what cannot be staged is refused before anything is written
    return Sample(path.name, columns, rows, timezone)


def sample_of_table(warehouse: Warehouse, table: TableName, date_name: str, *, now: datetime, timezone: str) -> Sample:
    """Rows of the table's newest date until today in the zone, at most 20,000.

    Args:
        date_name: Its date column; empty: the one that is guessed from its columns.

    Raises:
        UserError: The table has no date column, or no rows.
        TableNotFound, WarehouseUnavailable: It cannot be read.
    """
    columns = warehouse.columns(table)
    named = {column.name: column for column in date_columns(columns)}
    likely = [named[date_name]] if date_name in named else likely_dates(columns)
    if date_name and date_name not in named:
        raise no_such("DATE, TIMESTAMP or DATETIME column", date_name, named)
    if not likely:
        raise UserError(f"--date: {table} has no column to guess by; name one of type DATE, TIMESTAMP or DATETIME")
    dates = date_column(likely[0], timezone)
    until = now.astimezone(zone(timezone)).date()
    rows = newest_rows(warehouse, table, columns, dates, until=until, most=_MOST_ROWS)
    if not rows:
        raise UserError(f"{table} has no rows of {until} or before, so nothing can be measured")
    day = dates.day_of(rows[0][dates.name])
    return Sample(f"{table}, {day}", columns, by_columns(rows, list(rows[0])), timezone)


def _types_of_csv(rows: PlacedRows) -> dict[str, str]:
    texts = {name: dict.fromkeys(plain_values(values)) for name, values in rows.columns.items()}
    return {name: _type_of_texts([text for text in found if text is not None]) for name, found in texts.items()}


def _type_of_texts(texts: Sequence[str]) -> str:
    """The narrowest type that keeps every text as it is written; of none, STRING."""
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
