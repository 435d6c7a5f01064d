"""Repeated lock cycles (take and release): ours, and the minimum number of requests."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lib.errors import Unavailable
from lib.locking.lease import LOCK_TIMEOUT_SECONDS
from lib.locking.lock import ConsolidationLock
from lib.locking.store import Claim, LockStore

_PROJECT = "bench"
_KEY = "consolidation_2026-01-17"

Cycles = Callable[[], None]


class NoEmulator(Unavailable):
    """The Firestore emulator is not installed here."""


@contextmanager
def emulator(folder: Path) -> Iterator[LockStore]:
    """Start an emulator for this process's Firestore clients and yield a store on it."""
    from lib.gcp.firestore_locks import FirestoreLockStore
    from tests.locking.emulator import HOST_VARIABLE, find_jar, free_port, started

    jar = find_jar()
    if jar is None:
        raise NoEmulator("no Firestore emulator here: gcloud components install cloud-firestore-emulator")
    with started(jar, free_port(), folder / "emulator.log") as host:
        os.environ[HOST_VARIABLE] = host
        try:
            yield FirestoreLockStore(_PROJECT)
        finally:
            del os.environ[HOST_VARIABLE]


def cycles(store: LockStore, count: int) -> Cycles:
    """Return our lock cycles, complete with heartbeat and log lines."""
    locks = ConsolidationLock(_PROJECT, store=store)

    def cycle() -> None:
        with locks.acquire(game_date="2026-01-17", batch_id="bench"):
            pass

    return _repeated(cycle, count)


def bare_sqlite_cycles(path: Path, count: int) -> Cycles:
    """Return cycles of two writes, as durable as ours: insert a record with the next token, and delete it."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
        "CREATE TABLE last_token (token INTEGER); INSERT INTO last_token VALUES (0);"
        "CREATE TABLE locks (lock_key TEXT PRIMARY KEY, holder TEXT, token INTEGER) WITHOUT ROWID;"
    )

    def cycle() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE last_token SET token = token + 1")
        connection.execute("INSERT INTO locks SELECT ?, ?, token FROM last_token", (_KEY, "bench"))
        connection.execute("COMMIT")
        connection.execute("DELETE FROM locks WHERE lock_key = ? AND holder = ?", (_KEY, "bench"))

    return _repeated(cycle, count)


def bare_firestore_cycles(count: int) -> Cycles:
    """Return the minimum: create the same document, and delete it."""
    from google.cloud import firestore

    from lib.gcp.firestore_documents import lock_fields

    document = firestore.Client(project=_PROJECT).collection("bare_locks").document(_KEY)
    fields = lock_fields(Claim(_KEY, "bench", "bench", LOCK_TIMEOUT_SECONDS, "bench"))

    def cycle() -> None:
        document.create(fields)
        document.delete()

    return _repeated(cycle, count)


def _repeated(cycle: Callable[[], None], count: int) -> Cycles:
    def cycles_() -> None:
        for _ in range(count):
            cycle()

    cycles_()  # the first cycles open connections
    return cycles_
