"""Run one schedule: a scenario in the simulated world, and the promises it breaks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from functools import partial
from unittest.mock import patch

from lib.consolidation.fence import FENCE_COLUMNS, WarehouseFence
from lib.consolidation.ledger import ledger_columns
from lib.consolidation.staging import BatchStagingWriter
from lib.consolidation.superseding import make_room_for_superseded
from lib.consolidation.upkeep.audit import ACTION_COLUMNS
from lib.errors import RunbookError
from lib.locking.lease import Lease, LeaseTiming
from proof.checks import check_at_each_step, check_at_the_end, check_commit
from proof.faults import FaultRates, Faults
from proof.lock_store import LockServer, SimulatedLockStore
from proof.program import COLUMNS, Program, check_refusal
from proof.scenario import Scenario, drawn
from proof.scheduler import Process, Simulation, Stuck
from proof.standard_library import monotonic_of, simulated
from proof.variant import OURS, Variant
from proof.warehouse import SimulatedWarehouse
from proof.warehouse_server import WarehouseServer
from proof.witness import HeldLease, ObservedLock, Violation, Witness
from tests.consolidation.world import DAY, LINES_MOVE, PREDICTIONS, quoted

_DONE_WITHIN_SECONDS = 4 * 3600.0


class World:
    """A running scenario."""

    def __init__(self, seed: int, variant: Variant = OURS, scenario: Scenario | None = None) -> None:
        self.scenario = scenario or drawn(seed)
        self.variant = variant
        self.spec = LINES_MOVE if variant.lines_move else PREDICTIONS
        self.strangers_spec = replace(self.spec, date_column="loaded_on")
        self.simulation = Simulation(seed)
        self.faults = Faults(self.simulation, self.scenario.rates)
        self.lock_server = LockServer(self.simulation)
        self.warehouse_server = WarehouseServer(self.simulation, as_jobs=self.scenario.as_jobs)
        self.witness = Witness()

    def play(self) -> list[Violation]:
        """Run it to its end; return the broken promises."""
        with ExitStack() as stack:
            stack.enter_context(simulated(self.simulation))
            for owner, name, stand_in in self.variant.patches:
                stack.enter_context(patch.object(owner, name, stand_in))
            stack.callback(self.warehouse_server.clear, self.spec.table.dataset)
            stack.callback(self.simulation.close)
            self._without_faults(self._fill)
            self.simulation.now = 0.0
            self.simulation.history.clear()
            try:
                self._play()
                self._without_faults(Program.finish)
            except Stuck as error:
                self.violated("progress", str(error))
            check_at_the_end(self)
        return self.witness.violations

    def violated(self, what: str, how: str) -> None:
        self.simulation.note(f"⚡ VIOLATED {what}: {how}")
        self.witness.violations.append(Violation(what, how))

    def program(self, name: str) -> Program:
        """Start a process, with the clock errors of the scenario."""
        chance, scenario = self.simulation.random, self.scenario
        process = Process(
            name,
            offset_seconds=chance.uniform(-1, 1) * scenario.skew_seconds,
            drift=1 + chance.uniform(-1, 1) * scenario.drift,
        )
        warehouse = SimulatedWarehouse(self.warehouse_server, process, self.faults)
        store = SimulatedLockStore(self.lock_server, self.faults)
        locks = ObservedLock(
            "simulated",
            store=store,
            key_for=partial(self.lock_key, process),
            fence=WarehouseFence(lambda: warehouse, self.spec),
            timing=LeaseTiming(self.scenario.lease_seconds),
            monotonic=monotonic_of(self.simulation, process),
            on_lease=lambda lease: self._leased(program, lease),
            on_refusal=lambda day: check_refusal(program, day),
        )
        program = Program(self, process, warehouse, store, locks)
        return program

    def lock_key(self, process: Process, day: date) -> str:
        """Return the lock that a program takes for a date: the same one for all programs."""
        return self.spec.lock_key(day)

    def _leased(self, program: Program, lease: Lease) -> None:
        program.token = lease.token
        self.witness.leases.append(HeldLease(program.process, lease))

    def _play(self) -> None:
        self.simulation.on_step = lambda: check_at_each_step(self)
        self.warehouse_server.on_commit = lambda commit: check_commit(self, commit)
        for number, write in enumerate(self.scenario.writes):
            self._start(f"worker {number}", write.at, partial(Program.stage, write=write))
        for number, wanted in enumerate(self.scenario.coordinations):
            self._start(f"coordinator {number}", wanted.at, partial(Program.coordinate, wanted=wanted))
        for at in self.scenario.steals_at:
            self._start("operator", at, Program.release_by_force)
        for at in self.scenario.repairs_at:
            self._start("repairer", at, Program.repair)
        self.simulation.run(until_seconds=_DONE_WITHIN_SECONDS)

    def _without_faults(self, work: Callable[[Program], object]) -> None:
        rates, self.faults.rates = self.faults.rates, FaultRates()
        self._start("keeper", 0.0, work)
        self.simulation.run(until_seconds=self.simulation.now + _DONE_WITHIN_SECONDS)
        self.faults.rates = rates

    def _start(self, name: str, at: float, work: Callable[[Program], object]) -> None:
        program = self.program(name)

        def run() -> None:
            try:
                work(program)
            except RunbookError as error:
                self.simulation.note(f"ended with {type(error).__name__}: {error}")
            except Exception as error:
                self.violated("no unknown error", f"{name} ended with {type(error).__name__}: {error}")
            finally:
                self.warehouse_server.cleaning.discard(program.process)

        self.simulation.start(program.process, name, run, delay_seconds=at)

    def _fill(self, program: Program) -> None:
        """Create the tables, with the rows that existed before."""
        warehouse, spec = program.warehouse, self.spec
        warehouse.create_table(spec.table, COLUMNS)
        warehouse.create_table(spec.fences, FENCE_COLUMNS)
        warehouse.create_table(spec.ledger, ledger_columns(spec))
        make_room_for_superseded(warehouse, spec)
        warehouse.create_table(spec.actions, ACTION_COLUMNS)
        if not self.scenario.old_rows:
            return
        writer = BatchStagingWriter(warehouse, spec)
        [written] = writer.write(list(self.scenario.old_rows), batch_id="old", worker_id="old", game_date=DAY)
        with warehouse.connection() as connection:
            connection.execute(f"INSERT INTO {quoted(spec.table)} BY NAME FROM {quoted(written.table)}")
        warehouse.drop([written.table])
