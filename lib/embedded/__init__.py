"""Adapters of one machine: DuckDB, SQLite and files below a state folder."""

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
    """Every port's side of it."""
    from lib.embedded.adapters import EmbeddedAdapters

    return EmbeddedAdapters(home(), environment, only_looks=budget is not None)


def run_lock_store(_environment: Environment, home: Callable[[], Path], /) -> LockStore:
    """Where scheduled runs keep each other out."""
    from lib.embedded.sqlite_locks import SqliteLockStore

    return SqliteLockStore(home() / "run_locks.sqlite")
