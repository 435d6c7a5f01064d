"""One thread keeps all leases of a lock, and comes and goes with them."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from lib.embedded.sqlite_locks import SqliteLockStore
from lib.locking.errors import LeaseLost
from lib.locking.lease import Lease, LeaseTiming
from lib.locking.lock import ConsolidationLock
from lib.locking.store import LockRecord, LockStore

TIMING = LeaseTiming(lease_seconds=60, heartbeat_seconds=0.02)
DATES = ("2026-01-16", "2026-01-17", "2026-01-18")


def a_lock(store: LockStore) -> ConsolidationLock:
    return ConsolidationLock("test", store=store, timing=TIMING)


def record_of(store: LockStore, lease: Lease) -> LockRecord:
    found = store.read(lease.lock_key).record
    assert found is not None
    return found


def assert_kept(store: LockStore, lease: Lease) -> None:
    """Wait until the lease has been renewed twice."""
    for _ in range(2):
        seen = record_of(store, lease)
        store.wait_for_change(seen, 30.0)
        assert record_of(store, lease).version != seen.version


def heartbeats() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("heartbeat ")}


def test_several_leases_are_kept_by_one_thread(tmp_path: Path) -> None:
    store = SqliteLockStore(tmp_path / "locks.sqlite")
    locks = a_lock(store)
    before = heartbeats()
    with ExitStack() as stack:
        leases = [stack.enter_context(locks.acquire(game_date=day, batch_id="batch")) for day in DATES]
        assert len(heartbeats() - before) == 1
        for lease in leases:
            assert_kept(store, lease)
    assert store.read_all() == []


def test_the_others_are_kept_when_one_is_released_or_lost(tmp_path: Path) -> None:
    store = SqliteLockStore(tmp_path / "locks.sqlite")
    locks = a_lock(store)
    with pytest.raises(LeaseLost), ExitStack() as stack:  # noqa: PT012
        lost, kept = [stack.enter_context(locks.acquire(game_date=day, batch_id="batch")) for day in DATES[:2]]
        with locks.acquire(game_date=DATES[2], batch_id="batch"):
            pass
        while not lost.is_lost:
            if found := store.read(lost.lock_key).record:
                store.delete(found)
        assert_kept(store, kept)


def test_it_starts_again_after_its_thread_has_ended(tmp_path: Path) -> None:
    store = SqliteLockStore(tmp_path / "locks.sqlite")
    locks = a_lock(store)
    for _ in range(2):
        before = heartbeats()
        with locks.acquire(game_date=DATES[0], batch_id="batch") as lease:
            assert_kept(store, lease)
            [thread] = heartbeats() - before
        thread.join(30.0)
        assert not thread.is_alive()


def test_a_thread_that_finds_its_lease_released_waits_for_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    run = threading.Thread.run

    def late(thread: threading.Thread) -> None:
        released.wait(30.0)
        run(thread)

    monkeypatch.setattr(threading.Thread, "run", late)
    locks = ConsolidationLock("test", store=SqliteLockStore(tmp_path / "locks.sqlite"))
    before, seen = heartbeats(), set[threading.Thread]()
    for _ in range(100):
        with locks.acquire(game_date=DATES[0], batch_id="batch"):
            seen |= heartbeats() - before
        released.set()
    assert len(seen) == 1
