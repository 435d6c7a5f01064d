"""The consolidation lock as its users see it, on every store."""

import threading
import time
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from lib.embedded.sqlite_locks import SqliteLockStore
from lib.errors import UserError
from lib.locking import Lease, LeaseLost, LeaseStillLive, LeaseTiming, LockAcquisitionError, LockStore, NothingToRelease
from tests.locking.backends import Backend
from tests.locking.claims import BATCH, DATE, DEAD_AT_ONCE_SECONDS, KEY, a_claim, a_lock, created, lease_that_gets_lost
from tests.locking.faults import Announced


def taken_from(lease: Lease, store: LockStore) -> None:
    """Let another holder take the lock by force."""
    found = store.read(lease.lock_key).record
    assert found is not None
    assert store.take_over(found, a_claim(lease.lock_key)) is not None


class TestAcquire:
    def test_holds_the_lock_for_the_block_only(self, store: LockStore) -> None:
        with a_lock(store).acquire(game_date=DATE, batch_id=BATCH) as lease:
            record = store.read(KEY).record
            assert record is not None
            assert (record.claim.batch_id, record.claim.holder_id) == (BATCH, lease.holder_id)
            assert record.token == lease.token
            lease.ensure_held()
        assert store.read_all() == []

    def test_the_lock_is_released_when_the_work_fails(self, store: LockStore) -> None:
        with (
            pytest.raises(ZeroDivisionError),
            a_lock(store).acquire(game_date=date(2026, 1, 17), batch_id=BATCH),
        ):
            raise ZeroDivisionError
        assert store.read_all() == []

    def test_zero_wait_tries_once_and_names_the_holder(self, backend: Backend) -> None:
        store = Announced(backend.store())
        with a_lock(backend.store()).acquire(game_date=DATE, batch_id=BATCH):
            held = backend.store().read(KEY).record
            with (
                pytest.raises(LockAcquisitionError, match=BATCH) as caught,
                a_lock(store).acquire(game_date=DATE, batch_id="rival", max_wait_seconds=0),
            ):
                pass
        assert held is not None
        assert caught.value.held_until == held.expires_at
        assert not store.is_waited_for.is_set()

    def test_other_dates_are_free(self, store: LockStore) -> None:
        with (
            a_lock(store).acquire(game_date=DATE, batch_id=BATCH),
            a_lock(store).acquire(game_date="2026-01-18", batch_id=BATCH, max_wait_seconds=0),
        ):
            assert len(store.read_all()) == 2

    def test_two_acquisitions_of_one_batch_are_two_holders(self, store: LockStore) -> None:
        lock = a_lock(store)
        with (
            lock.acquire(game_date=DATE, batch_id=BATCH),
            pytest.raises(LockAcquisitionError),
            lock.acquire(game_date=DATE, batch_id=BATCH, max_wait_seconds=0),
        ):
            pass

    def test_a_waiter_gets_the_lock_when_it_is_released(self, backend: Backend) -> None:
        waiting = Announced(backend.store())
        tokens: list[int] = []

        def wait() -> None:
            with a_lock(waiting).acquire(game_date=DATE, batch_id="waiter", max_wait_seconds=60) as lease:
                tokens.append(lease.token)

        waiter = threading.Thread(target=wait)
        with a_lock(backend.store()).acquire(game_date=DATE, batch_id=BATCH) as lease:
            waiter.start()
            assert waiting.is_waited_for.wait(30)
            assert tokens == []
        waiter.join(30)
        assert tokens > [lease.token]

    def test_a_waiter_takes_over_when_the_holder_is_dead(self, store: LockStore) -> None:
        dead = created(store, a_claim(lease_seconds=0.3))
        with a_lock(store).acquire(game_date=DATE, batch_id=BATCH, max_wait_seconds=30) as lease:
            assert lease.token > dead.token
            assert store.renew(dead) is None
        assert store.read_all() == []

    def test_an_expired_lease_is_taken_without_waiting(self, store: LockStore) -> None:
        dead = created(store, a_claim(lease_seconds=DEAD_AT_ONCE_SECONDS))
        while not store.read(KEY).is_expired:
            pass
        with a_lock(store).acquire(game_date=DATE, batch_id=BATCH, max_wait_seconds=0) as lease:
            assert lease.token > dead.token

    def test_the_token_increases_with_every_handover(self, store: LockStore) -> None:
        lock = a_lock(store)
        tokens: list[int] = []
        for _ in range(4):
            with lock.acquire(game_date=DATE, batch_id=BATCH) as released:
                tokens.append(released.token)
            tokens.append(created(store, a_claim(lease_seconds=DEAD_AT_ONCE_SECONDS)).token)
            with lease_that_gets_lost(lock) as taken_over:
                tokens.append(taken_over.token)
                tokens.append(lock.force_release(DATE, "test", steal=True).token)
                taken_over.renew()
        assert tokens == sorted(set(tokens))

    def test_a_lock_without_a_heartbeat_is_not_kept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_more_threads(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        store = SqliteLockStore(tmp_path / "locks.sqlite")
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_more_threads)
            with pytest.raises(RuntimeError), a_lock(store).acquire(game_date=DATE, batch_id=BATCH):
                pass
        assert store.read_all() == []

    @pytest.mark.parametrize("game_date", ["2026-13-01", "", "today'; --", None])
    def test_an_invalid_date_is_refused(self, tmp_path: Path, game_date: str) -> None:
        store = SqliteLockStore(tmp_path / "locks.sqlite")
        with (
            pytest.raises(UserError, match="is not a date"),
            a_lock(store).acquire(game_date=game_date, batch_id=BATCH),
        ):
            pass


class TestLease:
    def test_the_heartbeat_keeps_the_lease(self, backend: Backend) -> None:
        timing = LeaseTiming(lease_seconds=1.5, renewal_deadline_seconds=1.0, heartbeat_seconds=0.1)
        store = backend.store(request_timeout_seconds=0.45)
        with a_lock(store, timing=timing).acquire(game_date=DATE, batch_id=BATCH) as lease:
            first_end = outlive_the_first_lease(backend.store())
            with (
                pytest.raises(LockAcquisitionError) as caught,
                a_lock(backend.store()).acquire(game_date=DATE, batch_id="rival", max_wait_seconds=0),
            ):
                pass
            lease.ensure_held()
        assert caught.value.held_until > first_end

    def test_the_lease_is_lost_when_another_has_it(self, store: LockStore) -> None:
        with lease_that_gets_lost(a_lock(store), because="another holder") as lease:
            taken_from(lease, store)
            lease.renew()
            assert lease.is_lost
            with pytest.raises(LeaseLost):
                lease.ensure_held()

    def test_the_heartbeat_detects_a_lost_lease(self, backend: Backend) -> None:
        timing = LeaseTiming(heartbeat_seconds=0.02)
        store = backend.store()
        with lease_that_gets_lost(a_lock(store, timing=timing)) as lease:
            while not lease.is_lost:
                # Repeat until the call falls between two heartbeats.
                with suppress(LeaseStillLive, NothingToRelease):
                    a_lock(store).force_release(DATE, "test", steal=True)

    def test_a_release_never_removes_a_successors_record(self, store: LockStore) -> None:
        with lease_that_gets_lost(a_lock(store)) as lease:
            taken_from(lease, store)
        successor = store.read(KEY).record
        assert successor is not None
        assert successor.claim.holder_id != lease.holder_id

    def test_a_paused_holder_knows_that_its_lease_has_expired(self, store: LockStore) -> None:
        paused_seconds = 0.0
        lock = a_lock(store, monotonic=lambda: time.monotonic() + paused_seconds)
        with lease_that_gets_lost(lock, because="paused") as lease:
            lease.ensure_held()
            paused_seconds = 1000.0
            lease.ensure_held()
        assert store.read_all() == []

    def test_the_errors_of_the_work_come_first(self, store: LockStore) -> None:
        with pytest.raises(ZeroDivisionError), a_lock(store).acquire(game_date=DATE, batch_id=BATCH) as lease:  # noqa: PT012
            taken_from(lease, store)
            lease.renew()
            raise ZeroDivisionError


def outlive_the_first_lease(store: LockStore) -> datetime:
    """Follow the heartbeats, by the store's clock, until the original lease would have expired."""
    seen = store.read(KEY)
    assert seen.record is not None
    first_end = seen.record.acquired_at + timedelta(seconds=seen.record.claim.lease_seconds)
    while seen.read_at <= first_end and seen.record is not None:
        store.wait_for_change(seen.record, 1.0)
        seen = store.read(KEY)
    return first_end
