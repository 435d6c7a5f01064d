"""Remove duplicates: plan, back up, repair in one transaction, verify.

The newest row of each duplicate key stays (by the spec's `newest_first`). One transaction
copies all rows of those keys to a backup table, removes them and puts back the ones to
keep; it changes nothing if the rows differ from those of the plan. `undo` restores them.
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
# Keys of the audit entry that describe the backup.
BACKUP, BACKUP_UNTIL = "backup", "backup kept until"


@dataclass(frozen=True)
class RepairPlan:
    """What a repair of a date would do.

    Attributes:
        game_date: The date.
        duplicate_keys: Keys with several rows.
        rows_found: All rows of those keys.
        rows_to_remove: `rows_found` minus one for each key.
        rows_of_date: All rows of the date, including superseded ones.
        rows_digest: A digest of the content of all rows of those keys; empty if there are none.
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
    """A backup table for a repair; from `expires_at` on it may be removed, or never if that is None."""

    table: TableName
    expires_at: datetime | None

    @property
    def kept_until(self) -> str:
        """When the backup expires, for people, in UTC."""
        return f"{self.expires_at:%Y-%m-%d %H:%M} UTC" if self.expires_at else KEPT_FOR_EVER


@dataclass(frozen=True)
class RepairResult:
    """A repair that was committed.

    Attributes:
        game_date: The date.
        backup_table: Holds all rows of the duplicate keys from before the repair.
        removed: Rows removed.
        kept: Rows kept, one per key.
        duplicate_keys_after: Duplicate keys counted afterwards.
    """

    game_date: date
    backup_table: TableName
    removed: int
    kept: int
    duplicate_keys_after: int


def plan_repair(
    warehouse: Warehouse, spec: TableSpec, game_date: date, counted: DuplicateCount | None = None
) -> RepairPlan:
    """Plan the repair of a date. Changes nothing, and reads the content of rows only if there are duplicates.

    Args:
        warehouse: Where the table is.
        spec: The main table.
        game_date: The date.
        counted: The result of `duplicates_on`, if the caller has just called it.
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
    """Return a new name for a repair's backup, and until when it is kept."""
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
    """Apply the plan under the date's lock, or change nothing.

    Args:
        warehouse: Where the table is.
        locks: The lock of each date.
        spec: The main table.
        plan: The result of `plan_repair`.
        backup: Where to copy the rows; by default a `new_backup`.
        record: The audit entry, filed in the same transaction.

    Raises:
        RepairRefused: The duplicates have changed since they were planned.
        UserError: The plan is empty.
        LockError: The date's lock could not be acquired.
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
    """Drop the backup only if it is empty: an error after the commit (a lost lease) leaves a backup that is needed."""
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
    """Return a MERGE that deletes the keys' rows; BigQuery may refuse a DELETE with a NULL-safe EXISTS.

    `keys` names a relation with one row per key.
    """
    return (
        f"MERGE INTO {spec.table.sql} AS T USING {keys} AS K "
        f"ON {counted_rows(spec, 'T')} AND {same_key(spec, 'T', 'K')} WHEN MATCHED THEN DELETE"
    )
