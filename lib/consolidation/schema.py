"""Check that a table's settings match its columns, and that staged columns do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from lib.consolidation.dates import DateType
from lib.consolidation.errors import SpecMismatch, StagedDataError
from lib.consolidation.identifiers import TableName, is_plain_identifier, shown_name
from lib.consolidation.key import is_orderable
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column
from lib.words.choices import nearest

# Types that convert to each other without a loss that matters here:
# a column may be declared NUMERIC(4,1) and stored as FLOAT64.
NUMBERS = {"INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC"}

# pandas' names for an unnamed index: in CSV, in CSV that it read and rewrote, and in Parquet.
_PANDAS_INDEX = {"", "Unnamed: 0", "__index_level_0__"}
_MOST_NAMED = 20


def tables_by_columns(columns: Mapping[TableName, tuple[Column, ...]]) -> dict[tuple[Column, ...], list[TableName]]:
    """Group tables by their columns, compared by name, type, order and storage."""
    groups: dict[tuple[Column, ...], list[TableName]] = {}
    for table, shape in columns.items():
        groups.setdefault(shape, []).append(table)
    return groups


def check_spec(spec: TableSpec, columns: Sequence[Column]) -> None:
    """Raise `SpecMismatch` unless the settings match the main table's columns."""
    if faults := spec_faults(spec, columns):
        raise SpecMismatch(spec.table, faults)


def spec_faults(spec: TableSpec, columns: Sequence[Column]) -> list[str]:
    """Return a line for each fault in the settings."""
    types = {column.name: column.type for column in columns}
    faults: dict[str, str] = {}
    for demand in _demands(spec):
        for name in demand.names:
            if name not in types:
                faults.setdefault(name, f"{demand.setting}: the table lacks {_named(name, types)}")
            elif not demand.fits(types[name]):
                hint = demand.hint(types[name])
                faults[name] = f"{demand.setting}: {name} must be {demand.wanted}, but is {types[name]}{hint}"
    return list(faults.values())


def spec_additions(spec: TableSpec, columns: Sequence[Column]) -> list[Column]:
    """Return the columns that the table lacks, with their most likely types."""
    present = {column.name for column in columns}
    likely = {name: demand.likely for demand in _demands(spec) for name in demand.names}
    return [Column(name, type_) for name, type_ in likely.items() if name not in present]


@dataclass(frozen=True)
class _Demand:
    """The requirements that a setting puts on the columns it names."""

    setting: str
    names: Sequence[str]
    fits: Callable[[str], bool]
    wanted: str
    likely: str
    hint: Callable[[str], str] = lambda _: ""


def _demands(spec: TableSpec) -> list[_Demand]:
    comparable = "of a comparable type"
    demands = [
        _Demand("key_columns", spec.key_columns, is_orderable, comparable, "STRING"),
        _Demand(
            "date_column",
            [spec.date_column],
            lambda type_: type_ == spec.date_type,
            f"a {spec.date_type}",
            spec.date_type,
            lambda type_: f"; write date_type: {type_} below table:" if type_ in get_args(DateType) else "",
        ),
        _Demand("row_id_column", [spec.row_id_column], is_orderable, comparable, "STRING"),
        _Demand("never_update", spec.never_update, lambda _: True, "", "STRING"),
        _Demand("stamped", spec.stamped, lambda type_: type_ == "TIMESTAMP", "a TIMESTAMP", "TIMESTAMP"),
        _Demand("newest_first", spec.newest_first, is_orderable, comparable, "TIMESTAMP"),
        _Demand("active_column", [spec.active_column], lambda type_: type_ == "BOOL", "a BOOL", "BOOL"),
        _Demand("rounded_columns", spec.rounded_columns, lambda type_: type_ in NUMBERS, "a number", "FLOAT64"),
    ]
    return [replace(demand, names=[name for name in demand.names if name]) for demand in demands]


def check_staged_columns(spec: TableSpec, main: Sequence[Column], staged: Sequence[Column], *, source: str) -> None:
    """Raise unless staged rows can be merged into the main table.

    Args:
        spec: The main table.
        main: The main table's columns.
        staged: The staged columns.
        source: What messages call the rows: a file or a staging table.

    Raises:
        StagedDataError: Names the unknown columns with the statement that adds them,
            the columns of another type, or the missing key or date columns.
    """
    types = {column.name: column.type for column in main}
    unknown = [column for column in staged if column.name not in types]
    if unknown:
        raise StagedDataError(_unknown(spec, types, unknown, source))
    differing = [
        f"{column.name} is {column.type}, not {types[column.name]}"
        for column in staged
        if column.type != types[column.name] and not {column.type, types[column.name]} <= NUMBERS
    ]
    if differing:
        raise StagedDataError(f"{source} does not match {spec.table}: {'; '.join(differing)}")
    present = {column.name for column in staged}
    if missing := [name for name in spec.needed_columns if name not in present]:
        raise StagedDataError(
            f"{source} lacks columns that every row of {spec.table} needs: {', '.join(missing)}"
            f"{unfilled_date(spec, missing)}"
        )


def unfilled_date(spec: TableSpec, missing: Collection[str]) -> str:
    """Explain why the batch's date is not filled in, if the date column is missing."""
    if spec.dates.is_date or spec.date_column not in missing:
        return ""
    return f"; a date is not enough to fill in {spec.date_column}, which is a {spec.date_type}"


def _unknown(spec: TableSpec, types: dict[str, str], unknown: Sequence[Column], source: str) -> str:
    named = [_named(column.name, types) for column in unknown[:_MOST_NAMED]]
    if more := len(unknown) - len(named):
        named.append(f"and {more} more")
    statement = statement_that_adds(spec, types, unknown)
    remedy = f"; if they are new: {statement}" if statement else ""
    return f"{source} has columns that {spec.table} lacks: {', '.join(named)}{remedy}"


def statement_that_adds(spec: TableSpec, present: Iterable[str], columns: Iterable[Column]) -> str:
    """Return an ``ALTER TABLE`` for the columns whose type is known; empty if none can be added.

    People paste it, so it omits names that are not plain identifiers, and names that BigQuery treats as existing ones.

    Args:
        spec: The main table.
        present: The table's columns.
        columns: The columns to add.
    """
    taken = {name.lower() for name in present}
    additions = [
        f"ADD COLUMN {column.name} {column.declared}"
        for column in columns
        if column.type and is_plain_identifier(column.name) and column.name.lower() not in taken
    ]
    return f"ALTER TABLE {spec.table} {', '.join(additions)}" if additions else ""


def _named(name: str, types: Iterable[str]) -> str:
    shown = shown_name(name)
    if name in _PANDAS_INDEX:
        return f"{shown} (a column without a name; if it is pandas' index, write the file with index=False)"
    if spelled := [known for known in types if known.lower() == name.strip().lower()]:
        return f"{shown} (write it {spelled[0]})"
    close = nearest(name, types)
    return f"{shown} (did you mean {close[0]}?)" if close else shown
