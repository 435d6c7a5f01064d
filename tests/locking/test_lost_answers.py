"""A lost answer and an unavailable service are never reported as "held by another"."""

import math

import pytest

from lib.errors import Unavailable
from lib.locking import LockOutcomeUnknown, LockServiceUnavailable, LockStore
from tests.locking.claims import BATCH, DATE, KEY, a_claim, a_lock, created, lease_that_gets_lost
from tests.locking.faults import AnswersLost, AwayWhileWaiting, RequestsLost, Switch


def test_an_acquisition_knows_its_own_record(store: LockStore) -> None:
    lossy = AnswersLost(store, create=1)
    with a_lock(lossy).acquire(game_date=DATE, batch_id=BATCH, max_wait_seconds=0) as lease:
        record = store.read(KEY).record
        assert record is not None
        assert (record.claim.holder_id, record.token) == (lease.holder_id, lease.token)
    assert store.read_all() == []


def test_a_take_over_knows_its_own_record(store: LockStore) -> None:
    dead = created(store, a_claim(lease_seconds=0.01))
    lossy = AnswersLost(store, take_over=1)
    with a_lock(lossy).acquire(game_date=DATE, batch_id=BATCH, max_wait_seconds=30) as lease:
        assert lease.token > dead.token
    assert store.read_all() == []


def test_an_acquisition_that_never_arrives_ends(store: LockStore) -> None:
    lock = a_lock(RequestsLost(store, create=math.inf))
    with pytest.raises(LockOutcomeUnknown), lock.acquire(game_date=DATE, batch_id=BATCH, max_wait_seconds=0):
        pass
    assert store.read_all() == []


def test_a_take_over_that_never_arrives_ends(store: LockStore) -> None:
    created(store, a_claim(lease_seconds=0.01))
    lock = a_lock(RequestsLost(store, take_over=math.inf))
    with pytest.raises(LockOutcomeUnknown), lock.acquire(game_date=DATE, batch_id=BATCH, max_wait_seconds=0.2):
        pass


def test_a_renewal_whose_answer_is_lost_keeps_the_lease(store: LockStore) -> None:
    lossy = AnswersLost(store, renew=1)
    with a_lock(lossy).acquire(game_date=DATE, batch_id=BATCH) as lease:
        with pytest.raises(LockOutcomeUnknown):
            lease.renew()
        lease.renew()
        lease.ensure_held()
    assert store.read_all() == []


def test_a_renewal_whose_answer_is_lost_does_not_hinder_the_release(store: LockStore) -> None:
    lossy = AnswersLost(store, renew=1)
    with a_lock(lossy).acquire(game_date=DATE, batch_id=BATCH) as lease, pytest.raises(LockOutcomeUnknown):
        lease.renew()
    assert store.read_all() == []


def test_a_release_whose_answer_is_lost_is_a_release(store: LockStore, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with a_lock(AnswersLost(store, delete=1)).acquire(game_date=DATE, batch_id=BATCH):
        pass
    assert store.read_all() == []
    assert "🔓 Released consolidation lock" in caplog.text


def test_a_release_that_is_lost_on_the_way_is_sent_again(store: LockStore) -> None:
    with a_lock(RequestsLost(store, delete=1)).acquire(game_date=DATE, batch_id=BATCH):
        pass
    assert store.read_all() == []


def test_an_unavailable_service_is_not_a_holder(store: LockStore) -> None:
    switch = Switch(store)
    lock = a_lock(switch)
    switch.is_down = True
    with pytest.raises(LockServiceUnavailable) as caught, lock.acquire(game_date=DATE, batch_id=BATCH):
        pass
    assert isinstance(caught.value, Unavailable)
    with pytest.raises(LockServiceUnavailable):
        lock.force_release(DATE, "looks stuck")
    with pytest.raises(LockServiceUnavailable):
        lock.locks()


def test_an_outage_at_the_end_does_not_fail_the_work(store: LockStore) -> None:
    switch = Switch(store)
    with a_lock(switch).acquire(game_date=DATE, batch_id=BATCH):
        switch.is_down = True
    assert store.read(KEY).record is not None


def test_a_lease_survives_only_a_short_outage(store: LockStore) -> None:
    now = 0.0
    switch = Switch(store)
    lock = a_lock(switch, monotonic=lambda: now)
    with lease_that_gets_lost(lock) as lease:
        switch.is_down = True
        now = 100.0
        with pytest.raises(LockServiceUnavailable):
            lease.renew()
        lease.ensure_held()
        now = 201.0
        assert lease.is_lost


def test_a_passing_failure_does_not_end_a_wait(store: LockStore) -> None:
    dead_soon = created(store, a_claim(lease_seconds=0.05))
    lock = a_lock(AwayWhileWaiting(store, calls=1))
    with lock.acquire(game_date=DATE, batch_id=BATCH, max_wait_seconds=30) as lease:
        assert lease.token > dead_soon.token


def test_a_failure_longer_than_the_wait_is_not_a_holder(store: LockStore) -> None:
    created(store)
    lock = a_lock(AwayWhileWaiting(store, calls=math.inf))
    with pytest.raises(LockServiceUnavailable), lock.acquire(game_date=DATE, batch_id=BATCH, max_wait_seconds=0.1):
        pass
