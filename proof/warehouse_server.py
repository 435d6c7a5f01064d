"""The server side of the simulated warehouse: one database, its jobs and its commits."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import duckdb

from lib.consolidation.warehouse import Parameters, Row, TransactionOutcome
from lib.errors import RunbookError
from proof.scheduler import Process, Simulation

# These optimizers are useless on three rows and take half the time of a statement.
_IDLE_OPTIMIZERS = (
    "join_order,statistics_propagation,filter_pullup,common_subexpressions,duplicate_groups,reorder_filter,"
    "build_side_probe_side,late_materialization,top_n,limit_pushdown,compressed_materialization,column_lifetime,"
    "in_clause,unused_columns,common_aggregate"
)


@dataclass
class Job:
    """A transaction on the server."""

    outcome: TransactionOutcome | None = None
    error: RunbookError | None = None
    is_cancelled: bool = False

    @property
    def is_done(self) -> bool:
        return self.outcome is not None or self.error is not None


@dataclass(eq=False)
class OpenTransaction:
    """A transaction that may still be rolled back.

    Attributes:
        updated: The tables that it has updated.
        updated_by_rivals: Tables updated by transactions that have committed since it began.
        merged: The rows that it has read from staging.
    """

    updated: set[str] = field(default_factory=set)
    updated_by_rivals: set[str] = field(default_factory=set)
    merged: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Commit:
    """A committed transaction and its parameters.

    Attributes:
        steps: The names of its steps.
        merged: The staged rows that it has merged.
    """

    steps: tuple[str, ...]
    parameters: Parameters
    merged: tuple[Row, ...]


class WarehouseServer:
    """The database, its jobs, and its commits in order.

    Attributes:
        as_jobs: Whether a transaction is a job, which does not end with its client.
        cleaning: The programs that have listed staging tables and may drop them next.
    """

    def __init__(self, simulation: Simulation, *, as_jobs: bool) -> None:
        self.simulation = simulation
        self.as_jobs = as_jobs
        self.database = _database()
        self.process = Process("warehouse")
        self.jobs: dict[str, Job] = {}
        self.serials = itertools.count()  # of jobs that nobody has named
        self.open: list[OpenTransaction] = []
        self.commits: list[Commit] = []
        self.cleaning: set[Process] = set()
        self.on_commit: Callable[[Commit], None] = lambda commit: None

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self.database.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def committed(self, transaction: OpenTransaction, steps: list[str], parameters: Parameters) -> None:
        for other in self.open:
            other.updated_by_rivals |= transaction.updated
        commit = Commit(tuple(steps), parameters, tuple(transaction.merged))
        self.commits.append(commit)
        self.on_commit(commit)

    def cleaned(self, process: Process) -> None:
        if process in self.cleaning:
            self.cleaning.remove(process)
            self.simulation.changed()

    def merged_ids(self) -> Counter[Any]:
        """Return how many transactions have merged each row."""
        return Counter(found for commit in self.commits for found in {row["prediction_id"] for row in commit.merged})

    def clear(self, dataset: str) -> None:
        """Empty the database for the next world."""
        self.database.execute(f'DROP SCHEMA IF EXISTS "{dataset}" CASCADE')


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """Return one database for all worlds of this process, because opening one takes longer than some worlds."""
    database = duckdb.connect(":memory:", config={"threads": 1})
    database.execute("SET GLOBAL TimeZone = 'UTC'")
    database.execute(f"SET GLOBAL disabled_optimizers = '{_IDLE_OPTIMIZERS}'")
    return database
