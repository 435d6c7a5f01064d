"""GoogleSQL that compares staged rows with the main table: equal to one of its rows, or replaced by one.

A writer without the ledger sets columns itself, such as the time of its MERGE, and sets other rows inactive. So a row
of the main table replaces a staged row with its key in two cases: it is newer by the spec's `newest_first`; or it is
of the same generation, and is inactive or has a mark of `newest_first` that was staged as NULL. A mark staged as NULL
is not compared: an older row with the time of its own MERGE is not newer. Rows with equal row ids are of the same
generation, whatever their `never_update` columns contain.
"""

from __future__ import annotations

from collections.abc import Sequence

from lib.consolidation.key import column_list, comparable_value, groupable, quoted, same, same_key
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column


def names_of(columns: Sequence[Column]) -> list[str]:
    return [column.name for column in columns]


def staged_items(spec: TableSpec, columns: Sequence[Column], *, values: bool) -> str:
    """Return the columns of a staged row S that `found_sql` needs.

    Args:
        spec: The main table.
        columns: The staging table's columns.
        values: Whether values are compared.
    """
    compared = _compared_columns(spec, columns) if values else []
    names = dict.fromkeys(
        [*spec.key_columns, spec.date_column, *names_of(compared), *_marks(spec, columns), *_row_id(spec, columns)]
    )
    return f"ROW_NUMBER() OVER () AS staged_row, {column_list(names, 'S')}"


def found_sql(spec: TableSpec, columns: Sequence[Column], staged: str, *, values: bool) -> str:
    """Return a SELECT that counts each table's rows in the main table: keyed, equal, newer, inactive (`ProvenTable`).

    Parameters: first and last, dates. It uses an inner join, because BigQuery is not known to accept an outer join
    with these conditions.

    Args:
        spec: The main table.
        columns: The staging table's columns.
        staged: A SELECT of the staged rows.
        values: Whether values are compared.
    """
    dates = spec.dates
    active = f"COALESCE(T.{quoted(spec.active_column)}, FALSE)" if spec.active_column else "TRUE"
    compared = _compared_columns(spec, columns)
    equal = " AND ".join(_same_value(spec, column) for column in compared) if values else "FALSE"
    replaces = _replaces(spec, columns, active)
    return (
        "SELECT F.staging_table, COUNTIF(F.is_active OR F.is_inactive) AS keyed, COUNTIF(F.is_equal) AS equal, "
        "COUNTIF(F.is_newer AND NOT F.is_equal) AS newer, "
        "COUNTIF(F.is_inactive AND NOT F.is_newer AND NOT F.is_equal) AS inactive FROM ("
        f"SELECT S.staging_table, S.staged_row, LOGICAL_OR({active}) AS is_active, "
        f"LOGICAL_OR({active} AND COALESCE({equal}, FALSE)) AS is_equal, "
        f"LOGICAL_OR({active} AND {replaces}) AS is_newer, "
        f"LOGICAL_OR(NOT {active} AND {replaces}) AS is_inactive FROM ({staged}) AS S "
        f"JOIN {spec.table.sql} AS T ON {same_key(spec, 'S', 'T')} AND {dates.day('S')} = {dates.day('T')} "
        f"WHERE {dates.between('first', 'last', 'T')} GROUP BY S.staging_table, S.staged_row"
        ") AS F GROUP BY F.staging_table"
    )


def generation_columns(spec: TableSpec, columns: Sequence[Column], *, all_set: bool) -> list[Column]:
    """Return the columns that `generations_sql` reads, from staging and from the main table.

    If all staged rows have all marks, and updates maintain the first one, only a row that is as new by that mark can
    replace a staged row. Otherwise the row id is needed too.

    Args:
        spec: The main table.
        columns: The staging table's columns.
        all_set: Whether no staged row has a NULL mark.
    """
    marks, kept = _marks(spec, columns), kept_marks(spec, columns)
    is_enough = all_set and marks[:1] == kept[:1]
    names = [spec.date_column, *(kept if is_enough else [*marks, *_row_id(spec, columns)])]
    return [column for column in columns if column.name in names]


def generations_sql(spec: TableSpec, columns: Sequence[Column], staged: str) -> str:
    """Return a SELECT that counts each table's rows that may equal a row of their date, or be replaced by one.

    Parameters: first and last, dates. It reads no keys or values, so it can show that rows are absent but not that
    they are present. It has no join, so that the main table is read once.

    Args:
        spec: The main table.
        columns: The result of `generation_columns`.
        staged: A SELECT of the staged rows.
    """
    day, types = spec.dates.day(), {column.name: column.type for column in columns}
    kept = [groupable(name, types[name]) for name in kept_marks(spec, columns)]
    within = spec.dates.between("first", "last", "T")
    newer = [_not_older_than_date(spec, _marks(spec, columns))]
    for name in _row_id(spec, columns):
        same_row = f"LOGICAL_OR(staging_table = '') OVER (PARTITION BY {day}, {groupable(name, types[name])})"
        newer.append(f"({quoted(name)} IS NOT NULL AND {same_row})")
    return (
        "SELECT A.staging_table, COUNTIF(A.alike) AS alike, COUNTIF(A.newer) AS newer FROM (SELECT staging_table, "
        f"LOGICAL_OR(staging_table = '') OVER (PARTITION BY {', '.join([day, *kept])}) AS alike, "
        f"{' OR '.join(newer)} AS newer FROM ({staged} UNION ALL "
        f"SELECT '' AS staging_table, {column_list(names_of(columns), 'T')} FROM {spec.table.sql} AS T "
        f"WHERE {within}) AS B) AS A WHERE A.staging_table != '' GROUP BY A.staging_table"
    )


def _marks(spec: TableSpec, columns: Sequence[Column]) -> list[str]:
    """Return the columns that distinguish the generations of a row, most significant first."""
    staged = names_of(columns)
    return [name for name in spec.newest_first if name in staged]


def kept_marks(spec: TableSpec, columns: Sequence[Column]) -> list[str]:
    """Return the marks that a MERGE also sets in existing rows."""
    return [name for name in _marks(spec, columns) if name not in spec.never_update]


def _row_id(spec: TableSpec, columns: Sequence[Column]) -> list[str]:
    return [spec.row_id_column] if spec.row_id_column in names_of(columns) else []


def _compared_columns(spec: TableSpec, columns: Sequence[Column]) -> list[Column]:
    return [column for column in columns if column.name not in spec.never_update]


def _not_older_than_date(spec: TableSpec, marks: Sequence[str]) -> str:
    """Return a condition: the date's newest row is as new by a staged row's first mark, so it may replace the row."""
    condition = "FALSE"
    for name in reversed(marks):
        ours = quoted(name)
        newest = f"MAX(IF(staging_table = '', {ours}, NULL)) OVER (PARTITION BY {spec.dates.day()})"
        condition = f"IF({ours} IS NULL, {condition}, COALESCE({newest} >= {ours}, FALSE))"
    return condition


def _replaces(spec: TableSpec, columns: Sequence[Column], active: str) -> str:
    """Return a condition for whether the main table's row T, with the key of S, replaces S. Never NULL."""
    marks = _marks(spec, columns)
    added = " OR ".join(f"(S.{quoted(name)} IS NULL AND T.{quoted(name)} IS NOT NULL)" for name in marks)
    changed = f"({' OR '.join(filter(None, (f'NOT {active}', added)))})"
    is_known = " OR ".join(f"S.{quoted(name)} IS NOT NULL" for name in marks) or "FALSE"
    as_marked = _at_least(marks, f"({changed} AND ({is_known}))")
    if not (row_ids := _row_id(spec, columns)):
        return as_marked
    same_row = f"COALESCE(S.{quoted(row_ids[0])} = T.{quoted(row_ids[0])}, FALSE)"
    kept = kept_marks(spec, columns)
    return f"IF({same_row}, {_at_least(kept, changed)}, {as_marked})"


def _at_least(marks: Sequence[str], otherwise: str) -> str:
    """Return a condition for whether T is newer than S by the first mark that differs; `otherwise` if none does."""
    condition = otherwise
    for name in reversed(marks):
        ours, theirs = f"S.{quoted(name)}", f"T.{quoted(name)}"
        condition = (
            f"IF({ours} IS NULL OR COALESCE({ours} = {theirs}, FALSE), {condition}, COALESCE({theirs} > {ours}, FALSE))"
        )
    return condition


def _same_value(spec: TableSpec, column: Column) -> str:
    left, right = (comparable_value(column, alias) for alias in ("S", "T"))
    if column.name == spec.active_column:
        return f"COALESCE({left}, TRUE)"  # as the MERGE sets it; only active rows are compared
    return same(left, right)
