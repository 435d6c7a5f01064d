"""Simulated versions of what the real code uses from the standard library."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import Any
from unittest.mock import patch

import lib.embedded.duckdb_warehouse
from proof.scheduler import Process, Simulation

BEGINNING = datetime(2026, 1, 17, 12, tzinfo=UTC)


def monotonic_of(simulation: Simulation, process: Process) -> Callable[[], float]:
    """Return the time of the process's own clock; only differences have a meaning."""
    return lambda: simulation.now * process.drift


def true_time(simulation: Simulation) -> datetime:
    """Return the time of a server's clock."""
    return BEGINNING + timedelta(seconds=simulation.now)


@contextmanager
def simulated(simulation: Simulation) -> Iterator[None]:
    """Replace time, randomness and threads of the standard library with simulated ones."""
    with ExitStack() as stack:
        for module, name, stand_in in [*_time_and_chance(simulation), *_threads(simulation)]:
            stack.enter_context(patch.object(module, name, stand_in))
        yield


def _time_and_chance(simulation: Simulation) -> list[tuple[Any, str, Any]]:
    # Use the same names in each world, so that statements cached by name are reused.
    names = random.Random(0)

    def clock() -> float:
        drift = simulation.current.process.drift if simulation.current else 1.0
        return simulation.now * drift

    class WallClock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            """Only the embedded warehouse uses this, and it is a server here."""
            return true_time(simulation)

    return [
        (time, "sleep", simulation.sleep),
        (time, "monotonic", clock),
        (time, "perf_counter", clock),
        (uuid, "uuid4", lambda: uuid.UUID(int=names.getrandbits(128), version=4)),
        (os, "getpid", lambda: 1),
        (socket, "gethostname", lambda: simulation.current.process.name if simulation.current else ""),
        (random, "uniform", simulation.random.uniform),
        (lib.embedded.duckdb_warehouse, "datetime", WallClock),
        (lib.embedded.duckdb_warehouse, "perf_counter", clock),
    ]


def _threads(simulation: Simulation) -> list[tuple[Any, str, Any]]:
    return [
        (threading, "Thread", partial(_Thread, simulation)),
        (threading, "Condition", partial(_Condition, simulation)),
    ]


class _Condition:
    """A lock that does nothing, because no other thread runs between two steps."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._notified = 0

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def notify_all(self) -> None:
        self._notified += 1
        self._simulation.changed()

    def wait(self, timeout: float) -> None:
        """Wait at least a little, because with a wait of zero the simulated time would not advance."""
        before = self._notified
        self._simulation.wait(lambda: self._notified != before, max(timeout, 0.001))

    def wait_for(self, predicate: Callable[[], bool]) -> None:
        self._simulation.wait(predicate, None)


class _Thread:
    def __init__(self, simulation: Simulation, *, target: Callable[[], object], name: str, daemon: bool) -> None:
        self._simulation, self._target = simulation, target
        self._thread: Any = None

    def start(self) -> None:
        assert self._simulation.current is not None
        process = self._simulation.current.process
        self._thread = self._simulation.start(process, f"{process.name} heart", self._target)

    def is_alive(self) -> bool:
        return self._thread is not None and not self._thread.is_done
