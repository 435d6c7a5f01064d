"""The fence: the warehouse's own memory of the newest token of each date of a table.

A lease can be lost while its holder writes; the fence is what makes that harmless.
Every write to a date moves the date's fence row inside the same transaction:
two transactions that move one row conflict, and one is rolled back; a token older than
the row's is refused. See https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html
and https://cloud.google.com/bigquery/docs/transactions (only an UPDATE makes BigQuery
cancel the rival; reading the row would not).

Two insertions of one missing row may race and both survive, here as in BigQuery. So the
UPDATE touches every row of the date, a newer token in any of them refuses, and the
maximum counts.

Nothing that is configured may decide which row that is: two consolidations of one table
and date with a fence row each would both insert all their rows. The row's key is the date
and nothing else, there is one fence table for a main table, and every row records
`TableSpec.identity`: a spec that names another date column would mean other rows by
"the date", so it is refused. Each row records it, so that a change of the spec updates
every row and conflicts with every transaction under way. A row is inserted and committed
before the transaction that needs it begins, and only where no row has another spec. So of two
first consolidations with different specs, the one that begins later sees the other's row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Protocol

from tenacity import (
    RetryCallState,
    Retrying,
    before_nothing,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from lib.consolidation.errors import (
    RepairRefused,
    RequirementFailed,
    SpecChanged,
    StaleToken,
    TableNotFound,
    TransactionConflict,
)
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column, Execute, Parameters, Require, Step, Warehouse
from lib.locking.lock import ConsolidationLock

FENCE_COLUMNS = (
    Column("game_date", "DATE"),
    Column("token", "INT64"),
    Column("spec", "STRING"),
    Column("moved_by", "STRING"),
    Column("moved_at", "TIMESTAMP"),
)
STALE_TOKEN = "stale_token"  # noqa: S105
FENCE_MISSING = "fence_missing"
SPEC_CHANGED = "spec_changed"


class Record(Protocol):
    """What the audit trail keeps of a change: a step that files it, in the transaction that makes the change."""

    @property
    def parameters(self) -> Parameters: ...
    def step(self, spec: TableSpec) -> Step: ...


def fence_steps(spec: TableSpec, *, has_lease: bool) -> list[Step]:
    """Move the fence, or refuse. Parameters: game_date, spec, moved_by and, with a lease, token.

    Without a lease the token is one more than the newest, read in the transaction.
    """
    fences = spec.fences.sql
    newest = f"(SELECT MAX(newest.token) + 1 FROM {fences} AS newest WHERE newest.game_date = @game_date)"
    steps: list[Step] = [
        Require(SPEC_CHANGED, f"NOT EXISTS (SELECT 1 FROM {fences} WHERE spec IS DISTINCT FROM @spec)"),
        Require(FENCE_MISSING, f"EXISTS (SELECT 1 FROM {fences} WHERE game_date = @game_date)"),
        Execute(
            "fence",
            f"UPDATE {fences} SET token = {'@token' if has_lease else newest}, moved_by = @moved_by, "
            "moved_at = CURRENT_TIMESTAMP() WHERE game_date = @game_date",
        ),
    ]
    if has_lease:
        newer = f"SELECT 1 FROM {fences} WHERE game_date = @game_date AND token > @token"
        steps.insert(2, Require(STALE_TOKEN, f"NOT EXISTS ({newer})"))
    return steps


def current_token(spec: TableSpec) -> str:
    """GoogleSQL for the token that the fence stands at."""
    return f"(SELECT MAX(token) FROM {spec.fences.sql} WHERE game_date = @game_date)"


def recorded_specs(warehouse: Warehouse, spec: TableSpec) -> list[str]:
    """The specs that the fence table records; none before the table's first consolidation."""
    try:
        rows = warehouse.query(f"SELECT DISTINCT spec FROM {spec.fences.sql} ORDER BY spec")
    except TableNotFound:
        return []
    return [str(row["spec"]) for row in rows]


def spec_changed(warehouse: Warehouse, spec: TableSpec) -> SpecChanged:
    """The refusal of a spec that is not the one recorded."""
    recorded = " and ".join(f"[{found}]" for found in recorded_specs(warehouse, spec)) or "another spec"
    return SpecChanged(
        f"{spec.table} is consolidated with {recorded}, and not with [{spec.identity}]; nothing was written, as two "
        "consolidations that differ in this would not notice each other; correct the table's settings, or see "
        "what a change of the recorded spec would do: runbook fence spec --env ENVIRONMENT"
    )


def ensure_fence(warehouse: Warehouse, spec: TableSpec, game_date: date) -> None:
    """Insert the date's fence row if it is missing, and no row has another spec."""
    fences = spec.fences.sql
    warehouse.create_table(spec.fences, FENCE_COLUMNS)
    warehouse.transact(
        [
            Execute(
                "insert fence",
                f"INSERT INTO {fences} (game_date, token, spec, moved_by, moved_at) "
                "SELECT @game_date, 0, @spec, '', CURRENT_TIMESTAMP() FROM (SELECT 1) "
                f"WHERE NOT EXISTS (SELECT 1 FROM {fences} WHERE game_date = @game_date OR spec <> @spec)",
            )
        ],
        {"game_date": game_date, "spec": spec.identity},
    )


def change_spec(warehouse: Warehouse, spec: TableSpec, recorded: Sequence[str], record: Record) -> None:
    """Record this spec in place of those, with the action's record, in one transaction.

    It updates every row, so it conflicts with each consolidation that is under way.

    Raises:
        SpecChanged: Others are recorded by now; nothing was changed.
    """
    fences = spec.fences.sql
    others = f"SELECT 1 FROM {fences} WHERE spec NOT IN UNNEST(@recorded)"
    steps: list[Step] = [
        Require(SPEC_CHANGED, f"NOT EXISTS ({others})"),
        Execute("spec", f"UPDATE {fences} SET spec = @spec, moved_at = CURRENT_TIMESTAMP() WHERE TRUE"),
        record.step(spec),
    ]
    try:
        _until_no_conflict(warehouse, steps, {"spec": spec.identity, "recorded": list(recorded), **record.parameters})
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
    """Change a date's rows by hand: under its lock, past the fence, and on record, or not at all.

    Raises:
        RepairRefused: A requirement of the steps was false; nothing was changed.
        SpecChanged: The table is consolidated with another spec; nothing was changed.
        StaleToken: The lock was lost; nothing was changed.
        LeaseLost: The lock was lost; after the commit, should that be on record.
        LockAcquisitionError: Another holds the lock.
    """
    ensure_fence(warehouse, spec, game_date)
    filed = [record.step(spec)] if record else []
    with locks.acquire(game_date=game_date, batch_id=f"{purpose}_{game_date}") as lease:
        bound = {
            **parameters,
            **(record.parameters if record else {}),
            "game_date": game_date,
            "spec": spec.identity,
            "moved_by": purpose,
            "token": lease.token,
        }
        try:
            fenced = [*fence_steps(spec, has_lease=True), *steps, *filed]
            _until_no_conflict(warehouse, fenced, bound, before=lambda _: lease.ensure_held())
        except RequirementFailed as error:
            if error.code == SPEC_CHANGED:
                raise spec_changed(warehouse, spec) from error
            if error.code == STALE_TOKEN:
                raise StaleToken(f"the lock of {game_date} was lost; nothing was changed") from error
            raise RepairRefused(
                f"the {purpose} of {game_date} was refused and nothing was changed: the rows are not those "
                f"it was planned for ({error.code.replace('_', ' ')}); look again and make a new plan"
            ) from error


def _until_no_conflict(
    warehouse: Warehouse,
    steps: Sequence[Step],
    parameters: Parameters,
    before: Callable[[RetryCallState], None] = before_nothing,
) -> None:
    retrying = Retrying(
        retry=retry_if_exception_type(TransactionConflict),
        wait=wait_random_exponential(0.05, max=2),
        stop=stop_after_delay(60),
        before=before,
        reraise=True,
    )
    retrying(warehouse.transact, steps, parameters)


class WarehouseFence:
    """Moves the fence without writing anything else: after a forced release.

    Args:
        warehouse: Called when the fence is moved; most users of a lock never do that.
        spec: The table that the fence stands beside.
    """

    def __init__(self, warehouse: Callable[[], Warehouse], spec: TableSpec) -> None:
        self._warehouse = warehouse
        self._spec = spec

    def advance(self, game_date: date, token: int) -> None:
        """Refuse every token of the date that is older than this one from now on.

        Raises:
            SpecChanged: The date has no fence row, and the table is consolidated with another spec.
        """
        warehouse, fences = self._warehouse(), self._spec.fences.sql
        ensure_fence(warehouse, self._spec, game_date)
        there = Require(FENCE_MISSING, f"EXISTS (SELECT 1 FROM {fences} WHERE game_date = @game_date)")
        move = Execute(
            "fence",
            f"UPDATE {fences} SET token = @token, moved_by = 'forced release', "
            "moved_at = CURRENT_TIMESTAMP() WHERE game_date = @game_date AND token < @token",
        )
        try:
            _until_no_conflict(warehouse, [there, move], {"game_date": game_date, "token": token})
        except RequirementFailed as error:
            raise spec_changed(warehouse, self._spec) from error
