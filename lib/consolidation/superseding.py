"""Keep one row active, the newest, of each group of rows that are equal in the columns of `TableSpec.supersedes`.

A batch counts as newer than the main table, as for updates of a key: a row of the main table is superseded by the
batch's newest row of its group if that row has another key. A superseded row is set inactive, never deleted. If its key
comes back, that is a new row and does not overwrite it. The superseded rows are recorded, with the run that did it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lib.consolidation.key import column_list, counted_rows, newest_of_each_key, quoted, rank, same
from lib.consolidation.ledger import create_ledger, ledger_columns
from lib.consolidation.missing_columns import add_missing_columns
from lib.consolidation.staged_rows import StagedGroup, StagedRows, select
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column, Execute, Partitions, Warehouse

# Flags of a row in the MERGE's source: whether it is staged, and whether it stays active.
STAGED = "staged__now"
KEPT = "staged__kept"


def superseded_columns(spec: TableSpec, main: Sequence[Column]) -> list[Column]:
    """Return the columns of the table of superseded rows: the run, the time and the row's key."""
    types = {column.name: column.type for column in main}
    return [
        Column("superseded_by", "STRING"),
        Column("superseded_at", "TIMESTAMP"),
        *(Column(name, types[name]) for name in _named(spec)),
    ]


def _named(spec: TableSpec) -> list[str]:
    return list(dict.fromkeys(filter(None, (spec.date_column, *spec.key_columns, spec.row_id_column))))


def make_room_for_superseded(warehouse: Warehouse, spec: TableSpec) -> None:
    """Create the tables that `supersedes` needs, or add their missing columns; without `supersedes` do nothing."""
    if not spec.supersedes:
        return
    wanted = superseded_columns(spec, warehouse.columns(spec.table))
    partitions = Partitions("superseded_at", spec.retention.ledger_days)
    warehouse.create_table(spec.superseded, wanted, partitions=partitions)
    add_missing_columns(warehouse, spec.superseded, wanted)
    create_ledger(warehouse, spec)
    add_missing_columns(warehouse, spec.ledger, ledger_columns(spec))


def record_superseded(staged: StagedRows) -> Execute:
    """Return the step that records the rows that the MERGE will set inactive. Parameters: day, run_id."""
    spec = staged.spec
    names = _named(spec)
    return Execute(
        "supersede",
        f"INSERT INTO {spec.superseded.sql} (superseded_by, superseded_at, {column_list(names)}) "
        f"SELECT @run_id, CURRENT_TIMESTAMP(), {column_list(names, 'T')} FROM {_superseded(staged)}",
    )


def _superseded(staged: StagedRows) -> str:
    """Return the active rows T whose key differs from that of their group's newest staged row."""
    spec = staged.spec
    winners = (
        f"SELECT {column_list(spec.key_columns)} FROM ({staged.sql}) AS staged "
        f"WHERE TRUE QUALIFY {rank(spec, staged.ranked, spec.supersedes)} = 1"
    )
    others = [name for name in spec.key_columns if name not in spec.supersedes]
    # NULL and a value in a key column are different keys, but their comparison is NULL, not FALSE.
    return (
        f"{spec.table.sql} AS T JOIN ({winners}) AS W ON {_same(spec.supersedes)} "
        f"WHERE {counted_rows(spec, 'T')} AND ({_same(others)}) IS NOT TRUE"
    )


def _same(names: Sequence[str]) -> str:
    return " AND ".join(same(f"T.{quoted(name)}", f"W.{quoted(name)}") for name in names)


def merge_source(staged: StagedRows) -> str:
    """Return the newest row of each key, flagged if its group keeps it, and the rows that this run supersedes."""
    spec, flag = staged.spec, Column(STAGED, "BOOL")
    types = {column.name: column.type for column in staged.main_columns}
    keys = tuple(Column(name, types[name]) for name in spec.key_columns)
    gone = select(StagedGroup(spec.superseded, keys), staged.columns, staged.partly_staged, f"FALSE AS {STAGED}")
    rows = f"SELECT *, TRUE AS {STAGED} FROM ({staged.sql}) AS staged UNION ALL {gone} WHERE superseded_by = @run_id"
    # If a superseded row's key is staged too, the staged row updates it.
    staged_first = replace(spec, newest_first=(STAGED, *spec.newest_first))
    ranked = [flag, *staged.ranked]
    newest = f"SELECT * FROM ({rows}) AS each_row {newest_of_each_key(staged_first, ranked)}"
    return f"(SELECT *, {rank(staged_first, ranked, spec.supersedes)} = 1 AS {KEPT} FROM ({newest}) AS newest)"


def counted_by_this_run(spec: TableSpec) -> str:
    """Return a SELECT that counts the rows this run recorded as superseded."""
    return _counted(spec, f"{spec.superseded.sql} AS W WHERE W.superseded_by = @run_id")


def counted_beforehand(staged: StagedRows) -> str:
    """Return a SELECT that counts the rows that a run would supersede. Parameters: day."""
    keys = column_list(staged.spec.key_columns, "T")
    return _counted(staged.spec, f"(SELECT {keys} FROM {_superseded(staged)}) AS W")


def _counted(spec: TableSpec, rows: str) -> str:
    """Return a SELECT of the number of rows, of their duplicate keys, and of rows beyond the first of each key."""
    keys = column_list(spec.key_columns, "W")
    return (
        "SELECT COALESCE(SUM(copies), 0) AS superseded_rows, COUNTIF(copies > 1) AS superseded_duplicates, "
        f"COALESCE(SUM(copies - 1), 0) AS superseded_excess FROM (SELECT COUNT(*) AS copies FROM {rows} "
        f"GROUP BY {keys}) AS gone_keys"
    )


def main_counts(spec: TableSpec) -> str:
    """Return a SELECT that counts the date's rows and, for active rows, duplicate keys and rows beyond the first."""
    keys = column_list(spec.key_columns, "T")
    return (
        "SELECT COALESCE(SUM(stored), 0) AS rows_before, COUNTIF(copies > 1) AS duplicates_before, "
        "COALESCE(SUM(GREATEST(copies - 1, 0)), 0) AS excess_before FROM ("
        f"SELECT COUNT(*) AS stored, COUNTIF(T.{quoted(spec.active_column)}) AS copies FROM {spec.table.sql} AS T "
        f"WHERE {spec.dates.of_day('T')} GROUP BY {keys}) AS keys"
    )


def key_counts(staged: StagedRows) -> str:
    """Return the counts of a table without `supersedes`, taken over all rows of the date, and the wrong staged groups.

    Wrong groups left by other batches are not counted.
    """
    spec = staged.spec
    keys, active = column_list(spec.key_columns), quoted(spec.active_column)
    seen = (
        f"SELECT {keys}, TRUE AS staged__key, FALSE AS staged__active "
        f"FROM ({staged.of(*spec.key_columns)}) AS staged UNION ALL "
        f"SELECT {column_list(spec.key_columns, 'T')}, FALSE, COALESCE(T.{active}, FALSE) "
        f"FROM {spec.table.sql} AS T WHERE {spec.dates.of_day('T')}"
    )
    groups = column_list(spec.supersedes)
    by_key = (
        f"SELECT {groups}, COUNTIF(staged__key) > 0 AS staged__here, COUNTIF(NOT staged__key) AS staged__stored, "
        f"COUNTIF(staged__active) AS staged__copies FROM ({seen}) AS seen GROUP BY {keys}"
    )
    by_group = (
        "SELECT COUNTIF(staged__here) AS staged_keys, "
        "COUNTIF(staged__here AND staged__stored = 0) AS missing_keys, SUM(staged__stored) AS stored, "
        "COUNTIF(staged__copies > 1) AS duplicates, SUM(GREATEST(staged__copies - 1, 0)) AS excess, "
        "COUNTIF(staged__copies > 0) AS active_keys, COUNTIF(staged__here AND staged__copies > 0) AS kept_keys "
        f"FROM ({by_key}) AS keys GROUP BY {groups}"
    )
    return (
        "SELECT COALESCE(SUM(staged_keys), 0) AS staged_keys, COALESCE(SUM(missing_keys), 0) AS missing_keys, "
        "COALESCE(SUM(stored), 0) AS rows_now, COALESCE(SUM(duplicates), 0) AS duplicates_now, "
        "COALESCE(SUM(excess), 0) AS excess_now, COUNTIF(staged_keys > 0 AND active_keys > 1) AS two_active, "
        f"COUNTIF(staged_keys > 0 AND kept_keys = 0) AS none_active FROM ({by_group}) AS lines"
    )
