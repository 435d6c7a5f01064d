"""Whether staged columns fit the main table, told column by column."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from lib.consolidation.errors import StagedDataError
from lib.consolidation.identifiers import is_plain_identifier, shown_name
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column

# Written with one type and read back as another without a loss that matters here:
# the line is declared NUMERIC(4,1) and lives as FLOAT64.
_NUMBERS = {"INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC"}

# pandas' names of an index without a name: in CSV, in CSV that it read and wrote again, and in Parquet.
_PANDAS_INDEX = {"", "Unnamed: 0", "__index_level_0__"}
_MOST_NAMED = 20
_LONGEST_NAME = 300


def check_staged_columns(spec: TableSpec, main: Sequence[Column], staged: Sequence[Column], *, source: str) -> None:
    """Raise unless staged rows can be merged into the main table.

    Args:
        source: What is checked, for the message: a file or a staging table.

    Raises:
        StagedDataError: Names the unknown columns with the statement that adds them,
            those of another type, or the missing key or date columns.
    """
    types = {column.name: column.type for column in main}
    unknown = [column for column in staged if column.name not in types]
    if unknown:
        raise StagedDataError(_unknown(spec, types, unknown, source))
    differing = [
        f"{column.name} is {column.type} and not {types[column.name]}"
        for column in staged
        if not _fits(column.type, types[column.name])
    ]
    if differing:
        raise StagedDataError(f"{source} does not fit {spec.table}: {'; '.join(differing)}")
    present = {column.name for column in staged}
    if missing := [name for name in (*spec.key_columns, spec.date_column) if name not in present]:
        raise StagedDataError(f"{source} lacks columns that every row of {spec.table} needs: {', '.join(missing)}")


def _fits(staged: str, main: str) -> bool:
    return staged == main or {staged, main} <= _NUMBERS


def _unknown(spec: TableSpec, types: dict[str, str], unknown: Sequence[Column], source: str) -> str:
    named = [_named(column.name, types) for column in unknown[:_MOST_NAMED]]
    if more := len(unknown) - len(named):
        named.append(f"and {more} more")
    # The statement will be pasted, so it must not hold a name that is not one, or that BigQuery takes for another's.
    taken = {name.lower() for name in types}
    addable = [
        column
        for column in unknown
        if column.type and is_plain_identifier(column.name) and column.name.lower() not in taken
    ]
    additions = ", ".join(f"ADD COLUMN {column.name} {column.type}" for column in addable)
    remedy = f"; if they are new: ALTER TABLE {spec.table} {additions}" if additions else ""
    return f"{source} has columns that {spec.table} lacks: {', '.join(named)}{remedy}"


def _named(name: str, types: dict[str, str]) -> str:
    shown = shown_name(name)
    if name in _PANDAS_INDEX:
        return f"{shown} (a column without a name; if it is pandas' index, write the file with index=False)"
    if spelled := [known for known in types if known.lower() == name.strip().lower()]:
        return f"{shown} (write it {spelled[0]})"
    close = get_close_matches(name[:_LONGEST_NAME], types, n=1)
    return f"{shown} (did you mean {close[0]}?)" if close else shown
