"""A change of a date's rows by hand: under the date's lock, past the fence, and on record, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from lib.consolidation.errors import RepairRefused, RequirementFailed, StaleToken, TransactionConflict
from lib.consolidation.fence import SPEC_CHANGED, STALE_TOKEN, ensure_fence, fence_steps, spec_changed
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.audit import ActionRecord
from lib.consolidation.warehouse import Parameters, Step, Warehouse
from lib.locking.lock import ConsolidationLock


def transact_fenced(
    warehouse: Warehouse,
    locks: ConsolidationLock,
    spec: TableSpec,
    game_date: date,
    purpose: str,
    steps: Sequence[Step],
    parameters: Parameters,
    record: ActionRecord | None = None,
) -> None:
    """Take these steps in one transaction, which also files the record.

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
        retrying = Retrying(
            retry=retry_if_exception_type(TransactionConflict),
            wait=wait_random_exponential(0.02, max=2),
            stop=stop_after_delay(60),
            before=lambda _: lease.ensure_held(),
            reraise=True,
        )
        bound = {
            **parameters,
            **(record.parameters if record else {}),
            "game_date": game_date,
            "spec": spec.identity,
            "moved_by": purpose,
            "token": lease.token,
        }
        try:
            retrying(warehouse.transact, [*fence_steps(spec, has_lease=True), *steps, *filed], bound)
        except RequirementFailed as error:
            if error.code == SPEC_CHANGED:
                raise spec_changed(warehouse, spec) from error
            if error.code == STALE_TOKEN:
                raise StaleToken(f"the lock of {game_date} was lost; nothing was changed") from error
            raise RepairRefused(
                f"the {purpose} of {game_date} was refused and nothing was changed: the rows are not those "
                f"it was planned for ({error.code.replace('_', ' ')}); look again and make a new plan"
            ) from error
