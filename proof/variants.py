"""The library with one defence removed at a time, each by the smallest change that removes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import lib.consolidation.batch_merge
import lib.consolidation.consolidator
import lib.consolidation.fence
import lib.consolidation.merge
import lib.consolidation.requirements
import lib.consolidation.retry
import lib.consolidation.staged_batch
from lib.consolidation.batch_merge import BatchMerge
from lib.consolidation.consolidator import BatchConsolidator
from lib.consolidation.fence import SPEC_CHANGED, STALE_TOKEN, ensure_fence
from lib.consolidation.staged_batch import StagedBatch, find_staged
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Execute, Step
from lib.errors import RunbookError
from lib.locking.errors import LockAcquisitionError, LockServiceUnavailable
from lib.locking.heartbeat import Heartbeat
from lib.locking.lease import Lease, LeaseTiming
from lib.locking.lock import ConsolidationLock
from lib.locking.store import LockRecord
from proof.lock_store import SimulatedLockStore
from proof.scheduler import Process
from proof.standard_library import true_time
from proof.variant import Variant
from proof.warehouse import SimulatedWarehouse
from proof.world import World
from tests.consolidation.unfenced import unmoved
from tests.consolidation.world import PREDICTIONS

_steps = lib.consolidation.batch_merge.consolidation_steps
_guarded = lib.consolidation.requirements.guarded
_transact = BatchMerge._transact
_run_transaction = SimulatedWarehouse.transact
_is_lost = Lease.is_lost
_acquire = lib.locking.lock.Acquisition.run


def with_steps(change: Callable[[list[Step]], list[Step]]) -> tuple[Any, str, Any]:
    def steps(staged: Any, *, has_lease: bool) -> list[Step]:
        return change(_steps(staged, has_lease=has_lease))

    return lib.consolidation.batch_merge, "consolidation_steps", steps


def without_requirement(module: Any, *codes: str) -> tuple[Any, str, Any]:
    """Remove one of the conditions in a statement of that module."""

    def guarded(value: str, requirements: Mapping[str, str]) -> str:
        return _guarded(value, {code: sql for code, sql in requirements.items() if code not in codes})

    return module, "guarded", guarded


def _only_newest_row(steps: list[Step]) -> list[Step]:
    fence, *others = steps
    newest = f" AND moved_at = (SELECT MAX(moved_at) FROM {PREDICTIONS.fences.sql} WHERE day = @day)"
    return [replace(fence, sql=fence.sql + newest), *others]


def _insert_fence_row(warehouse: Any, spec: TableSpec, game_date: date) -> None:
    insert = (
        f"INSERT INTO {spec.fences.sql} (day, token, spec, moved_by, moved_at) "
        "VALUES (@day, 0, @spec, '', CURRENT_TIMESTAMP())"
    )
    warehouse.transact([Execute("insert fence", insert)], {"day": game_date, "spec": spec.identity})


# Always leaves what two programs leave that insert the first row at once.
RACED_FENCE_ROWS = (lib.consolidation.batch_merge, "ensure_fence", _insert_fence_row)


def _find_of_any_spec(self: Any, batch_id: str, game_date: date) -> StagedBatch:
    return find_staged(self._warehouse, self._spec, batch_id, game_date)


_ALL_DATES = date(1, 1, 1)


def _locks_the_table(process: Process) -> bool:
    """Configure every other program to lock the whole table, as `lock_scope` once could, instead of the date."""
    return process.name.endswith(("1", "3", "5"))


def _lock_of_its_scope(self: World, process: Process, day: date) -> str:
    return self.spec.lock_key(_ALL_DATES if _locks_the_table(process) else day)


def _insert_both_fence_rows(warehouse: Any, spec: TableSpec, game_date: date) -> None:
    for day in (game_date, _ALL_DATES):
        ensure_fence(warehouse, spec, day)


def _fence_of_its_scope(self: SimulatedWarehouse, steps: Sequence[Step], parameters: Any, **options: Any) -> Any:
    """Move the fence that belongs to the held lock."""
    if not _locks_the_table(self._process):
        return _run_transaction(self, steps, parameters, **options)

    def moved(step: Step) -> Step:
        return replace(step, sql=re.sub(r"\b(fence|newest|newer)\.day = @day", r"\1.day = @all_dates", step.sql))

    return _run_transaction(self, list(map(moved, steps)), {**parameters, "all_dates": _ALL_DATES}, **options)


def _ledger_afterwards(self: Any, steps: Sequence[Step], parameters: Any, **options: Any) -> Any:
    """Use two transactions instead of one."""
    names = {step.name if isinstance(step, Execute) else step.code for step in steps}
    if "ledger" not in names:
        return _run_transaction(self, steps, parameters, **options)

    def only(chosen: set[str]) -> list[Step]:
        return [step for step in steps if (step.name if isinstance(step, Execute) else step.code) in chosen]

    outcome = _run_transaction(self, only(names - {"ledger"}), parameters, **options)
    options["job_id"] = f"{options['job_id']}_ledger"
    _run_transaction(self, only({"ledger"}), parameters, **options)
    return outcome


def _drop_whatever_became(self: Any, found: StagedBatch, gathered: Any, lease: Any) -> Any:
    try:
        return _transact(self, found, gathered, lease)
    except RunbookError:
        self._drop_unchanged(found)
        raise


def _named_by_tables(self: StagedBatch) -> str:
    return "_".join([str(self.game_date), *map(str, self.to_merge), *self.known_runs]).replace(".", "_")


def _job_of_any_holder(self: Any, steps: Any, parameters: Any, **options: Any) -> Any:
    job_id = options.pop("job_id", "").removesuffix(f"_{parameters.get('token')}")
    return _run_transaction(self, steps, parameters, **options, job_id=job_id)


def _release_any_holder(self: SimulatedLockStore, record: LockRecord) -> bool:
    def effect() -> bool:
        self.server.remove(record)
        return True

    return self._call(f"delete {record.claim.lock_key}, of any holder", effect)


def _take_over_whatever_is_there(self: SimulatedLockStore, expired: LockRecord, claim: Any) -> LockRecord | None:
    return self._call(f"take over {claim.lock_key}, of any holder", lambda: self.server.write(claim))


def _renew_any_holder(self: SimulatedLockStore, record: LockRecord) -> LockRecord | None:
    def effect() -> LockRecord:
        renewed = replace(record, renewed_at=self.server.commit_time())
        self.server.records[record.claim.lock_key] = renewed
        return renewed

    return self._call(f"renew {record.claim.lock_key}, of any holder", effect)


def _own_clock(self: SimulatedLockStore) -> datetime:
    simulation = self.server.simulation
    assert simulation.current is not None
    return true_time(simulation) + timedelta(seconds=simulation.current.process.offset_seconds)


def _trust_the_whole_lease(self: LeaseTiming) -> None:
    object.__setattr__(self, "renewal_deadline_seconds", self.lease_seconds)
    object.__setattr__(self, "heartbeat_seconds", self.lease_seconds / 6)


def _unavailable_is_held(self: Any, max_wait_seconds: float) -> Lease:
    try:
        return _acquire(self, max_wait_seconds)
    except LockServiceUnavailable as error:
        raise LockAcquisitionError(
            self._claim.lock_key, held_by="another", held_until=_own_clock(self._store), waited_seconds=0.0
        ) from error


def _leave_job_running(self: Any, steps: Any, parameters: Any, **options: Any) -> Any:
    return _run_transaction(self, steps, parameters, **options, abandon_after_seconds=300.0)


def _job_of_its_own(self: Any, steps: Any, parameters: Any, **options: Any) -> Any:
    return _run_transaction(self, steps, parameters, **{**options, "job_id": f"job_{self.server.simulation.now}"})


DEFENCES_OFF = (
    Variant(
        "no-fence",
        "the transaction has no fence",
        [
            RACED_FENCE_ROWS,
            with_steps(unmoved),
            without_requirement(lib.consolidation.fence, SPEC_CHANGED, STALE_TOKEN),
        ],
        not_asked=frozenset({"fence"}),
    ),
    Variant(
        "fence-only-read",
        "the fence is read and checked, not moved",
        [with_steps(unmoved)],
        not_asked=frozenset({"fence"}),
    ),
    Variant(
        "stale-token-accepted",
        "an older token than the fence's is not refused",
        [without_requirement(lib.consolidation.fence, STALE_TOKEN)],
    ),
    Variant(
        "one-fence-row",
        "of the fence rows that raced insertions leave, the UPDATE touches the newest only",
        [RACED_FENCE_ROWS, with_steps(_only_newest_row)],
    ),
    Variant(
        "mixed-scope",
        "a setting decides whether a fence covers a date or a table, and programs differ in it",
        [
            (World, "lock_key", _lock_of_its_scope),
            (lib.consolidation.batch_merge, "ensure_fence", _insert_both_fence_rows),
            (SimulatedWarehouse, "transact", _fence_of_its_scope),
        ],
        not_asked=frozenset({"fence"}),
    ),
    Variant(
        "mixed-spec",
        "settings that name another date column are not refused",
        [
            RACED_FENCE_ROWS,
            without_requirement(lib.consolidation.fence, SPEC_CHANGED),
            (BatchConsolidator, "_find", _find_of_any_spec),
        ],
    ),
    Variant(
        "forced-release-leaves-fence",
        "a forced release does not move the fence",
        [(ConsolidationLock, "_shut_out", lambda self, game_date, entry: None)],
    ),
    Variant(
        "release-any-holder",
        "a release deletes the record of any holder",
        [(SimulatedLockStore, "delete", _release_any_holder)],
    ),
    Variant(
        "take-over-whatever-is-there",
        "an expired lease is taken over without checking that it has not changed",
        [(SimulatedLockStore, "take_over", _take_over_whatever_is_there)],
    ),
    Variant(
        "renew-any-holder",
        "a heartbeat writes the record of any holder",
        [(SimulatedLockStore, "renew", _renew_any_holder)],
    ),
    Variant(
        "expiry-by-client-clock",
        "the waiter's clock decides whether a lease has expired",
        [(SimulatedLockStore, "now", _own_clock)],
    ),
    Variant("no-heartbeat", "a lease is not renewed", [(Heartbeat, "keeps", lambda self, lease: nullcontext())]),
    Variant(
        "trusts-the-whole-lease",
        "a holder trusts its lease to the end, not two thirds of it",
        [
            (LeaseTiming, "__post_init__", _trust_the_whole_lease),
            (LeaseTiming, "check_request_timeout", lambda self, seconds: None),
        ],
    ),
    Variant(
        "trusts-for-ever",
        "a holder trusts its lease until it reads otherwise",
        [(Lease, "is_lost", property(lambda self: bool(self._lost_because)))],
    ),
    Variant(
        "holder-is-batch",
        "the holder is the batch, not the attempt",
        [(LockRecord, "is_held_by", lambda self, claim: self.claim.batch_id == claim.batch_id)],
    ),
    Variant(
        "no-read-back",
        "after a lost answer, the record is not read to see if it is our own",
        [(LockRecord, "is_held_by", lambda self, claim: False)],
    ),
    Variant(
        "unavailable-is-held",
        "a lock service that does not answer counts as a held lock",
        [(lib.locking.lock.Acquisition, "run", _unavailable_is_held)],
    ),
    Variant(
        "ledger-in-its-own-transaction",
        "the ledger is written after the MERGE has committed",
        [(SimulatedWarehouse, "transact", _ledger_afterwards)],
    ),
    Variant(
        "drops-whatever-became",
        "staging is dropped even if the transaction's outcome is unknown",
        [(BatchMerge, "_transact", _drop_whatever_became)],
    ),
    Variant(
        "drops-what-is-there-now",
        "the cleanup lists the staging tables again and drops them all",
        [(StagedBatch, "unchanged", lambda self, now: [table.name for table in now])],
    ),
    Variant(
        "drops-by-name",
        "the cleanup drops tables by the names of merged ones, even if written again",
        [(StagedBatch, "unchanged", lambda self, now: [table.name for table in self.listed])],
    ),
    Variant(
        "merged-by-name",
        "a table whose name is in the ledger counts as merged, even if written again",
        [(lib.consolidation.staged_batch, "is_merged", lambda table, merged: table.name.table in merged)],
    ),
    Variant(
        "ledger-not-asked",
        "the ledger is not read to see which tables are merged",
        [(lib.consolidation.staged_batch, "is_merged", lambda table, merged: False)],
    ),
    Variant(
        "rival-not-noticed",
        "the transaction does not check whether a rival has merged its tables",
        [(lib.consolidation.merge, "_none_merged_yet", lambda spec: "TRUE")],
    ),
    Variant(
        "run-named-by-tables",
        "a run's id depends on the names of its tables, not on their content",
        [(StagedBatch, "run_id", property(_named_by_tables))],
    ),
    Variant(
        "job-of-any-holder",
        "a holder mistakes an older holder's pending job for its own",
        [(SimulatedWarehouse, "transact", _job_of_any_holder)],
    ),
    Variant(
        "no-retry",
        "a consolidation is not retried after its transaction was rolled back",
        [(lib.consolidation.retry, "stop_after_delay", lambda seconds: lambda state: True)],
    ),
)

SECOND_LINES = (
    Variant(
        "no-lock",
        "nobody takes the lock",
        [(BatchConsolidator, "_lock", lambda self, *args: lib.consolidation.consolidator.nullcontext())],
    ),
    Variant(
        "lease-not-asked",
        "the lease is not checked before writing",
        [(Lease, "ensure_held", lambda self: None)],
    ),
    Variant(
        "leaves-job-running",
        "when the wait for a job times out, the lock is released and the job keeps running",
        [(SimulatedWarehouse, "transact", _leave_job_running)],
    ),
    Variant(
        "job-without-a-name",
        "a transaction's job has a new id each time",
        [(SimulatedWarehouse, "transact", _job_of_its_own)],
    ),
    Variant(
        "no-check-of-keys",
        "the transaction does not check for missing staged keys",
        [without_requirement(lib.consolidation.merge, "staged_key_missing")],
    ),
    Variant(
        "no-check-of-duplicates",
        "the transaction does not check for new duplicates",
        [without_requirement(lib.consolidation.merge, "new_duplicates")],
    ),
)
