"""Adapters to Google Cloud. Importing one imports its client library; nothing else does."""

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
    """Every port's side of it."""
    from lib.gcp.adapters import GoogleAdapters

    return GoogleAdapters(environment, budget=budget)


def run_lock_store(environment: Environment, _home: Callable[[], Path], /) -> LockStore:
    """Where scheduled runs keep each other out."""
    from lib.gcp.firestore_locks import FirestoreLockStore

    database = environment.google.firestore_database
    return FirestoreLockStore(environment.project_id, database=database, collection="runbook_locks")
