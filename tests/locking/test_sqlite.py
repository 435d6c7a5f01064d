"""Behaviour specific to SQLite: many first users of one file, and invalid files."""

import gc
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from lib.embedded.sqlite_locks import SqliteLockStore
from lib.locking import LockRecord, LockServiceUnavailable
from tests.locking.claims import BATCH, DATE, a_claim, a_lock, created


def test_many_processes_may_be_first_to_use_a_file(tmp_path: Path) -> None:
    for number in range(60):
        path = tmp_path / f"{number}.sqlite"
        start = threading.Barrier(8)
        results = first_users(path, start)
        assert len(results) == start.parties
        assert sum(record is not None for record in results) == 1


def test_a_dropped_store_closes_the_connections_of_all_threads(tmp_path: Path) -> None:
    """A connection left open is a warning since Python 3.13, and so an error here."""
    path = tmp_path / "locks.sqlite"
    store = SqliteLockStore(path)
    store.read_all()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(store.read_all).result()
        assert path.with_name("locks.sqlite-wal").exists()
        del store
        gc.collect()
        assert not path.with_name("locks.sqlite-wal").exists()


def first_users(path: Path, start: threading.Barrier) -> list[LockRecord | None]:
    """Let many try to create the lock at once; return their results."""
    results: list[LockRecord | None] = []

    def use() -> None:
        store = SqliteLockStore(path, request_timeout_seconds=30.0)
        start.wait()
        results.append(store.create(a_claim()))

    threads = [threading.Thread(target=use) for _ in range(start.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("content", [b"no database, but longer than a header of one" * 40, None])
def test_an_invalid_file_is_an_unavailable_service(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "locks.sqlite"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    lock = a_lock(SqliteLockStore(path))
    with (
        pytest.raises(LockServiceUnavailable, match=r"locks\.sqlite (is not a lock file|cannot be used)"),
        lock.acquire(game_date=DATE, batch_id=BATCH),
    ):
        pass


def test_a_file_from_before_the_token_trigger_still_works(tmp_path: Path) -> None:
    path = tmp_path / "locks.sqlite"
    newest = created(SqliteLockStore(path), a_claim()).token + 10**12
    with closing(sqlite3.connect(path)) as older, older:
        older.execute("DROP TRIGGER token_is_taken")
        older.execute("DELETE FROM consolidation_locks")
        older.execute("UPDATE last_token SET token = ?", (newest,))
    lock = a_lock(SqliteLockStore(path))
    tokens = []
    for _ in range(2):
        with lock.acquire(game_date=DATE, batch_id=BATCH) as lease:
            tokens.append(lease.token)
    assert tokens == [newest + 1, newest + 2]
