"""Undo a repair: plan it, then restore the removed rows in one transaction, or refuse."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from lib.consolidation.errors import RepairRefused, TableNotFound
from lib.consolidation.fence import transact_fenced
from lib.consolidation.identifiers import TableName, plain_identifier
from lib.consolidation.key import (
    column_list,
    comparable,
    counted_rows,
    newest_of_each_key,
    rows_digest,
    same_key,
)
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.audit import ActionRecord, AuditTrail
from lib.consolidation.upkeep.repair import BACKUP, BACKUP_PREFIX, BACKUP_UNTIL, delete_keys_of
from lib.consolidation.warehouse import Column, Execute, Require, Step, Warehouse
from lib.errors import UserError
from lib.locking.lock import ConsolidationLock


@dataclass(frozen=True)
class UndoPlan:
    """What an undo would restore.

    Attributes:
        game_date: The date.
        backup_table: Holds all rows of the repaired keys from before the repair.
        rows_to_put_back: Number of rows in the backup.
        rows_to_replace: Number of rows that the repair kept, one per key.
        rows_digest: A digest of the backup's content.
    """

    game_date: date
    backup_table: TableName
    rows_to_put_back: int
    rows_to_replace: int
    rows_digest: str


def plan_undo(warehouse: Warehouse, spec: TableSpec, game_date: date, backup_table: str) -> UndoPlan:
    """Compare a backup with the rows that the repair kept, and plan the undo. Changes nothing.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        game_date: The date.
        backup_table: The backup's name, without dataset.

    Raises:
        UserError: It is not a backup of that date, or does not exist.
        RepairRefused: The rows that the repair kept have changed since.
    """
    if backup_table == spec.superseded.table:
        raise UserError(
            f"{backup_table} records superseded rows, and a consolidation cannot be undone; "
            "stage the rows that should be active, and consolidate them"
        )
    if not plain_identifier(backup_table, "backup table").startswith(BACKUP_PREFIX):
        raise UserError(f"{backup_table} is not a repair backup; their names start with {BACKUP_PREFIX}")
    backup = spec.table.sibling(backup_table)
    columns = warehouse.columns_of([backup]).get(backup)
    if columns is None:
        raise TableNotFound(f"{_missing(warehouse, spec, backup_table)}; nothing was put back")
    kept = f"(SELECT * FROM {backup.sql} {newest_of_each_key(spec, columns)})"
    found = warehouse.query(
        f"SELECT COUNT(*) AS row_count, COUNTIF({spec.dates.of_day()}) AS of_date, "
        f"{rows_digest(f'SELECT * FROM {backup.sql}', columns)} AS content, "
        f"(SELECT COUNT(*) FROM {kept} AS kept) AS kept_rows, "
        f"{_as_many(spec, kept)} AS as_many, {_unchanged(spec, columns, kept)} AS unchanged FROM {backup.sql}",
        spec.dates.bound(day=game_date),
    )[0]
    if not found["row_count"] or found["of_date"] != found["row_count"]:
        raise UserError(f"{backup_table} is not a backup of {game_date}; nothing was put back")
    if not (found["as_many"] and found["unchanged"]):
        raise RepairRefused(
            f"{backup_table} cannot be put back: the rows that the repair kept have changed since (rows were "
            "changed, added or removed, or the repair was undone already); nothing was changed"
        )
    return UndoPlan(game_date, backup, int(found["row_count"]), int(found["kept_rows"]), found["content"])


def _missing(warehouse: Warehouse, spec: TableSpec, backup_table: str) -> str:
    """Explain why a backup does not exist, as far as the audit trail shows."""
    for record in AuditTrail(warehouse, spec).records():
        after = json.loads(record.after) if record.after else {}
        if after.get(BACKUP) == backup_table and (until := after.get(BACKUP_UNTIL)):
            return f"backup {backup_table} was kept until {until} and no longer exists, so this repair cannot be undone"
    return f"there is no backup {backup_table}"


def undo_repair(
    warehouse: Warehouse,
    locks: ConsolidationLock,
    spec: TableSpec,
    plan: UndoPlan,
    *,
    record: ActionRecord | None = None,
) -> None:
    """Replace the rows that the repair kept with those of the backup. The backup stays.

    Args:
        warehouse: Where the tables are.
        locks: The lock of each date.
        spec: The main table.
        plan: The result of `plan_undo`.
        record: The audit entry, filed in the same transaction.

    Raises:
        RepairRefused: The backup or the kept rows have changed since the plan; nothing was changed.
        LockError: The date's lock could not be acquired.
    """
    columns = warehouse.columns(plan.backup_table)
    steps = _steps(spec, columns, plan.backup_table)
    transact_fenced(warehouse, locks, spec, plan.game_date, "undo", steps, {"backup_digest": plan.rows_digest}, record)


def _present(spec: TableSpec, kept: str) -> str:
    """Return a SELECT of the current rows of the kept rows' keys."""
    return (
        f"SELECT T.* FROM {spec.table.sql} AS T JOIN {kept} AS K ON {same_key(spec, 'T', 'K')} "
        f"WHERE {counted_rows(spec, 'T')}"
    )


def _as_many(spec: TableSpec, kept: str) -> str:
    return f"(SELECT COUNT(*) FROM ({_present(spec, kept)}) AS P) = (SELECT COUNT(*) FROM {kept} AS kept)"


def _unchanged(spec: TableSpec, columns: Sequence[Column], kept: str) -> str:
    """Compare by values, not by a digest, because the backup may store a number with other trailing digits."""
    compared = ", ".join(map(comparable, columns))
    present = f"SELECT {compared} FROM ({_present(spec, kept)}) AS P"
    return f"NOT EXISTS ((SELECT {compared} FROM {kept} AS kept) EXCEPT DISTINCT ({present}))"


def _steps(spec: TableSpec, columns: Sequence[Column], backup: TableName) -> list[Step]:
    names = column_list(column.name for column in columns)
    return [
        Require("the_backup_was_changed", f"{rows_digest(f'SELECT * FROM {backup.sql}', columns)} = @backup_digest"),
        Execute(
            "kept",
            f"CREATE TEMP TABLE undo_kept AS SELECT * FROM {backup.sql} {newest_of_each_key(spec, columns)}",
        ),
        Require("rows_were_added_or_removed", _as_many(spec, "undo_kept")),
        Require("rows_were_changed", _unchanged(spec, columns, "undo_kept")),
        Execute("remove", delete_keys_of(spec, "undo_kept")),
        Execute("put back", f"INSERT INTO {spec.table.sql} ({names}) SELECT {names} FROM {backup.sql}"),
    ]
