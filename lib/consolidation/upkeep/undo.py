"""Putting back what a repair has removed: planned, then done in one transaction, or refused."""

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
    """What an undo would put back.

    Attributes:
        backup_table: Holds all rows of the repaired keys as they were.
        rows_to_put_back: All rows of the backup.
        rows_to_replace: The rows that the repair kept: one a key.
        rows_digest: Of the backup's content.
    """

    game_date: date
    backup_table: TableName
    rows_to_put_back: int
    rows_to_replace: int
    rows_digest: str


def plan_undo(warehouse: Warehouse, spec: TableSpec, game_date: date, backup_table: str) -> UndoPlan:
    """Look at a backup and at the rows that were kept. Reads only.

    Raises:
        UserError: It is no backup of that date, or there is none of that name.
        RepairRefused: The rows that the repair kept have changed since.
    """
    if backup_table == spec.superseded.table:
        raise UserError(
            f"{backup_table} says which rows consolidations have superseded, and a consolidation is not undone; "
            "stage the rows that should be the active ones, and consolidate them"
        )
    if not plain_identifier(backup_table, "backup table").startswith(BACKUP_PREFIX):
        raise UserError(f"{backup_table} is no backup of a repair; their names start with {BACKUP_PREFIX}")
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
        raise UserError(f"{backup_table} holds no rows of {game_date}; nothing was put back")
    if not (found["as_many"] and found["unchanged"]):
        raise RepairRefused(
            f"{backup_table} cannot be put back: the rows that the repair kept are not there as they were (rows were "
            "changed, added or removed since, or it was undone already); nothing was changed"
        )
    return UndoPlan(game_date, backup, int(found["row_count"]), int(found["kept_rows"]), found["content"])


def _missing(warehouse: Warehouse, spec: TableSpec, backup_table: str) -> str:
    """Why a backup is not there, as far as the trail of actions says."""
    for record in AuditTrail(warehouse, spec).records():
        after = json.loads(record.after) if record.after else {}
        if after.get(BACKUP) == backup_table and (until := after.get(BACKUP_UNTIL)):
            return f"backup {backup_table} was kept until {until} and is gone, so this repair cannot be undone any more"
    return f"there is no backup {backup_table}"


def undo_repair(
    warehouse: Warehouse,
    locks: ConsolidationLock,
    spec: TableSpec,
    plan: UndoPlan,
    *,
    record: ActionRecord | None = None,
) -> None:
    """Put the rows of a backup table back in place of the rows that were kept. The backup stays.

    The record is filed in the same transaction.

    Raises:
        RepairRefused: The backup or the kept rows have changed since the plan; nothing was changed.
        LockError: The date's lock could not be had.
    """
    columns = warehouse.columns(plan.backup_table)
    steps = _steps(spec, columns, plan.backup_table)
    transact_fenced(warehouse, locks, spec, plan.game_date, "undo", steps, {"backup_digest": plan.rows_digest}, record)


def _present(spec: TableSpec, kept: str) -> str:
    """The rows that the keys of the kept rows have now."""
    return (
        f"SELECT T.* FROM {spec.table.sql} AS T JOIN {kept} AS K ON {same_key(spec, 'T', 'K')} "
        f"WHERE {counted_rows(spec, 'T')}"
    )


def _as_many(spec: TableSpec, kept: str) -> str:
    return f"(SELECT COUNT(*) FROM ({_present(spec, kept)}) AS P) = (SELECT COUNT(*) FROM {kept} AS kept)"


def _unchanged(spec: TableSpec, columns: Sequence[Column], kept: str) -> str:
    """By values and not by a digest: the backup may write a number with other digits after the point."""
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
