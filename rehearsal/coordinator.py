"""A coordinator process whose MERGE lasts until its standard input ends.

    python -m rehearsal.coordinator ENVIRONMENT BATCH GAME_DATE LEASE_SECONDS

The consolidation is the library's own. It prints a line when its MERGE has begun, and then keeps its lock with
heartbeats. Its input ends when its parent ends for any reason, so it cannot be left behind.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from lib.consolidation.consolidator import BatchConsolidator
from lib.consolidation.identifiers import TableName
from lib.consolidation.warehouse import Execute, Parameters, Step, TransactionOutcome
from lib.embedded.duckdb_warehouse import DuckdbWarehouse
from lib.embedded.sqlite_locks import SqliteLockStore
from lib.locking.lease import LeaseTiming
from lib.locking.lock import ConsolidationLock
from lib.platform import connect
from rehearsal.holders import MERGE_HAS_BEGUN
from rehearsal.stage import embedded_warehouse


class _SlowWarehouse(DuckdbWarehouse):
    """A warehouse that pauses before a MERGE, without holding the file open, so that others can work."""

    @contextmanager
    def session(self) -> Iterator[None]:
        yield

    def transact(
        self,
        steps: Sequence[Step],
        parameters: Parameters,
        *,
        gather: Mapping[TableName, Sequence[TableName]] | None = None,
        **options: Any,
    ) -> TransactionOutcome:
        if any(isinstance(step, Execute) and step.name == "merge" for step in steps):
            sys.stdout.write(f"{MERGE_HAS_BEGUN}\n")
            sys.stdout.flush()
            sys.stdin.read()
        return super().transact(steps, parameters, gather=gather, **options)


def main(environment: str, batch_id: str, game_date: str, lease_seconds: str) -> None:
    platform = connect(environment)
    warehouse = _SlowWarehouse(embedded_warehouse(platform).path)
    timing = LeaseTiming(float(lease_seconds))
    # A request must fit between the deadlines of a short lease.
    room_seconds = timing.lease_seconds - timing.renewal_deadline_seconds
    locks = ConsolidationLock(
        platform.environment.project_id,
        store=SqliteLockStore(warehouse.path.parent / "locks.sqlite", request_timeout_seconds=room_seconds / 2),
        timing=timing,
        key_for=platform.table.lock_key,
    )
    BatchConsolidator(warehouse, locks, platform.table).consolidate_batch(batch_id=batch_id, game_date=game_date)


if __name__ == "__main__":
    main(*sys.argv[1:])
