"""The services' original lock and consolidation, including their faults, on the same servers.

Their behaviour is known from log lines and, where those are silent, from the incident's findings.
Each fault is on a line of its own, with a comment that names it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from lib.consolidation.errors import WarehouseUnavailable
from lib.consolidation.identifiers import TableName
from lib.consolidation.key import newest_of_each_key, quoted, same_key
from lib.consolidation.result import ConsolidationResult, ConsolidationStatus
from lib.consolidation.staged_rows import StagedRows, staged_groups
from lib.consolidation.staging_names import staging_prefix
from lib.consolidation.warehouse import Execute
from lib.errors import RunbookError
from lib.locking.errors import LockAcquisitionError, LockServiceUnavailable
from lib.locking.store import Claim, LockRecord
from proof.lock_store import SimulatedLockStore
from proof.standard_library import true_time
from proof.variant import Variant
from proof.witness import OriginalLease

if TYPE_CHECKING:
    from proof.program import Program

_LOCK_TIMEOUT_SECONDS = 300.0
_POLL_SECONDS = 5.0
_MERGE_TIMEOUT_SECONDS = 300.0  # as long as the lock's: it ends when the lock does


class OriginalLock:
    """One document per date, with a timeout by the reader's clock."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._store = OriginalStore(program.store)

    @contextmanager
    def acquire(self, game_date: date, batch_id: str) -> Iterator[None]:
        """Hold without heartbeat or token; at the end delete the document, even if it is another holder's by then."""
        lock_key = self._program.world.spec.lock_key(game_date)
        # The holder is the batch: two consolidations of one batch count as one.
        claim = Claim(lock_key, batch_id, batch_id, _LOCK_TIMEOUT_SECONDS, self._program.process.name)
        for _ in range(60):
            if self._try(claim):
                break
            time.sleep(_POLL_SECONDS)
        else:
            self._program.locks._on_refusal(game_date)
            raise LockAcquisitionError(lock_key, held_by="another", held_until=self._now(), waited_seconds=300.0)
        lease = OriginalLease(self._program.process, lock_key)
        self._program.world.witness.leases.append(lease)
        try:
            yield
        finally:
            lease.is_over = True
            self._store.delete_whoever_holds(lock_key)

    def _try(self, claim: Claim) -> bool:
        try:
            return self._store.write_unless_held(claim, self._now)
        except LockServiceUnavailable:
            # An error counts as "held by another", and so does a lost answer.
            return False

    def _now(self) -> datetime:
        """Return whether the lock has expired by this machine's clock."""
        world, process = self._program.world, self._program.process
        return true_time(world.simulation) + timedelta(seconds=process.offset_seconds)


class OriginalStore:
    """The requests that the original lock sends to the same server."""

    def __init__(self, store: SimulatedLockStore) -> None:
        self._store = store

    def write_unless_held(self, claim: Claim, now: Callable[[], datetime]) -> bool:
        """In a transaction, write the document unless one exists that has not expired by the caller's clock."""
        store, server = self._store, self._store.server
        if store.claim != claim:
            store.claim, store.claimed_at = claim, server.simulation.now

        def effect() -> bool:
            found = server.records.get(claim.lock_key)
            store.seen = found
            if found is not None and found.expires_at > now():
                return False
            server.write(claim)
            # Both times in the document are those of the writer's clock.
            server.records[claim.lock_key] = replace(
                server.records[claim.lock_key], acquired_at=now(), renewed_at=now()
            )
            return True

        return store._call(f"original: acquire {claim.lock_key}", effect)

    def delete_whoever_holds(self, lock_key: str) -> None:
        server = self._store.server

        def effect() -> bool:
            found: LockRecord | None = server.records.get(lock_key)
            if found is not None:
                server.remove(found)
            return True

        try:
            self._store._call(f"original: delete {lock_key}", effect)
        except LockServiceUnavailable:
            return


class OriginalConsolidator:
    """Lock, MERGE, check for duplicates, delete staging."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._warehouse = program.warehouse
        self._spec = program.world.spec

    def consolidate_batch(self, *, batch_id: str, game_date: date, use_lock: bool) -> ConsolidationResult:
        if not use_lock:  # its rollback, "Option A: Disable Lock"
            return self._consolidate(batch_id, game_date)
        with OriginalLock(self._program).acquire(game_date, batch_id):
            return self._consolidate(batch_id, game_date)

    def _consolidate(self, batch_id: str, game_date: date) -> ConsolidationResult:
        result = ConsolidationResult(ConsolidationStatus.CONSOLIDATED, batch_id, game_date)
        tables = self._tables(batch_id)
        if not tables:  # nothing is a success
            return result
        self._merge(batch_id, tables)
        if self._duplicates(game_date) <= 0:
            # What the prefix lists now; a late worker may have added to it.
            self._warehouse.drop(self._tables(batch_id))
        return result

    def _tables(self, batch_id: str) -> list[TableName]:
        listed = self._warehouse.staging_tables(self._spec.table.dataset, staging_prefix(batch_id))
        return [table.name for table in listed]

    def _merge(self, batch_id: str, tables: list[TableName]) -> None:
        """Run the MERGE as a single statement; it keeps running if the client gives up."""
        columns = self._warehouse.columns(self._spec.table)
        relation = self._spec.table.sibling(f"_union_{self._program.process.name.replace(' ', '_')}")
        groups = staged_groups(dict.fromkeys(tables, columns), relation)
        rows = StagedRows(self._spec, columns, tuple(groups))
        names = ", ".join(quoted(column.name) for column in columns)
        values = ", ".join(f"S.{quoted(column.name)}" for column in columns)
        fixed = {*self._spec.key_columns, self._spec.date_column}
        updates = ", ".join(
            f"{quoted(column.name)} = S.{quoted(column.name)}" for column in columns if column.name not in fixed
        )
        source = f"SELECT * FROM ({rows.sql}) AS staged WHERE TRUE {newest_of_each_key(self._spec, list(columns))}"
        merge = (
            f"MERGE INTO {self._spec.table.sql} AS T USING ({source}) AS S ON {same_key(self._spec, 'T', 'S')} "
            f"WHEN MATCHED THEN UPDATE SET {updates} WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
        )
        gather = {group.relation: members for group, members in groups.items()}
        self._warehouse.transact(
            [Execute("merge", merge)],
            {"batch_id": batch_id},
            gather=gather,
            abandon_after_seconds=_MERGE_TIMEOUT_SECONDS,
        )

    def _duplicates(self, game_date: date) -> int:
        """Count duplicates; -1 if the check failed, which the caller treats as none."""
        keys = ", ".join(quoted(name) for name in self._spec.key_columns)
        sql = (
            f"SELECT COUNT(*) AS n FROM (SELECT {keys} FROM {self._spec.table.sql} "
            f"WHERE {quoted(self._spec.date_column)} = @day GROUP BY {keys} HAVING COUNT(*) > 1)"
        )
        try:
            return int(self._warehouse.query(sql, {"day": game_date})[0]["n"])
        except (WarehouseUnavailable, RunbookError):
            return -1


ORIGINAL = Variant(
    "original", "the original lock and consolidation", consolidator=OriginalConsolidator, has_ledger=False
)

# Its faults that concern interleavings, and the variant of the library with only that fault.
WEAKNESSES = {
    "No fence: a late holder can still write.": "no-fence",
    "A release deletes the document, even if another holds the lock by then.": "release-any-holder",
    "No heartbeat: a lock expires in the middle of the work.": "no-heartbeat",
    "A holder continues after its lock has expired.": "trusts-for-ever",
    "The reader's clock decides whether a lock has expired.": "expiry-by-client-clock",
    "The holder is the batch: two consolidations of one batch count as one.": "holder-is-batch",
    "A forced release does not stop the old holder.": "forced-release-leaves-fence",
    "A failing lock service counts as a held lock.": "unavailable-is-held",
    "After a lost answer, its own lock locks the holder out.": "no-read-back",
    "What was merged is not recorded.": "ledger-not-asked",
    "A check that could not run counts as passed, and staging is deleted.": "drops-whatever-became",
    "The cleanup lists the prefix again, and deletes what a late worker wrote.": "drops-what-is-there-now",
}
