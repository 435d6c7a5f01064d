"""Adapters for one machine: DuckDB, SQLite and files in a state folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lib.embedded.adapters import EmbeddedAdapters
    from lib.environment import Environment
    from lib.locking.store import LockStore
    from lib.ports.jobs import ReadBudget


def adapters_of(environment: Environment, home: Callable[[], Path], budget: ReadBudget | None, /) -> EmbeddedAdapters:
    """Return the embedded adapter of each port."""
    from lib.embedded.adapters import EmbeddedAdapters

    return EmbeddedAdapters(home(), environment, only_looks=budget is not None)


def run_lock_store(_environment: Environment, home: Callable[[], Path], /) -> LockStore:
    """Return the store of the leases that keep scheduled runs from overlapping."""
    from lib.embedded.sqlite_locks import SqliteLockStore

    return SqliteLockStore(home() / "run_locks.sqlite")
