"""Removing duplicates: planned, shown, backed up, done in one transaction, verified, undone.

For each duplicate key the newest row stays (the spec's `newest_first`). All rows of
those keys are copied to a backup table first; the same transaction removes them and puts
back the ones to keep, and does nothing at all if it finds other rows than the plan did.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from lib.consolidation.duplicates import count_duplicates, duplicated_rows
from lib.consolidation.errors import RepairRefused, RequirementFailed, StaleToken, TransactionConflict
from lib.consolidation.fence import FENCE_COLUMNS, STALE_TOKEN, ensure_fence, fence_steps
from lib.consolidation.identifiers import TableName, plain_identifier
from lib.consolidation.key import column_list, comparable, counted_rows, newest_of_each_key, quoted, same_key
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column, Execute, Parameters, Require, Step, Warehouse
from lib.errors import UserError
from lib.locking.lock import ConsolidationLock

BACKUP_PREFIX = "_repair_backup_"


@dataclass(frozen=True)
class RepairPlan:
    """What a repair of a date would do.

    Attributes:
        duplicate_keys: Keys with several rows.
        rows_found: All rows of those keys.
        rows_to_remove: `rows_found` less one for each key.
        rows_of_date: All rows of the date, superseded ones included.
    """

    game_date: date
    duplicate_keys: int
    rows_found: int
    rows_to_remove: int
    rows_of_date: int

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to repair."""
        return self.duplicate_keys == 0


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


def plan_repair(warehouse: Warehouse, spec: TableSpec, game_date: date) -> RepairPlan:
    """Look at the duplicates of a date. Reads only."""
    counts = count_duplicates(warehouse, spec, game_date, game_date)
    of_date = f"SELECT COUNT(*) AS row_count FROM {spec.table.sql} WHERE {quoted(spec.date_column)} = @game_date"
    rows_of_date = warehouse.query(of_date, {"game_date": game_date})[0]["row_count"]
    if not counts:
        return RepairPlan(game_date, 0, 0, 0, rows_of_date)
    count = counts[0]
    return RepairPlan(
        game_date,
        count.duplicate_keys,
        count.duplicate_keys + count.excess_rows,
        count.excess_rows,
        rows_of_date,
    )


def apply_repair(warehouse: Warehouse, locks: ConsolidationLock, spec: TableSpec, plan: RepairPlan) -> RepairResult:
    """Do what the plan says, under the date's lock, or nothing.

    Raises:
        RepairRefused: The table holds other duplicates than the plan found.
        UserError: The plan is empty.
        LockError: The date's lock could not be had.
    """
    if plan.is_empty:
        raise UserError(f"{plan.game_date} has no duplicate keys; there is nothing to repair")
    columns = warehouse.columns(spec.table)
    backup = spec.table.sibling(f"{BACKUP_PREFIX}{plan.game_date:%Y_%m_%d}_{uuid.uuid4().hex[:8]}")
    warehouse.copy_structure(spec.table, backup)
    try:
        _transact_fenced(
            warehouse,
            locks,
            spec,
            plan.game_date,
            "repair",
            _repair_steps(spec, columns, backup),
            {
                "rows_found": plan.rows_found,
                "duplicate_keys": plan.duplicate_keys,
                "rows_after": plan.rows_of_date - plan.rows_to_remove,
            },
        )
    except BaseException:
        _drop_if_empty(warehouse, backup)
        raise
    after = count_duplicates(warehouse, spec, plan.game_date, plan.game_date)
    return RepairResult(
        plan.game_date,
        backup,
        plan.rows_to_remove,
        plan.duplicate_keys,
        after[0].duplicate_keys if after else 0,
    )


def _drop_if_empty(warehouse: Warehouse, backup: TableName) -> None:
    """An error may come after the commit (the lease was lost): then the backup is needed."""
    if warehouse.query(f"SELECT COUNT(*) AS row_count FROM {backup.sql}")[0]["row_count"] == 0:
        warehouse.drop([backup])


def undo_repair(
    warehouse: Warehouse, locks: ConsolidationLock, spec: TableSpec, game_date: date, backup_table: str
) -> int:
    """Put the rows of a backup table back in place of the rows that were kept.

    The backup stays. Returns how many rows were put back.

    Raises:
        RepairRefused: The keys' rows have changed since the repair.
        TableNotFound: There is no such backup.
    """
    if not plain_identifier(backup_table, "backup table").startswith(BACKUP_PREFIX):
        raise UserError(f"{backup_table} is no backup of a repair; their names start with {BACKUP_PREFIX}")
    backup = spec.table.sibling(backup_table)
    columns = warehouse.columns(backup)
    counted = warehouse.query(
        f"SELECT COUNT(*) AS row_count, COUNTIF({quoted(spec.date_column)} = @game_date) AS of_date FROM {backup.sql}",
        {"game_date": game_date},
    )[0]
    if not counted["row_count"] or counted["of_date"] != counted["row_count"]:
        raise UserError(f"{backup_table} holds no rows of {game_date}; nothing was put back")
    _transact_fenced(warehouse, locks, spec, game_date, "undo", _undo_steps(spec, columns, backup), {})
    return int(counted["row_count"])


def _transact_fenced(
    warehouse: Warehouse,
    locks: ConsolidationLock,
    spec: TableSpec,
    game_date: date,
    purpose: str,
    steps: Sequence[Step],
    parameters: Parameters,
) -> None:
    lock_key = spec.lock_key(game_date)
    warehouse.create_table(spec.fences, FENCE_COLUMNS)
    ensure_fence(warehouse, spec, lock_key)
    with locks.acquire(game_date=game_date, batch_id=f"{purpose}_{game_date}") as lease:
        retrying = Retrying(
            retry=retry_if_exception_type(TransactionConflict),
            wait=wait_random_exponential(0.02, max=2),
            stop=stop_after_delay(60),
            before=lambda _: lease.ensure_held(),
            reraise=True,
        )
        bound = {
            **parameters,
            "game_date": game_date,
            "lock_key": lock_key,
            "moved_by": purpose,
            "token": lease.token,
        }
        try:
            retrying(warehouse.transact, [*fence_steps(spec, has_lease=True), *steps], bound)
        except RequirementFailed as error:
            if error.code == STALE_TOKEN:
                raise StaleToken(f"the lock of {game_date} was lost; nothing was changed") from error
            raise RepairRefused(
                f"the {purpose} of {game_date} was refused and nothing was changed: the rows are not those "
                f"it was planned for ({error.code.replace('_', ' ')}); look again and make a new plan"
            ) from error


def _repair_steps(spec: TableSpec, columns: Sequence[Column], backup: TableName) -> list[Step]:
    names = column_list(column.name for column in columns)
    keys = column_list(spec.key_columns)
    of_date = f"{quoted(spec.date_column)} = @game_date"
    newest = newest_of_each_key(spec, columns)
    return [
        Execute("find", f"CREATE TEMP TABLE repair_rows AS {duplicated_rows(spec)}"),
        Require("other_rows_found", "(SELECT COUNT(*) FROM repair_rows) = @rows_found"),
        Execute("keep", f"CREATE TEMP TABLE repair_keep AS SELECT * FROM repair_rows WHERE TRUE {newest}"),
        Require("other_keys_found", "(SELECT COUNT(*) FROM repair_keep) = @duplicate_keys"),
        Execute("back up", f"INSERT INTO {backup.sql} ({names}) SELECT {names} FROM repair_rows"),
        Execute("remove", _delete_keys_of(spec, "repair_keep")),
        Execute("put back", f"INSERT INTO {spec.table.sql} ({names}) SELECT {names} FROM repair_keep"),
        Require(
            "still_duplicated",
            f"NOT EXISTS (SELECT {keys} FROM {spec.table.sql} AS T WHERE {counted_rows(spec, 'T')} "
            f"GROUP BY {keys} HAVING COUNT(*) > 1)",
        ),
        Require(
            "wrong_number_of_rows",
            f"(SELECT COUNT(*) FROM {spec.table.sql} WHERE {of_date}) = @rows_after",
        ),
    ]


def _undo_steps(spec: TableSpec, columns: Sequence[Column], backup: TableName) -> list[Step]:
    names = column_list(column.name for column in columns)
    present = (
        f"SELECT T.* FROM {spec.table.sql} AS T JOIN undo_kept AS K ON {same_key(spec, 'T', 'K')} "
        f"WHERE {counted_rows(spec, 'T')}"
    )
    compared = ", ".join(map(comparable, columns))
    differing = f"(SELECT {compared} FROM undo_kept) EXCEPT DISTINCT (SELECT {compared} FROM ({present}) AS P)"
    return [
        Execute(
            "kept",
            f"CREATE TEMP TABLE undo_kept AS SELECT * FROM {backup.sql} WHERE TRUE {newest_of_each_key(spec, columns)}",
        ),
        Require(
            "rows_were_added_or_removed",
            f"(SELECT COUNT(*) FROM ({present}) AS P) = (SELECT COUNT(*) FROM undo_kept)",
        ),
        Require("rows_were_changed", f"NOT EXISTS ({differing})"),
        Execute("remove", _delete_keys_of(spec, "undo_kept")),
        Execute("put back", f"INSERT INTO {spec.table.sql} ({names}) SELECT {names} FROM {backup.sql}"),
    ]


def _delete_keys_of(spec: TableSpec, keys: str) -> str:
    """A MERGE, since BigQuery may refuse a DELETE whose EXISTS compares NULL-safely.

    `keys` names a relation with one row a key.
    """
    return (
        f"MERGE INTO {spec.table.sql} AS T USING {keys} AS K "
        f"ON {counted_rows(spec, 'T')} AND {same_key(spec, 'T', 'K')} WHEN MATCHED THEN DELETE"
    )
