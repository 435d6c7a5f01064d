"""Run two transactions that overlap, and report how each of them ended.

Both are sent at the same moment, and stay open for a while at their end. Each records how many rivals it can see,
which proves whether they overlapped: one that saw the other's commit came after it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cached_property
from threading import Barrier, BrokenBarrierError
from typing import Any, cast

from lib.consolidation.errors import WarehouseUnavailable
from lib.consolidation.identifiers import TableName
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column, Execute, Parameters, Step, TransactionOutcome, Warehouse
from lib.errors import RunbookError
from lib.words.brief import brief

COLUMNS = (Column("item", "STRING"), Column("day", "DATE"), Column("amount", "INT64"))
_SIDES = (0, 1)
_DELAYS = (1, 4, 16)
_LONGEST_SECONDS = 120.0


@dataclass(frozen=True)
class Ended:
    """How one of the two transactions ended.

    Attributes:
        job_id: The warehouse's job id, if it has jobs.
        error: Why it was rolled back; None if it was committed.
    """

    job_id: str
    error: RunbookError | None


@dataclass(frozen=True)
class Race:
    """Two transactions that overlapped.

    Attributes:
        spec: The table that they wrote to.
        ended: How each of them ended.
    """

    spec: TableSpec
    ended: Sequence[Ended]

    __repr__ = brief("spec.table", "ended")


class Racer:
    """One side's warehouse. Its first transaction with gathered tables (a consolidation) is the one that races.

    Attributes:
        ended: How that transaction ended; None if it has not ended.
    """

    def __init__(self, warehouse: Warehouse, start: Barrier, seen: TableName, delay: Sequence[Step]) -> None:
        self.ended: Ended | None = None
        self._warehouse = warehouse
        self._start = start
        self._look = Execute("rivals", f"INSERT INTO {seen.sql} (rivals) SELECT COUNT(*) FROM {seen.sql}")
        self._delay = delay

    def __getattr__(self, name: str) -> Any:
        return getattr(self._warehouse, name)

    @property
    def as_warehouse(self) -> Warehouse:
        """This object, typed as a `Warehouse`."""
        return cast(Warehouse, self)

    def transact(self, steps: Sequence[Step], parameters: Parameters, **options: Any) -> TransactionOutcome:
        """Run the steps; the first consolidation races, later ones run as in any `Warehouse`."""
        if options.get("gather") and self.ended is None:
            return self.race(steps, parameters, **options)
        return self._warehouse.transact(steps, parameters, **options)

    def race(self, steps: Sequence[Step], parameters: Parameters, **options: Any) -> TransactionOutcome:
        """Run the steps in a transaction that begins with the rival's and stays open for a while at its end."""
        options = {**options, "job_id": options.get("job_id") or f"trial_{uuid.uuid4().hex}"}
        try:
            self._start.wait(_LONGEST_SECONDS)
        except BrokenBarrierError:
            raise _Alone("the other transaction failed before it began") from None
        try:
            outcome = self._warehouse.transact([self._look, *steps, *self._delay], parameters, **options)
        except RunbookError as error:
            self.ended = Ended(options["job_id"], error)
            raise
        self.ended = Ended(outcome.job_id, None)
        return outcome


class _Alone(WarehouseUnavailable):
    """The rival failed before it could begin: its own error is the reason."""


Work = Callable[[Racer, int], object]


@dataclass(frozen=True)
class Arena:
    """A dataset for trials, and how to connect to it.

    Attributes:
        dataset: An existing dataset that nothing else uses.
        new_warehouse: Returns a `Warehouse` with its own connections.
        delay: Returns statements that change nothing and take a while; longer for larger numbers.
    """

    dataset: str
    new_warehouse: Callable[[], Warehouse]
    delay: Callable[[int], Sequence[Step]]

    __repr__ = brief("dataset")

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse for everything except the race."""
        return self.new_warehouse()

    def new_table(self) -> TableSpec:
        """Create an empty table of `COLUMNS` with a new name, so that it has no rows of other trials."""
        spec = TableSpec(
            TableName(self.dataset, f"trial_{uuid.uuid4().hex[:12]}"),
            key_columns=("item",),
            date_column="day",
        )
        self.warehouse.create_table(spec.table, COLUMNS)
        return spec

    def race(self, prepare: Callable[[TableSpec], Work]) -> Race:
        """Run two overlapping transactions; if they do not overlap, retry with longer ones.

        Args:
            prepare: Prepares the new table, and returns what each side (0 or 1) does with its `Racer`.

        Raises:
            WarehouseUnavailable: They never overlapped, or one could not begin.
        """
        for factor in _DELAYS:
            spec = self.new_table()
            seen = spec.table.sibling(f"{spec.table.table}_seen")
            self.warehouse.create_table(seen, (Column("rivals", "INT64"),))
            ended = self._run(prepare(spec), seen, self.delay(factor))
            if self._overlapped(ended, seen):
                return Race(spec, ended)
        raise WarehouseUnavailable(
            f"two transactions sent at the same moment did not overlap in {len(_DELAYS)} attempts, so the trial has no "
            "result; try again when the warehouse is less busy"
        )

    def _run(self, work: Work, seen: TableName, delay: Sequence[Step]) -> list[Ended]:
        start = Barrier(len(_SIDES))
        racers = [Racer(self.new_warehouse(), start, seen, delay) for _ in _SIDES]

        def run(side: int) -> None:
            try:
                work(racers[side], side)
            finally:
                if racers[side].ended is None:
                    start.abort()  # the rival would wait for it

        # On DuckDB only a session lets two threads use the file at once.
        with self.warehouse.session():
            threads = ThreadPoolExecutor(len(_SIDES))
            try:
                sides = [threads.submit(run, side) for side in _SIDES]
                wait(sides)
            finally:
                # After an interruption do not wait for them: their dataset is removed, so they fail.
                threads.shutdown(wait=False)
        _raise_first(dict(zip(sides, racers, strict=True)))
        return [racer.ended for racer in racers if racer.ended]

    def _overlapped(self, ended: Sequence[Ended], seen: TableName) -> bool:
        if any(each.error for each in ended):
            return True
        return self.warehouse.query(f"SELECT SUM(rivals) AS rivals FROM {seen.sql}") == [{"rivals": 0}]


def _raise_first(sides: Mapping[Future[None], Racer]) -> None:
    """Raise the error that ended a side, unless it is the racing transaction's error, which is the result."""
    errors = [
        error for side, racer in sides.items() if (error := side.exception()) and not _is_the_result(error, racer.ended)
    ]
    if errors:
        raise min(errors, key=lambda error: isinstance(error, _Alone))


def _is_the_result(error: BaseException, ended: Ended | None) -> bool:
    return ended is not None and ended.error is error
