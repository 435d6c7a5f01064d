"""Many dates of one table consolidated at once, on a virtual clock, with the retries of the library.

The model of BigQuery: a transaction takes some seconds, and two that update one table conflict, whatever their dates.
`cancelled_after_seconds` is when the loser is cancelled: None means at its own COMMIT; otherwise this many seconds
after its beginning, if a rival is running or has committed meanwhile. The documentation does not say which.
"""

from __future__ import annotations

from dataclasses import dataclass

from lib.consolidation.errors import TransactionConflict
from lib.consolidation.retry import until_no_conflict
from proof.scheduler import Process, Simulation
from proof.standard_library import simulated


@dataclass
class Rivals:
    """The outcome.

    Attributes:
        transactions: Number of transactions begun.
        gave_up: Number of dates that were not consolidated in time.
        seconds: When the last one committed.
    """

    transactions: int = 0
    gave_up: int = 0
    seconds: float = 0.0


def consolidated_at_once(
    dates: int,
    *,
    seed: int,
    transaction_seconds: float = 10.0,
    patience_seconds: float = 600.0,
    cancelled_after_seconds: float | None = None,
) -> Rivals:
    """Begin all dates together, each in its own process."""
    simulation, found = Simulation(seed), Rivals()
    table = _Table(simulation, transaction_seconds, cancelled_after_seconds, found)

    def consolidate() -> None:
        try:
            until_no_conflict(table.transact, patience_seconds=patience_seconds)
        except TransactionConflict:
            found.gave_up += 1

    with simulated(simulation):
        for number in range(dates):
            simulation.start(Process(f"date {number}"), f"date {number}", consolidate)
        simulation.run(until_seconds=100 * patience_seconds)
    return found


@dataclass
class _Table:
    simulation: Simulation
    transaction_seconds: float
    cancelled_after_seconds: float | None
    found: Rivals
    last_commit: float = -1.0
    at_work: int = 0

    def transact(self) -> None:
        began_at = self.simulation.now
        self.found.transactions += 1
        rest = self.transaction_seconds
        if self.cancelled_after_seconds is not None:
            self.simulation.sleep(self.cancelled_after_seconds)
            self._refuse_unless(not self.at_work and self.last_commit <= began_at)
            rest -= self.cancelled_after_seconds
        self.at_work += 1
        self.simulation.sleep(rest)
        self.at_work -= 1
        self._refuse_unless(self.last_commit <= began_at)
        self.last_commit = self.found.seconds = self.simulation.now

    def _refuse_unless(self, is_alone: bool) -> None:
        if not is_alone:
            raise TransactionConflict("a rival was faster")
