"""Of the rows that are equal in the columns of `TableSpec.supersedes`, one stays active: the newest.

A batch is newer than what is there, as it is where a key is updated: a row of the main table is superseded by
the batch's newest row of its group, if that has another key. It is set inactive and never deleted, and neither is it
overwritten when its key comes back: that row is a new one. Which rows were superseded, and by which run, is on record.
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

# Of a row of the MERGE's source: whether it is staged, and whether it is the one that stays active.
STAGED = "staged__now"
KEPT = "staged__kept"


def superseded_columns(spec: TableSpec, main: Sequence[Column]) -> list[Column]:
    """Of the table of superseded rows: which one, by which run, when."""
    types = {column.name: column.type for column in main}
    return [
        Column("superseded_by", "STRING"),
        Column("superseded_at", "TIMESTAMP"),
        *(Column(name, types[name]) for name in _named(spec)),
    ]


def _named(spec: TableSpec) -> list[str]:
    return list(dict.fromkeys(filter(None, (spec.date_column, *spec.key_columns, spec.row_id_column))))


def make_room_for_superseded(warehouse: Warehouse, spec: TableSpec) -> None:
    """Make what a table that supersedes needs beside it, or add the columns that it lacks; else nothing."""
    if not spec.supersedes:
        return
    wanted = superseded_columns(spec, warehouse.columns(spec.table))
    partitions = Partitions("superseded_at", spec.retention.ledger_days)
    warehouse.create_table(spec.superseded, wanted, partitions=partitions)
    add_missing_columns(warehouse, spec.superseded, wanted)
    create_ledger(warehouse, spec)
    add_missing_columns(warehouse, spec.ledger, ledger_columns(spec))


def record_superseded(staged: StagedRows) -> Execute:
    """Before the MERGE, which sets inactive what this puts on record. Parameters: day, run_id."""
    spec = staged.spec
    names = _named(spec)
    return Execute(
        "supersede",
        f"INSERT INTO {spec.superseded.sql} (superseded_by, superseded_at, {column_list(names)}) "
        f"SELECT @run_id, CURRENT_TIMESTAMP(), {column_list(names, 'T')} FROM {_superseded(staged)}",
    )


def _superseded(staged: StagedRows) -> str:
    """The rows T that are active and of another key than the newest row that is staged of their group."""
    spec = staged.spec
    winners = (
        f"SELECT {column_list(spec.key_columns)} FROM ({staged.sql}) AS staged "
        f"WHERE TRUE QUALIFY {rank(spec, staged.ranked, spec.supersedes)} = 1"
    )
    others = [name for name in spec.key_columns if name not in spec.supersedes]
    # A key column that is NULL and one with a value make two keys, and NULL is not FALSE.
    return (
        f"{spec.table.sql} AS T JOIN ({winners}) AS W ON {_same(spec.supersedes)} "
        f"WHERE {counted_rows(spec, 'T')} AND ({_same(others)}) IS NOT TRUE"
    )


def _same(names: Sequence[str]) -> str:
    return " AND ".join(same(f"T.{quoted(name)}", f"W.{quoted(name)}") for name in names)


def merge_source(staged: StagedRows) -> str:
    """The newest of each key, the one of its group that is kept marked, and the rows that this run supersedes."""
    spec, flag = staged.spec, Column(STAGED, "BOOL")
    types = {column.name: column.type for column in staged.main_columns}
    keys = tuple(Column(name, types[name]) for name in spec.key_columns)
    gone = select(StagedGroup(spec.superseded, keys), staged.columns, staged.partly_staged, f"FALSE AS {STAGED}")
    rows = f"SELECT *, TRUE AS {STAGED} FROM ({staged.sql}) AS staged UNION ALL {gone} WHERE superseded_by = @run_id"
    # A superseded row whose key is staged, too, is that staged row's to update.
    staged_first = replace(spec, newest_first=(STAGED, *spec.newest_first))
    ranked = [flag, *staged.ranked]
    newest = f"SELECT * FROM ({rows}) AS each_row {newest_of_each_key(staged_first, ranked)}"
    return f"(SELECT *, {rank(staged_first, ranked, spec.supersedes)} = 1 AS {KEPT} FROM ({newest}) AS newest)"


def counted_by_this_run(spec: TableSpec) -> str:
    """What this run has put on record, counted."""
    return _counted(spec, f"{spec.superseded.sql} AS W WHERE W.superseded_by = @run_id")


def counted_beforehand(staged: StagedRows) -> str:
    """What a run would put on record, counted. Parameters: day."""
    keys = column_list(staged.spec.key_columns, "T")
    return _counted(staged.spec, f"(SELECT {keys} FROM {_superseded(staged)}) AS W")


def _counted(spec: TableSpec, rows: str) -> str:
    """How many rows, how many of their keys are there twice, and the rows beyond the first of each key."""
    keys = column_list(spec.key_columns, "W")
    return (
        "SELECT COALESCE(SUM(copies), 0) AS superseded_rows, COUNTIF(copies > 1) AS superseded_duplicates, "
        f"COALESCE(SUM(copies - 1), 0) AS superseded_excess FROM (SELECT COUNT(*) AS copies FROM {rows} "
        f"GROUP BY {keys}) AS gone_keys"
    )


def main_counts(spec: TableSpec) -> str:
    """All rows of the date, and of the active ones the keys that have several, and the rows beyond the first."""
    keys = column_list(spec.key_columns, "T")
    return (
        "SELECT COALESCE(SUM(stored), 0) AS rows_before, COUNTIF(copies > 1) AS duplicates_before, "
        "COALESCE(SUM(GREATEST(copies - 1, 0)), 0) AS excess_before FROM ("
        f"SELECT COUNT(*) AS stored, COUNTIF(T.{quoted(spec.active_column)}) AS copies FROM {spec.table.sql} AS T "
        f"WHERE {spec.dates.of_day('T')} GROUP BY {keys}) AS keys"
    )


def key_counts(staged: StagedRows) -> str:
    """As of a table that supersedes nothing, but of all rows of the date; and the staged groups that are wrong.

    Those that another batch has left wrong are not looked at.
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
