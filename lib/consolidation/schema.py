"""Whether staged columns fit the main table, told column by column."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from lib.consolidation.errors import StagedDataError
from lib.consolidation.identifiers import is_plain_identifier
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column

# Written with one type and read back as another without a loss that matters here:
# the line is declared NUMERIC(4,1) and lives as FLOAT64.
_NUMBERS = {"INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC"}

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
    # Whoever is told will paste it, so a name that is none must not be in it.
    addable = [column for column in unknown if column.type and is_plain_identifier(column.name)]
    additions = ", ".join(f"ADD COLUMN {column.name} {column.type}" for column in addable)
    remedy = f"; if they are new: ALTER TABLE {spec.table} {additions}" if additions else ""
    return f"{source} has columns that {spec.table} lacks: {', '.join(named)}{remedy}"


def _named(name: str, types: dict[str, str]) -> str:
    close = get_close_matches(name[:_LONGEST_NAME], types, n=1)
    shown = name if is_plain_identifier(name) else f"{name!r:.80}"
    return f"{shown} (did you mean {close[0]}?)" if close else shown
