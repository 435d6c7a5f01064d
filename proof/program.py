"""The programs of a world: workers, coordinators, an operator, a repair."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from lib.consolidation.consolidator import BatchConsolidator
from lib.consolidation.errors import ConsolidationConflict, NothingToConsolidate, SpecChanged, StaleToken
from lib.consolidation.fence import change_spec, recorded_specs
from lib.consolidation.identifiers import TableName
from lib.consolidation.placed_rows import by_columns
from lib.consolidation.rows import convert
from lib.consolidation.staging import BatchStagingWriter, batch_tables
from lib.consolidation.staging_names import staging_prefix
from lib.consolidation.upkeep.audit import ActionRecord
from lib.consolidation.upkeep.repair import apply_repair, plan_repair
from lib.consolidation.warehouse import Column
from lib.embedded.adapters import MAIN_TABLE
from lib.errors import RunbookError
from lib.locking.errors import LeaseLost
from lib.locking.lock import ConsolidationLock
from proof.lock_store import SimulatedLockStore
from proof.scenario import LOADED_AFTER, Coordination, Write
from proof.scheduler import Process
from proof.variant import Consolidator
from proof.warehouse import SimulatedWarehouse
from proof.witness import Staged
from tests.consolidation.world import DAY

if TYPE_CHECKING:
    from proof.world import World

COLUMNS = (*MAIN_TABLE, Column("loaded_on", "DATE"))
NAMES = [column.name for column in COLUMNS]


@dataclass(eq=False)
class Program:
    """A process with its clients.

    Attributes:
        token: The token of its last lease.
    """

    world: World
    process: Process
    warehouse: SimulatedWarehouse
    store: SimulatedLockStore
    locks: ConsolidationLock
    token: int = 0

    def stage(self, write: Write) -> None:
        """Write a worker's rows, to a new table or once more to the batch's common one."""
        spec, day = self.world.spec, self.world.scenario.dates[write.batch_id]
        if write.once:
            writer = BatchStagingWriter(self.warehouse, spec)
            writer.write(list(write.rows), batch_id=write.batch_id, worker_id=write.worker, game_date=day)
        else:
            rows = convert(by_columns(write.rows, NAMES), COLUMNS, source=write.worker)
            self.warehouse.append(TableName(spec.table.dataset, f"{staging_prefix(write.batch_id)}common"), rows)
        self.world.witness.staged.append(Staged(write.batch_id, write.rows, write.once))

    def coordinate(self, wanted: Coordination) -> None:
        """Consolidate as a coordinator, with retries after errors."""
        simulation = self.world.simulation
        if wanted.is_stranger and self.world.variant.consolidator:
            return  # the original supports only one table
        for _ in range(wanted.tries):
            try:
                self._consolidate(wanted.batch_id, use_lock=wanted.use_lock, is_stranger=wanted.is_stranger)
            except RunbookError as error:
                self._tell(wanted.batch_id, error)
                simulation.sleep(simulation.random.uniform(0.1, 30))
            else:
                return

    def release_by_force(self) -> None:
        """Force the release of the lock as an operator; when this returns, the old holder is shut out."""
        entry = self.locks.force_release(DAY, "simulated", steal=True, actor="operator")
        self.world.witness.shut_out[DAY] = entry.token

    def repair(self) -> None:
        """Remove the duplicates that existed before, as an operator."""
        plan = plan_repair(self.warehouse, self.world.spec, DAY)
        if not plan.is_empty:
            apply_repair(self.warehouse, self.locks, self.world.spec, plan)

    def finish(self) -> None:
        """Consolidate each batch until nothing is left of it."""
        for batch_id in self.world.scenario.dates:
            for tries in itertools.count(1):
                try:
                    self._consolidate(batch_id, use_lock=True)
                    if not batch_tables(self.warehouse, self.world.spec, batch_id):
                        break
                except NothingToConsolidate:
                    break
                except SpecChanged as error:
                    self._tell(batch_id, error)
                    self._settle_the_spec()
                except RunbookError as error:
                    self._tell(batch_id, error)
                self.world.simulation.sleep(10.0 * tries)

    def _settle_the_spec(self) -> None:
        """Replace the recorded spec with ours, as an operator, after a stranger came first."""
        spec, recorded = self.world.spec, recorded_specs(self.warehouse, self.world.spec)
        record = ActionRecord(
            action="spec", target="", environment="", actor="", reason="simulated", digest="", before="{}", undo=""
        )
        change_spec(self.warehouse, spec, recorded, record)

    def _consolidate(self, batch_id: str, *, use_lock: bool, is_stranger: bool = False) -> None:
        world = self.world
        staged_before = world.witness.staged_ids(batch_id)
        day = world.scenario.dates[batch_id] + LOADED_AFTER * is_stranger
        result = self._consolidator(is_stranger).consolidate_batch(batch_id=batch_id, game_date=day, use_lock=use_lock)
        world.simulation.note(f"{batch_id}: {result.status}, {result.inserted} inserted, {result.updated} updated")
        if missing := staged_before - world.warehouse_server.merged_ids().keys():
            world.violated("no lie", f"{batch_id} was reported as {result.status} without {sorted(missing)}")

    def _consolidator(self, is_stranger: bool) -> Consolidator:
        world = self.world
        if world.variant.consolidator:
            return world.variant.consolidator(self)
        return BatchConsolidator(self.warehouse, self.locks, world.strangers_spec if is_stranger else world.spec)

    def _tell(self, batch_id: str, error: RunbookError) -> None:
        world, rates = self.world, self.world.scenario.rates
        world.simulation.note(f"{batch_id}: {type(error).__name__}: {error}")
        disturbs_lease = rates.pause or rates.unavailable or rates.lost_answer or world.scenario.steals_at
        if isinstance(error, LeaseLost) and not disturbs_lease:
            world.violated("no needless failure", f"{batch_id} lost a lease that nothing disturbed")
        newest = max(world.witness.fences.values(), default=0)
        if isinstance(error, StaleToken) and self.token >= newest:
            world.violated("no lie", f"{batch_id} was refused for a newer consolidation that does not exist")
        if isinstance(error, ConsolidationConflict) and not (rates.pause or rates.slow):
            world.violated("no needless failure", f"{batch_id} gave up where a retry would have helped")


def check_refusal(program: Program, day: date) -> None:
    """Check that an error that another holds the lock is true."""
    world, lock_key = program.world, program.locks.key_for(day)
    store, records = program.store, world.lock_server.records
    if store.seen is not None and store.seen.claim is store.claim:
        world.violated(
            "no lie", f"{program.process.name} was refused {lock_key} as held by another, but held it itself"
        )
    if lock_key not in records and world.lock_server.last_held.get(lock_key, -1.0) < store.claimed_at:
        world.violated("no lie", f"{program.process.name} was refused {lock_key} as held by another, but it was free")
