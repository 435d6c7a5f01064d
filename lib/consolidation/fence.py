"""The fence: the warehouse's own memory of the newest token of each lock key.

A lease can be lost while its holder writes; the fence is what makes that harmless.
Every write to a date moves the fence row of its lock key inside the same transaction:
two transactions that move one row conflict, and one is rolled back; a token older than
the row's is refused. See https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html
and https://cloud.google.com/bigquery/docs/transactions (only an UPDATE makes BigQuery
cancel the rival; reading the row would not).

Two insertions of one missing row may race and both survive, here as in BigQuery. So the
UPDATE touches every row of the key, a newer token in any of them refuses, and the
maximum counts.
"""

from __future__ import annotations

from collections.abc import Callable

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from lib.consolidation.errors import TransactionConflict
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column, Execute, Require, Step, Warehouse

FENCE_COLUMNS = (
    Column("lock_key", "STRING"),
    Column("token", "INT64"),
    Column("moved_by", "STRING"),
    Column("moved_at", "TIMESTAMP"),
)
STALE_TOKEN = "stale_token"  # noqa: S105
FENCE_MISSING = "fence_missing"


def fence_steps(spec: TableSpec, *, has_lease: bool) -> list[Step]:
    """Move the fence, or refuse. Parameters: lock_key, moved_by and, with a lease, token.

    Without a lease the token is one more than the newest, read in the transaction.
    """
    fences = spec.fences.sql
    newest = f"(SELECT MAX(newest.token) + 1 FROM {fences} AS newest WHERE newest.lock_key = @lock_key)"
    steps: list[Step] = [
        Require(FENCE_MISSING, f"EXISTS (SELECT 1 FROM {fences} WHERE lock_key = @lock_key)"),
        Execute(
            "fence",
            f"UPDATE {fences} SET token = {'@token' if has_lease else newest}, moved_by = @moved_by, "
            "moved_at = CURRENT_TIMESTAMP() WHERE lock_key = @lock_key",
        ),
    ]
    if has_lease:
        newer = f"SELECT 1 FROM {fences} WHERE lock_key = @lock_key AND token > @token"
        steps.insert(1, Require(STALE_TOKEN, f"NOT EXISTS ({newer})"))
    return steps


def current_token(spec: TableSpec) -> str:
    """GoogleSQL for the token that the fence stands at."""
    return f"(SELECT MAX(token) FROM {spec.fences.sql} WHERE lock_key = @lock_key)"


def ensure_fence(warehouse: Warehouse, spec: TableSpec, lock_key: str) -> None:
    """Insert the fence row of the key if it is missing."""
    fences = spec.fences.sql
    warehouse.transact(
        [
            Execute(
                "insert fence",
                f"INSERT INTO {fences} (lock_key, token, moved_by, moved_at) "
                "SELECT @lock_key, 0, '', CURRENT_TIMESTAMP() FROM (SELECT 1) "
                f"WHERE NOT EXISTS (SELECT 1 FROM {fences} WHERE lock_key = @lock_key)",
            )
        ],
        {"lock_key": lock_key},
    )


class WarehouseFence:
    """Moves the fence without writing anything else: after a forced release.

    Args:
        warehouse: Called when the fence is moved; most users of a lock never do that.
        spec: The table that the fence stands beside.
    """

    def __init__(self, warehouse: Callable[[], Warehouse], spec: TableSpec) -> None:
        self._warehouse = warehouse
        self._spec = spec

    def advance(self, lock_key: str, token: int) -> None:
        """Refuse every token older than this one from now on."""
        warehouse, fences = self._warehouse(), self._spec.fences
        warehouse.create_table(fences, FENCE_COLUMNS)
        ensure_fence(warehouse, self._spec, lock_key)
        move = Execute(
            "fence",
            f"UPDATE {fences.sql} SET token = @token, moved_by = 'forced release', "
            "moved_at = CURRENT_TIMESTAMP() WHERE lock_key = @lock_key AND token < @token",
        )
        retrying = Retrying(
            retry=retry_if_exception_type(TransactionConflict),
            wait=wait_random_exponential(0.05, max=2),
            stop=stop_after_delay(60),
            reraise=True,
        )
        retrying(warehouse.transact, [move], {"lock_key": lock_key, "token": token})
