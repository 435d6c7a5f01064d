"""The consolidation's transaction, step by step, in GoogleSQL.

Parameters of the steps: game_date, batch_id, run_id, lock_key, spec, moved_by, token (with a
lease), job_id, holder_id, host, staging_tables, known_runs (of this batch when its tables
were listed), started_at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lib.consolidation.fence import current_token, fence_steps
from lib.consolidation.identifiers import TableName
from lib.consolidation.key import column_list, counted_rows, newest_of_each_key, quoted, same_key
from lib.consolidation.ledger import LEDGER_COLUMNS
from lib.consolidation.schema import tables_by_columns
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column, Execute, Require, Step

ALREADY_MERGED = "already_merged"
WRONG_DATE = "wrong_date"
INACTIVE_ROWS = "inactive_rows"
STAGED_KEY_MISSING = "staged_key_missing"
NEW_DUPLICATES = "new_duplicates"


@dataclass(frozen=True)
class StagedGroup:
    """Staging tables with equal columns, gathered under one name.

    Workers of different revisions stage different columns; each row updates only the
    columns that its worker staged.
    """

    relation: TableName
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class StagedRows:
    """All groups of a batch, read as one relation with the main table's types."""

    spec: TableSpec
    main_columns: tuple[Column, ...]
    groups: tuple[StagedGroup, ...]

    @property
    def columns(self) -> list[Column]:
        """What any group staged, in the main table's order."""
        staged = {column.name for group in self.groups for column in group.columns}
        return [column for column in self.main_columns if column.name in staged]

    @property
    def partly_staged(self) -> list[str]:
        """Columns that some group lacks."""
        owned = [{column.name for column in group.columns} for group in self.groups]
        return [column.name for column in self.columns if not all(column.name in names for names in owned)]

    @property
    def sql(self) -> str:
        """A SELECT of all staged rows."""
        return " UNION ALL ".join(self._select(group) for group in self.groups)

    def _select(self, group: StagedGroup) -> str:
        types = {column.name: column.type for column in group.columns}
        items = [_item(column, types.get(column.name)) for column in self.columns]
        items += [f"{'TRUE' if name in types else 'FALSE'} AS {_ownership(name)}" for name in self.partly_staged]
        return f"SELECT {', '.join(items)} FROM {group.relation.sql}"


def _item(column: Column, staged_type: str | None) -> str:
    name = quoted(column.name)
    if staged_type is None:
        return f"CAST(NULL AS {column.type}) AS {name}"
    return name if staged_type == column.type else f"CAST({name} AS {column.type}) AS {name}"


def _ownership(name: str) -> str:
    return quoted(f"staged__{name}")


def consolidation_steps(staged: StagedRows, *, has_lease: bool) -> list[Step]:
    """Fence, MERGE, checks and ledger: all of it, or nothing."""
    spec = staged.spec
    merge = _merge(staged)
    return [
        *fence_steps(spec, has_lease=has_lease),
        Require(ALREADY_MERGED, _none_merged_yet(spec)),
        Execute("count", f"CREATE TEMP TABLE counts AS {_counts(staged)}"),
        Require(WRONG_DATE, "(SELECT wrong_date_rows FROM counts) = 0"),
        Require(INACTIVE_ROWS, "(SELECT inactive_rows FROM counts) = 0"),
        Execute("keys before", f"CREATE TEMP TABLE duplicates_before AS {_duplicates(spec)}"),
        Execute("merge", merge, standalone=merge),
        Execute("keys after", f"CREATE TEMP TABLE keys_after AS {_keys(staged)}"),
        Require(STAGED_KEY_MISSING, f"NOT EXISTS (SELECT 1 FROM keys_after WHERE {_MISSING})"),
        Require(NEW_DUPLICATES, f"NOT EXISTS ({_new_duplicates(spec)})"),
        Execute("ledger", _ledger(spec)),
    ]


def _none_merged_yet(spec: TableSpec) -> str:
    """A rival may have merged these very tables since they were listed."""
    return (
        f"NOT EXISTS (SELECT 1 FROM {spec.ledger.sql} AS run, UNNEST(run.staging_tables) AS merged "
        "WHERE run.batch_id = @batch_id AND run.run_id NOT IN UNNEST(@known_runs) "
        "AND merged IN UNNEST(@staging_tables))"
    )


def _counts(staged: StagedRows) -> str:
    """How many rows are staged, how many of them must not have been, and how many are there before the MERGE."""
    spec = staged.spec
    names = {column.name for column in staged.columns}
    inactive = f"COUNTIF(NOT {quoted(spec.active_column)})" if spec.active_column in names else "0"
    return (
        f"SELECT COUNT(*) AS staged_rows, COUNTIF({quoted(spec.date_column)} IS DISTINCT FROM @game_date) "
        f"AS wrong_date_rows, {inactive} AS inactive_rows, {_row_count(spec)} AS rows_before "
        f"FROM ({staged.sql}) AS staged"
    )


def _row_count(spec: TableSpec) -> str:
    return f"(SELECT COUNT(*) FROM {spec.table.sql} AS T WHERE {counted_rows(spec, 'T')})"


def _duplicates(spec: TableSpec) -> str:
    """The keys of the date that have several rows, with their number."""
    keys = column_list(spec.key_columns, "T")
    return (
        f"SELECT {keys}, COUNT(*) AS copies FROM {spec.table.sql} AS T WHERE {counted_rows(spec, 'T')} "
        f"GROUP BY {keys} HAVING COUNT(*) > 1"
    )


def _keys(staged: StagedRows) -> str:
    """Each staged key, and each other one that has several rows: its staged rows, and those in the main table.

    Grouped, because then NULL equals NULL, and in one go, because to look for keys that are
    missing and for keys that are there twice are the costliest of the checks.
    """
    spec = staged.spec
    keys = column_list(spec.key_columns)
    return (
        f"SELECT {keys}, COUNTIF(staged__key) AS staged__copies, COUNTIF(NOT staged__key) AS copies FROM ("
        f"SELECT {keys}, TRUE AS staged__key FROM ({staged.sql}) AS staged UNION ALL "
        f"SELECT {column_list(spec.key_columns, 'T')}, FALSE FROM {spec.table.sql} AS T WHERE {counted_rows(spec, 'T')}"
        f") AS seen GROUP BY {keys} HAVING COUNTIF(staged__key) > 0 OR COUNTIF(NOT staged__key) > 1"
    )


_MISSING = "staged__copies > 0 AND copies = 0"


def _newest(staged: StagedRows) -> str:
    """One row a key. Two rows of a rank may differ in nothing but the columns that they own."""
    owned = [Column(f"staged__{name}", "BOOL") for name in staged.partly_staged]
    newest = newest_of_each_key(staged.spec, [*staged.columns, *owned])
    return f"(SELECT * FROM ({staged.sql}) AS staged {newest})"


def _merge(staged: StagedRows) -> str:
    spec = staged.spec
    names = [column.name for column in staged.columns]
    values = [f"S.{quoted(name)}" for name in names]
    if spec.active_column in names:
        values[names.index(spec.active_column)] = f"COALESCE(S.{quoted(spec.active_column)}, TRUE)"
    elif spec.active_column:
        names, values = [*names, spec.active_column], [*values, "TRUE"]
    return (
        f"MERGE INTO {spec.table.sql} AS T USING {_newest(staged)} AS S "
        f"ON {counted_rows(spec, 'T')} AND {same_key(spec, 'T', 'S')}"
        f"{_when_matched(staged)} "
        f"WHEN NOT MATCHED THEN INSERT ({column_list(names)}) VALUES ({', '.join(values)})"
    )


def _when_matched(staged: StagedRows) -> str:
    spec = staged.spec
    fixed = {*spec.key_columns, *spec.never_update, spec.date_column, spec.active_column}
    updates = []
    for column in staged.columns:
        name = quoted(column.name)
        if column.name in fixed:
            continue
        if column.name in staged.partly_staged:
            updates.append(f"{name} = IF(S.{_ownership(column.name)}, S.{name}, T.{name})")
        else:
            updates.append(f"{name} = S.{name}")
    return f" WHEN MATCHED THEN UPDATE SET {', '.join(updates)}" if updates else ""


def _new_duplicates(spec: TableSpec) -> str:
    """Keys with several rows that had not as many before; a MERGE takes none away."""
    counted = f"SELECT {column_list(spec.key_columns)}, copies FROM"
    return f"({counted} keys_after WHERE copies > 1) EXCEPT DISTINCT ({counted} duplicates_before)"


def _figures(keys: str, inserted: str) -> str:
    """Staged, inserted, updated, deduplicated: every staged row is exactly one of them."""
    return (
        "SELECT c.staged_rows, c.inserted_rows, c.staged_keys - c.inserted_rows AS updated_rows, "
        "c.staged_rows - c.staged_keys AS deduplicated_rows, c.wrong_date_rows, c.inactive_rows, c.duplicates_after, "
        "(SELECT COUNT(*) FROM duplicates_before) AS duplicates_before "
        f"FROM (SELECT counts.*, k.*, {inserted} AS inserted_rows FROM counts CROSS JOIN ("
        f"SELECT COUNTIF(staged__copies > 0) AS staged_keys, COUNTIF({_MISSING}) AS missing_keys, "
        f"COUNTIF(copies > 1) AS duplicates_after FROM {keys}) AS k) AS c"
    )


def _ledger(spec: TableSpec) -> str:
    """One row, in the order of `LEDGER_COLUMNS`."""
    counted = {
        "staged_rows",
        "inserted_rows",
        "updated_rows",
        "deduplicated_rows",
        "duplicates_before",
        "duplicates_after",
    }
    computed = {"token": current_token(spec), "committed_at": "CURRENT_TIMESTAMP()"}
    grown = f"{_row_count(spec)} - rows_before"
    names = [column.name for column in LEDGER_COLUMNS]
    values = [f"figures.{name}" if name in counted else computed.get(name, f"@{name}") for name in names]
    return (
        f"INSERT INTO {spec.ledger.sql} ({', '.join(names)}) SELECT {', '.join(values)} "
        f"FROM ({_figures('keys_after', grown)}) AS figures"
    )


def dry_run_sql(staged: StagedRows) -> str:
    """The same figures without writing: one SELECT over the gathered rows."""
    return (
        f"WITH keys_before AS ({_keys(staged)}), counts AS ({_counts(staged)}), "
        f"duplicates_before AS ({_duplicates(staged.spec)}) {_figures('keys_before', 'missing_keys')}"
    )


def staged_groups(
    columns: Mapping[TableName, tuple[Column, ...]], relation_prefix: TableName
) -> dict[StagedGroup, list[TableName]]:
    """Tables with equal columns, stored alike, each group under a name of its own."""
    return {
        StagedGroup(relation_prefix.sibling(f"{relation_prefix.table}_{number}"), shape): tables
        for number, (shape, tables) in enumerate(tables_by_columns(columns).items())
    }
