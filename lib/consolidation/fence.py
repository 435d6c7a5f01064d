"""The fence: the warehouse's own memory of the newest token of each date of a table.

A lease can be lost while its holder writes; the fence makes that harmless. Every write to a
date moves the date's fence row inside the same transaction. Two transactions that move one
row conflict, and one is rolled back; a token older than the row's is refused.
See https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html
and https://cloud.google.com/bigquery/docs/transactions (only an UPDATE makes BigQuery
cancel the rival; reading the row would not).

Two insertions of one missing row may race and both survive, here as in BigQuery. So the
UPDATE touches every row of the date, a newer token in any of them refuses, and the
maximum counts.

No setting may decide which row is used: two consolidations of one table and date with a
fence row each would both insert all their rows. So the row's key is the date alone, a main
table has one fence table, and every row records `TableSpec.identity`: a spec with another
date column would mean other rows by "the date", so it is refused. Because each row records
it, a change of the spec updates every row and conflicts with every transaction under way.
A row is inserted and committed before the transaction that needs it begins, and only if no
row has another spec. So of two first consolidations with different specs, the one that
begins later sees the other's row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Protocol

from lib.consolidation.errors import (
    RepairRefused,
    RequirementFailed,
    SpecChanged,
    StaleToken,
    TableNotFound,
)
from lib.consolidation.requirements import guarded
from lib.consolidation.retry import until_no_conflict
from lib.consolidation.superseding import make_room_for_superseded
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column, Execute, Parameters, Step, TransactionOutcome, Warehouse
from lib.locking.lease import Lease
from lib.locking.lock import ConsolidationLock

# A consolidation stores its counts before the MERGE in the row that it moves, which saves a separate query.
COUNTED_BEFORE = ("staged_rows", "rows_before", "duplicates_before", "excess_before")
FENCE_COLUMNS = (
    Column("day", "DATE"),
    Column("token", "INT64"),
    Column("spec", "STRING"),
    Column("moved_by", "STRING"),
    Column("moved_at", "TIMESTAMP"),
    *(Column(name, "INT64") for name in COUNTED_BEFORE),
)
STALE_TOKEN = "stale_token"  # noqa: S105
FENCE_MISSING = "fence_missing"
SPEC_CHANGED = "spec_changed"
_CHANGE_SECONDS = 60.0


class Record(Protocol):
    """A change's audit entry: a step that files it in the transaction that makes the change."""

    @property
    def parameters(self) -> Parameters: ...
    def step(self, spec: TableSpec) -> Step: ...


def move_fence(
    spec: TableSpec, *, has_lease: bool, requirements: Mapping[str, str] | None = None, counted: str = ""
) -> Execute:
    """Return the step that moves the fence, or refuses. Parameters: day, spec, moved_by and, with a lease, token.

    Without a lease the token is one more than the newest, read in the transaction.

    Args:
        spec: The main table.
        has_lease: Whether a lease supplies the token.
        requirements: Further conditions, by the code of their refusal; they may use the counts.
        counted: A SELECT of one row with the columns `COUNTED_BEFORE`; conditions refer to it as ``counted``.
    """
    fences = spec.fences.sql
    newest = f"(SELECT MAX(newest.token) + 1 FROM {fences} AS newest WHERE newest.day = @day)"
    newer = f"SELECT 1 FROM {fences} AS newer WHERE newer.day = @day AND newer.token > @token"
    conditions = {
        SPEC_CHANGED: f"NOT EXISTS (SELECT 1 FROM {fences} AS other WHERE other.spec IS DISTINCT FROM @spec)",
        **({STALE_TOKEN: f"NOT EXISTS ({newer})"} if has_lease else {}),
        **(requirements or {}),
    }
    columns = {
        "token": guarded("@token" if has_lease else newest, conditions),
        "moved_by": "@moved_by",
        "moved_at": "CURRENT_TIMESTAMP()",
        **({name: f"counted.{name}" for name in COUNTED_BEFORE} if counted else {}),
    }
    return Execute(
        "fence",
        f"UPDATE {fences} AS fence SET {', '.join(f'{name} = {value}' for name, value in columns.items())} "
        f"{f'FROM ({counted}) AS counted ' if counted else ''}WHERE fence.day = @day",
        must_touch=FENCE_MISSING,
    )


def fence_row(spec: TableSpec) -> str:
    """Return a SELECT of the date's current fence: one row, even if racing insertions left several."""
    newest = ", ".join(f"MAX(fence.{name}) AS {name}" for name in ("token", *COUNTED_BEFORE))
    return f"SELECT {newest} FROM {spec.fences.sql} AS fence WHERE fence.day = @day"


def recorded_specs(warehouse: Warehouse, spec: TableSpec) -> list[str]:
    """Return the specs recorded in the fence table; empty before the table's first consolidation."""
    try:
        rows = warehouse.query(f"SELECT DISTINCT spec FROM {spec.fences.sql} ORDER BY spec")
    except TableNotFound:
        return []
    return [str(row["spec"]) for row in rows]


def spec_changed(warehouse: Warehouse, spec: TableSpec) -> SpecChanged:
    """Return the error for a spec that differs from the recorded one."""
    recorded = " and ".join(f"[{found}]" for found in recorded_specs(warehouse, spec)) or "another spec"
    return SpecChanged(
        f"{spec.table} is consolidated with {recorded}, not with [{spec.identity}]; nothing was written, because "
        "writers that differ in this are not fenced against each other; correct the table's settings, or preview "
        "a change of the recorded spec: runbook fence spec --env ENVIRONMENT"
    )


def ensure_fence(warehouse: Warehouse, spec: TableSpec, game_date: date) -> None:
    """Insert the date's fence row if it is missing and no row has another spec.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        game_date: The date.
    """
    warehouse.create_table(spec.fences, FENCE_COLUMNS)
    warehouse.transact([insert_fence(spec)], {"day": game_date, "spec": spec.identity})


def insert_fence(spec: TableSpec) -> Execute:
    """Return the step that inserts the row; commit it before the transaction that needs it. Parameters: day, spec."""
    fences = spec.fences.sql
    return Execute(
        "insert fence",
        f"INSERT INTO {fences} (day, token, spec, moved_by, moved_at) "
        "SELECT @day, 0, @spec, '', CURRENT_TIMESTAMP() FROM (SELECT 1) "
        f"WHERE NOT EXISTS (SELECT 1 FROM {fences} WHERE day = @day OR spec <> @spec)",
    )


def change_spec(warehouse: Warehouse, spec: TableSpec, recorded: Sequence[str], record: Record) -> None:
    """Replace the recorded specs with this one and file the audit entry, in one transaction.

    It updates every row, so it conflicts with each consolidation under way. Before that, the ledger and the table of
    superseded rows get the columns that consolidations with this spec write.

    Args:
        warehouse: Where the tables are.
        spec: The new spec.
        recorded: The specs to replace, as read by `recorded_specs`.
        record: The audit entry.

    Raises:
        SpecChanged: Other specs have been recorded meanwhile; nothing was changed.
    """
    make_room_for_superseded(warehouse, spec)
    fences = spec.fences.sql
    others = f"SELECT 1 FROM {fences} AS other WHERE other.spec NOT IN UNNEST(@recorded)"
    changed = guarded("@spec", {SPEC_CHANGED: f"NOT EXISTS ({others})"})
    steps: list[Step] = [
        Execute("spec", f"UPDATE {fences} SET spec = {changed}, moved_at = CURRENT_TIMESTAMP() WHERE TRUE"),
        record.step(spec),
    ]
    parameters: Parameters = {"spec": spec.identity, "recorded": list(recorded), **record.parameters}
    try:
        until_no_conflict(partial(warehouse.transact, steps, parameters), patience_seconds=_CHANGE_SECONDS)
    except RequirementFailed as error:
        raise spec_changed(warehouse, spec) from error


def transact_fenced(
    warehouse: Warehouse,
    locks: ConsolidationLock,
    spec: TableSpec,
    game_date: date,
    purpose: str,
    steps: Sequence[Step],
    parameters: Parameters,
    record: Record | None = None,
) -> None:
    """Run an operator's change of a date's rows in one transaction: under the lock, fenced and audited.

    Args:
        warehouse: Where the tables are.
        locks: The lock of each date.
        spec: The main table.
        game_date: The date.
        purpose: A word for the change; names the lock's batch and appears in messages.
        steps: What to do, after the fence has moved.
        parameters: Bound in every step, together with those of the fence.
        record: The audit entry.

    Raises:
        RepairRefused: A requirement of the steps was false; nothing was changed.
        SpecChanged: The table is consolidated with another spec; nothing was changed.
        StaleToken: The lock was lost; nothing was changed.
        LeaseLost: The lock was lost; if an audit entry was filed, this was after the commit.
        LockAcquisitionError: Another holds the lock.
    """
    ensure_fence(warehouse, spec, game_date)
    filed = [record.step(spec)] if record else []
    fenced = [move_fence(spec, has_lease=True), *steps, *filed]
    with locks.acquire(game_date=game_date, batch_id=f"{purpose}_{game_date}") as lease:
        bound = {
            **parameters,
            **(record.parameters if record else {}),
            "day": game_date,
            **spec.dates.bound(day=game_date),
            "spec": spec.identity,
            "moved_by": purpose,
            "token": lease.token,
        }
        try:
            until_no_conflict(
                partial(_transact_held, warehouse, lease, fenced, bound), patience_seconds=_CHANGE_SECONDS
            )
        except RequirementFailed as error:
            if error.code in (SPEC_CHANGED, FENCE_MISSING):
                raise spec_changed(warehouse, spec) from error
            if error.code == STALE_TOKEN:
                raise StaleToken(f"the lock of {game_date} was lost; nothing was changed") from error
            raise RepairRefused(
                f"the {purpose} of {game_date} was refused and nothing was changed: the rows have changed since "
                f"it was planned ({error.code.replace('_', ' ')}); make a new plan"
            ) from error


def _transact_held(
    warehouse: Warehouse, lease: Lease, steps: Sequence[Step], parameters: Parameters
) -> TransactionOutcome:
    lease.ensure_held()
    return warehouse.transact(steps, parameters)


class WarehouseFence:
    """Moves the fence after a forced release, without writing anything else.

    Args:
        warehouse: Returns the warehouse; called only when the fence is moved, which most locks never do.
        spec: The main table.
    """

    def __init__(self, warehouse: Callable[[], Warehouse], spec: TableSpec) -> None:
        self._warehouse = warehouse
        self._spec = spec

    def advance(self, game_date: date, token: int) -> None:
        """From now on, refuse every token of the date that is older than this one.

        Raises:
            SpecChanged: The date has no fence row, and the table is consolidated with another spec.
        """
        warehouse, fences = self._warehouse(), self._spec.fences.sql
        ensure_fence(warehouse, self._spec, game_date)
        # As a single statement it waits for a transaction under way; BigQuery then cancels neither.
        move = Execute(
            "fence",
            f"UPDATE {fences} SET moved_by = IF(token < @token, 'forced release', moved_by), "
            "moved_at = IF(token < @token, CURRENT_TIMESTAMP(), moved_at), token = GREATEST(token, @token) "
            "WHERE day = @day",
            must_touch=FENCE_MISSING,
        )
        parameters: Parameters = {"day": game_date, "token": token}
        try:
            until_no_conflict(partial(warehouse.transact, [move], parameters), patience_seconds=_CHANGE_SECONDS)
        except RequirementFailed as error:
            raise spec_changed(warehouse, self._spec) from error
