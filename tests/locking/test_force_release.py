"""A forced release: guarded, recorded, and final for the old holder."""

from datetime import date

import pytest

from lib.errors import UserError
from lib.locking import LeaseStillLive, LockStore, NothingToRelease
from tests.locking.claims import BATCH, DATE, DEAD_AT_ONCE_SECONDS, KEY, a_claim, a_lock, created, lease_that_gets_lost
from tests.locking.faults import AnswersLost


class RecordingFence:
    def __init__(self) -> None:
        self.moves: list[tuple[date, int]] = []

    def advance(self, game_date: date, token: int) -> None:
        self.moves.append((game_date, token))


def dead(store: LockStore) -> None:
    created(store, a_claim(lease_seconds=DEAD_AT_ONCE_SECONDS))
    while not store.read(KEY).is_expired:
        pass


def test_a_live_lease_is_not_released(store: LockStore) -> None:
    with a_lock(store).acquire(game_date=DATE, batch_id=BATCH) as lease:
        with pytest.raises(LeaseStillLive, match="steal"):
            a_lock(store).force_release(DATE, "looks stuck")
        lease.renew()
        lease.ensure_held()
    assert store.audit_entries() == []


def test_a_dead_lease_is_released_and_audited(store: LockStore) -> None:
    dead(store)
    removed = store.read(KEY).record
    fence = RecordingFence()
    entry = a_lock(store, fence=fence).force_release(DATE, "host is gone", actor="ann")
    assert (entry.removed, entry.reason, entry.actor, entry.was_live) == (removed, "host is gone", "ann", False)
    assert store.read_all() == []
    assert store.audit_entries() == [entry]
    assert fence.moves == [(date.fromisoformat(DATE), entry.token)]
    assert entry.token > entry.removed.token


def test_a_live_lease_can_be_stolen_and_its_holder_finds_out(store: LockStore) -> None:
    fence = RecordingFence()
    with lease_that_gets_lost(a_lock(store)) as lease:
        entry = a_lock(store, fence=fence).force_release(DATE, "kernel was killed", steal=True)
        with a_lock(store).acquire(game_date=DATE, batch_id="next", max_wait_seconds=0) as successor:
            lease.renew()
            assert lease.token < entry.token <= successor.token
    assert entry.was_live
    assert entry.actor
    assert fence.moves == [(date.fromisoformat(DATE), entry.token)]


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_reason_is_needed(store: LockStore, reason: str) -> None:
    dead(store)
    with pytest.raises(UserError, match="needs a reason"):
        a_lock(store).force_release(DATE, reason)
    assert store.read(KEY).record is not None


def test_nothing_to_release_is_an_error(store: LockStore) -> None:
    fence = RecordingFence()
    with pytest.raises(NothingToRelease, match="nothing was released"):
        a_lock(store, fence=fence).force_release(DATE, "looks stuck", steal=True)
    assert (store.audit_entries(), fence.moves) == ([], [])


def test_a_release_whose_answer_is_lost_is_found_in_the_audit(store: LockStore) -> None:
    dead(store)
    fence = RecordingFence()
    lock = a_lock(AnswersLost(store, delete_audited=1), fence=fence)
    entry = lock.force_release(DATE, "host is gone")
    assert store.audit_entries() == [entry]
    assert fence.moves == [(date.fromisoformat(DATE), entry.token)]
