"""The consolidation's transaction, step by step, in GoogleSQL.

Parameters of the steps: game_date, batch_id, run_id, lock_key, spec, moved_by, token (with a
lease), job_id, holder_id, host, staging_tables, known_runs (of this batch when its tables
were listed), started_at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lib.consolidation.fence import fence_row, move_fence
from lib.consolidation.identifiers import TableName
from lib.consolidation.key import column_list, counted_rows, newest_of_each_key, quoted, same_key
from lib.consolidation.ledger import LEDGER_COLUMNS
from lib.consolidation.requirements import guarded
from lib.consolidation.schema import tables_by_columns
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column, Execute, Step

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
        """A SELECT of all staged rows, with what each row owns of the columns that not every row does."""
        owned = self.partly_staged
        return " UNION ALL ".join(_select(group, self.columns, owned) for group in self.groups)

    def of(self, *names: str) -> str:
        """A SELECT of these columns of all staged rows, for statements that need no more."""
        needed = [column for column in self.columns if column.name in names]
        return " UNION ALL ".join(_select(group, needed, ()) for group in self.groups)


def _select(group: StagedGroup, columns: Iterable[Column], owned: Iterable[str]) -> str:
    types = {column.name: column.type for column in group.columns}
    items = [_item(column, types.get(column.name)) for column in columns]
    items += [f"{'TRUE' if name in types else 'FALSE'} AS {_ownership(name)}" for name in owned]
    return f"SELECT {', '.join(items)} FROM {group.relation.sql}"


def _item(column: Column, staged_type: str | None) -> str:
    name = quoted(column.name)
    if staged_type is None:
        return f"CAST(NULL AS {column.type}) AS {name}"
    return name if staged_type == column.type else f"CAST({name} AS {column.type}) AS {name}"


def _ownership(name: str) -> str:
    return quoted(f"staged__{name}")


def consolidation_steps(staged: StagedRows, *, has_lease: bool) -> list[Step]:
    """Fence with what is there before, MERGE, ledger with what is there after it: all of it, or nothing.

    Three statements, for each is a job. Each reads the main table once.
    """
    spec = staged.spec
    requirements = {
        ALREADY_MERGED: _none_merged_yet(spec),
        WRONG_DATE: "counted.wrong_date_rows = 0",
        INACTIVE_ROWS: "counted.inactive_rows = 0",
    }
    return [
        move_fence(spec, has_lease=has_lease, requirements=requirements, counted=counted_before(staged)),
        Execute("merge", _merge(staged)),
        Execute("ledger", _ledger(staged)),
    ]


def _none_merged_yet(spec: TableSpec) -> str:
    """A rival may have merged these very tables since they were listed."""
    return (
        f"NOT EXISTS (SELECT 1 FROM {spec.ledger.sql} AS run, UNNEST(run.staging_tables) AS merged "
        "WHERE run.batch_id = @batch_id AND run.run_id NOT IN UNNEST(@known_runs) "
        "AND merged IN UNNEST(@staging_tables))"
    )


def counted_before(staged: StagedRows) -> str:
    """How many rows are staged, how many of them must not have been, and what the main table has of the date."""
    return f"SELECT * FROM ({_staged_counts(staged)}) AS staged CROSS JOIN ({_main_counts(staged.spec)}) AS main"


def _staged_counts(staged: StagedRows) -> str:
    spec = staged.spec
    names = {column.name for column in staged.columns}
    inactive = f"COUNTIF(NOT {quoted(spec.active_column)})" if spec.active_column in names else "0"
    return (
        f"SELECT COUNT(*) AS staged_rows, COUNTIF({quoted(spec.date_column)} IS DISTINCT FROM @game_date) "
        f"AS wrong_date_rows, {inactive} AS inactive_rows "
        f"FROM ({staged.of(spec.date_column, spec.active_column)}) AS staged"
    )


def _main_counts(spec: TableSpec) -> str:
    """Rows, keys that have several rows, and the rows beyond the first of each key."""
    keys = column_list(spec.key_columns, "T")
    return (
        "SELECT COALESCE(SUM(copies), 0) AS rows_before, COUNTIF(copies > 1) AS duplicates_before, "
        "COALESCE(SUM(copies - 1), 0) AS excess_before FROM ("
        f"SELECT COUNT(*) AS copies FROM {spec.table.sql} AS T WHERE {counted_rows(spec, 'T')} GROUP BY {keys}) AS keys"
    )


def _keys(staged: StagedRows) -> str:
    """Each key of the date, with the number of its staged rows, and of those in the main table.

    Grouped, because then NULL equals NULL, and in one go, because to look for keys that are
    missing and for keys that are there twice are the costliest of the checks.
    """
    spec = staged.spec
    keys = column_list(spec.key_columns)
    return (
        "SELECT COUNTIF(staged__key) AS staged__copies, COUNTIF(NOT staged__key) AS copies FROM ("
        f"SELECT {keys}, TRUE AS staged__key FROM ({staged.of(*spec.key_columns)}) AS staged UNION ALL "
        f"SELECT {column_list(spec.key_columns, 'T')}, FALSE FROM {spec.table.sql} AS T WHERE {counted_rows(spec, 'T')}"
        f") AS seen GROUP BY {keys}"
    )


def _key_counts(staged: StagedRows) -> str:
    """Staged keys, those of them that the main table lacks, and what it has of the date: one row."""
    return (
        "SELECT COUNTIF(staged__copies > 0) AS staged_keys, "
        "COUNTIF(staged__copies > 0 AND copies = 0) AS missing_keys, "
        "COALESCE(SUM(copies), 0) AS rows_now, COUNTIF(copies > 1) AS duplicates_now, "
        f"COALESCE(SUM(GREATEST(copies - 1, 0)), 0) AS excess_now FROM ({_keys(staged)}) AS keys"
    )


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


def _ledger(staged: StagedRows) -> str:
    """One row, in the order of `LEDGER_COLUMNS`; every staged row is inserted, updated or deduplicated.

    A MERGE takes no row away, so a key has gained a duplicate if there are more rows beyond the first of each key.
    """
    spec = staged.spec
    refusals = {STAGED_KEY_MISSING: "keys.missing_keys = 0", NEW_DUPLICATES: "keys.excess_now = fence.excess_before"}
    inserted = "(keys.rows_now - fence.rows_before)"
    computed = {
        "token": "fence.token",
        "staged_rows": guarded("fence.staged_rows", refusals),
        "inserted_rows": inserted,
        "updated_rows": f"keys.staged_keys - {inserted}",
        "deduplicated_rows": "fence.staged_rows - keys.staged_keys",
        "duplicates_before": "fence.duplicates_before",
        "duplicates_after": "keys.duplicates_now",
        "committed_at": "CURRENT_TIMESTAMP()",
    }
    names = [column.name for column in LEDGER_COLUMNS]
    return (
        f"INSERT INTO {spec.ledger.sql} ({', '.join(names)}) "
        f"SELECT {', '.join(computed.get(name, f'@{name}') for name in names)} "
        f"FROM ({fence_row(spec)}) AS fence CROSS JOIN ({_key_counts(staged)}) AS keys"
    )


def dry_run_sql(staged: StagedRows) -> str:
    """The same figures without writing: one SELECT over the gathered rows."""
    return (
        "SELECT staged.staged_rows, keys.missing_keys AS inserted_rows, "
        "keys.staged_keys - keys.missing_keys AS updated_rows, "
        "staged.staged_rows - keys.staged_keys AS deduplicated_rows, staged.wrong_date_rows, staged.inactive_rows, "
        "keys.duplicates_now AS duplicates_before "
        f"FROM ({_staged_counts(staged)}) AS staged CROSS JOIN ({_key_counts(staged)}) AS keys"
    )


def staged_groups(
    columns: Mapping[TableName, tuple[Column, ...]], relation_prefix: TableName
) -> dict[StagedGroup, list[TableName]]:
    """Tables with equal columns, stored alike, each group under a name of its own."""
    return {
        StagedGroup(relation_prefix.sibling(f"{relation_prefix.table}_{number}"), shape): tables
        for number, (shape, tables) in enumerate(tables_by_columns(columns).items())
    }
