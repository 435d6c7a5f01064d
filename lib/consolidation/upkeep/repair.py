"""Removing duplicates: planned, shown, backed up, done in one transaction, verified.

For each duplicate key the newest row stays (the spec's `newest_first`). All rows of
those keys are copied to a backup table first; the same transaction removes them and puts
back the ones to keep, and does nothing at all if it finds other rows than the plan did.
`undo` puts them back.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from lib.consolidation.fence import transact_fenced
from lib.consolidation.identifiers import TableName
from lib.consolidation.key import (
    column_list,
    counted_rows,
    duplicated_rows,
    newest_of_each_key,
    rows_digest,
    same_key,
)
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.audit import ActionRecord
from lib.consolidation.upkeep.duplicates import DuplicateCount, duplicates_on
from lib.consolidation.warehouse import Column, Execute, Require, Step, Warehouse
from lib.errors import UserError
from lib.locking.lock import ConsolidationLock
from lib.words.brief import brief

BACKUP_PREFIX = "_repair_backup_"
KEPT_FOR_EVER = "it is dropped"
# What a repair files of its backup.
BACKUP, BACKUP_UNTIL = "backup", "backup kept until"


@dataclass(frozen=True)
class RepairPlan:
    """What a repair of a date would do.

    Attributes:
        duplicate_keys: Keys with several rows.
        rows_found: All rows of those keys.
        rows_to_remove: `rows_found` less one for each key.
        rows_of_date: All rows of the date, superseded ones included.
        rows_digest: Of the content of all rows of those keys; empty when there are none.
    """

    game_date: date
    duplicate_keys: int
    rows_found: int
    rows_to_remove: int
    rows_of_date: int
    rows_digest: str

    __repr__ = brief("game_date", "duplicate_keys", "rows_to_remove")

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to repair."""
        return self.duplicate_keys == 0


@dataclass(frozen=True)
class Backup:
    """A table for the rows of a repair; from `expires_at` on it may be gone, or never where that is None."""

    table: TableName
    expires_at: datetime | None

    @property
    def kept_until(self) -> str:
        """For people, in UTC."""
        return f"{self.expires_at:%Y-%m-%d %H:%M} UTC" if self.expires_at else KEPT_FOR_EVER


@dataclass(frozen=True)
class RepairResult:
    """A repair that was committed.

    Attributes:
        backup_table: Holds all rows of the duplicate keys as they were.
        removed: Rows removed for good.
        kept: Rows kept: one a key.
        duplicate_keys_after: Counted again afterwards.
    """

    game_date: date
    backup_table: TableName
    removed: int
    kept: int
    duplicate_keys_after: int


def plan_repair(
    warehouse: Warehouse, spec: TableSpec, game_date: date, counted: DuplicateCount | None = None
) -> RepairPlan:
    """Look at the duplicates of a date. Reads only; without duplicates, no row's content is read.

    `counted` is what `duplicates_on` has just returned, if it was asked already.
    """
    count = counted or duplicates_on(warehouse, spec, game_date)
    if not count.duplicate_keys:
        return RepairPlan(game_date, 0, 0, 0, count.stored_rows, "")
    content = rows_digest(duplicated_rows(spec), warehouse.columns(spec.table))
    found = warehouse.query(
        f"SELECT COUNT(*) AS row_count, {content} AS content FROM {spec.table.sql} WHERE {spec.dates.of_day()}",
        spec.dates.bound(day=game_date),
    )[0]
    rows_found = count.duplicate_keys + count.excess_rows
    return RepairPlan(
        game_date, count.duplicate_keys, rows_found, count.excess_rows, found["row_count"], found["content"]
    )


def new_backup(spec: TableSpec, game_date: date) -> Backup:
    """A fresh name for the backup of a repair, and how long it is kept from now on."""
    table = spec.table.sibling(f"{BACKUP_PREFIX}{game_date:%Y_%m_%d}_{uuid.uuid4().hex[:8]}")
    return Backup(table, spec.retention.backup_until(datetime.now(UTC)))


def apply_repair(
    warehouse: Warehouse,
    locks: ConsolidationLock,
    spec: TableSpec,
    plan: RepairPlan,
    *,
    backup: Backup | None = None,
    record: ActionRecord | None = None,
) -> RepairResult:
    """Do what the plan says, under the date's lock, or nothing; the record is filed in the same transaction.

    By default a `new_backup` is made.

    Raises:
        RepairRefused: The table holds other duplicates than the plan found, or other rows of them.
        UserError: The plan is empty.
        LockError: The date's lock could not be had.
    """
    if plan.is_empty:
        raise UserError(f"{plan.game_date} has no duplicate keys; there is nothing to repair")
    columns = warehouse.columns(spec.table)
    backup = backup or new_backup(spec, plan.game_date)
    warehouse.copy_structure(spec.table, backup.table, expires_at=backup.expires_at)
    try:
        transact_fenced(
            warehouse,
            locks,
            spec,
            plan.game_date,
            "repair",
            _repair_steps(spec, columns, backup.table),
            {
                "rows_found": plan.rows_found,
                "duplicate_keys": plan.duplicate_keys,
                "rows_digest": plan.rows_digest,
                "rows_after": plan.rows_of_date - plan.rows_to_remove,
            },
            record,
        )
    except BaseException:
        _drop_if_empty(warehouse, backup.table)
        raise
    after = duplicates_on(warehouse, spec, plan.game_date)
    return RepairResult(
        plan.game_date,
        backup.table,
        plan.rows_to_remove,
        plan.duplicate_keys,
        duplicate_keys_after=after.duplicate_keys,
    )


def _drop_if_empty(warehouse: Warehouse, backup: TableName) -> None:
    """An error may come after the commit (the lease was lost): then the backup is needed."""
    if warehouse.query(f"SELECT COUNT(*) AS row_count FROM {backup.sql}")[0]["row_count"] == 0:
        warehouse.drop([backup])


def _repair_steps(spec: TableSpec, columns: Sequence[Column], backup: TableName) -> list[Step]:
    names = column_list(column.name for column in columns)
    keys = column_list(spec.key_columns)
    newest = newest_of_each_key(spec, columns)
    return [
        Execute("find", f"CREATE TEMP TABLE repair_rows AS {duplicated_rows(spec)}"),
        Require("other_rows_found", "(SELECT COUNT(*) FROM repair_rows) = @rows_found"),
        Require("rows_were_changed", f"{rows_digest('SELECT * FROM repair_rows', columns)} = @rows_digest"),
        Execute("keep", f"CREATE TEMP TABLE repair_keep AS SELECT * FROM repair_rows {newest}"),
        Require("other_keys_found", "(SELECT COUNT(*) FROM repair_keep) = @duplicate_keys"),
        Execute("back up", f"INSERT INTO {backup.sql} ({names}) SELECT {names} FROM repair_rows"),
        Execute("remove", delete_keys_of(spec, "repair_keep")),
        Execute("put back", f"INSERT INTO {spec.table.sql} ({names}) SELECT {names} FROM repair_keep"),
        Require(
            "still_duplicated",
            f"NOT EXISTS (SELECT {keys} FROM {spec.table.sql} AS T WHERE {counted_rows(spec, 'T')} "
            f"GROUP BY {keys} HAVING COUNT(*) > 1)",
        ),
        Require(
            "wrong_number_of_rows",
            f"(SELECT COUNT(*) FROM {spec.table.sql} WHERE {spec.dates.of_day()}) = @rows_after",
        ),
    ]


def delete_keys_of(spec: TableSpec, keys: str) -> str:
    """A MERGE, since BigQuery may refuse a DELETE whose EXISTS compares NULL-safely.

    `keys` names a relation with one row a key.
    """
    return (
        f"MERGE INTO {spec.table.sql} AS T USING {keys} AS K "
        f"ON {counted_rows(spec, 'T')} AND {same_key(spec, 'T', 'K')} WHEN MATCHED THEN DELETE"
    )
