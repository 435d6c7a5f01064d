"""Adapters to Google Cloud; each imports its client library only when it is imported itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lib.environment import Environment
    from lib.gcp.adapters import GoogleAdapters
    from lib.locking.store import LockStore
    from lib.ports.jobs import ReadBudget


def adapters_of(environment: Environment, _home: Callable[[], Path], budget: ReadBudget | None, /) -> GoogleAdapters:
    """Return the Google Cloud adapter of each port."""
    from lib.gcp.adapters import GoogleAdapters

    return GoogleAdapters(environment, budget=budget)


def run_lock_store(environment: Environment, _home: Callable[[], Path], /) -> LockStore:
    """Return the store of the leases that keep scheduled runs from overlapping."""
    from lib.gcp.firestore_locks import FirestoreLockStore

    database = environment.google.firestore_database
    return FirestoreLockStore(environment.project_id, database=database, collection="runbook_locks")
