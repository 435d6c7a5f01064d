"""The promises of `LockStore`, for every adapter."""

import json
import threading

from lib.locking import Claim, LockRecord, LockStore
from tests.locking.backends import Backend
from tests.locking.claims import DEAD_AT_ONCE_SECONDS, a_claim, created


def test_create_succeeds_once(backend: Backend) -> None:
    first, second = backend.store(), backend.store()
    record = first.create(a_claim())
    assert record is not None
    assert second.create(a_claim()) is None
    assert second.read(record.claim.lock_key).record == record


def test_one_of_many_concurrent_creates_wins(backend: Backend) -> None:
    results: list[LockRecord | None] = []
    start = threading.Barrier(6)

    def contend() -> None:
        store = backend.store()
        start.wait()
        results.append(store.create(a_claim()))

    threads = [threading.Thread(target=contend) for _ in range(start.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [record for record in results if record is not None]
    assert len(results) == len(threads)
    assert [backend.store().read(record.claim.lock_key).record for record in winners] == winners != []
    assert len(winners) == 1


def test_a_free_key_reads_as_free_with_the_stores_time(store: LockStore) -> None:
    before = store.read("consolidation_2026-01-17")
    record = created(store)
    after = store.read("consolidation_2026-01-18")
    assert before.record is None
    assert after.record is None
    assert before.read_at <= record.acquired_at <= after.read_at
    assert before.read_at.utcoffset() is not None


def test_a_new_record_carries_the_claim_and_the_stores_times(store: LockStore) -> None:
    claim = a_claim(lease_seconds=12.5)
    record = created(store, claim)
    seen = store.read(claim.lock_key)
    assert seen.record == record
    assert record.claim == claim
    assert record.acquired_at == record.renewed_at <= seen.read_at
    assert not seen.is_expired


def test_the_claims_text_is_stored_unchanged(store: LockStore) -> None:
    claim = Claim("consolidation_2026-01-17", "h", "<b>'; DROP TABLE consolidation_locks; --\n🔒", 300.0, "\\\"'")
    created(store, claim)
    found = store.read(claim.lock_key).record
    assert found is not None
    assert found.claim == claim


def test_renew_moves_only_the_renewal(store: LockStore) -> None:
    record = created(store)
    renewed = store.renew(record)
    assert renewed is not None
    assert (renewed.claim, renewed.token, renewed.acquired_at) == (record.claim, record.token, record.acquired_at)
    assert renewed.renewed_at >= record.renewed_at
    assert renewed.version != record.version
    assert store.read(record.claim.lock_key).record == renewed


def test_an_old_version_changes_nothing(store: LockStore) -> None:
    record = created(store)
    renewed = store.renew(record)
    assert store.renew(record) is None
    assert store.delete(record) is False
    assert store.take_over(record, a_claim()) is None
    assert store.delete_audited(record, actor="ann", reason="stuck", was_live=True) is None
    assert store.read(record.claim.lock_key).record == renewed
    assert store.audit_entries() == []


def test_a_deleted_record_stays_deleted(store: LockStore) -> None:
    record = created(store)
    assert store.delete(record) is True
    assert store.delete(record) is False
    assert store.renew(record) is None
    assert store.take_over(record, a_claim()) is None
    assert store.read(record.claim.lock_key).record is None


def test_take_over_replaces_the_record_with_a_newer_token(store: LockStore) -> None:
    old = created(store)
    new = store.take_over(old, a_claim())
    assert new is not None
    assert new.token > old.token
    assert store.read(old.claim.lock_key).record == new
    assert store.delete(old) is False
    assert store.read(old.claim.lock_key).record == new


def test_one_of_many_concurrent_take_overs_wins(backend: Backend) -> None:
    old = created(backend.store())
    results: list[LockRecord | None] = []
    start = threading.Barrier(6)

    def contend() -> None:
        store = backend.store()
        start.wait()
        results.append(store.take_over(old, a_claim()))

    threads = [threading.Thread(target=contend) for _ in range(start.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(threads)
    assert sum(record is not None for record in results) == 1


def test_the_stores_clock_decides_expiry(store: LockStore) -> None:
    record = created(store, a_claim(lease_seconds=DEAD_AT_ONCE_SECONDS))
    seen = store.read(record.claim.lock_key)
    while not seen.is_expired:
        seen = store.read(record.claim.lock_key)
    assert seen.read_at > record.expires_at


def test_a_forced_delete_files_what_it_removed(store: LockStore) -> None:
    first = created(store)
    approval = json.dumps({"approver": "bob", "signature": "AAAA\n" * 500})
    entry = store.delete_audited(first, actor="ann", reason="its <host> is 'gone'", was_live=True, approval=approval)
    second = created(store)
    other = store.delete_audited(second, actor="bob", reason="again", was_live=False)
    assert entry is not None
    assert (entry.removed, entry.actor, entry.reason, entry.was_live) == (first, "ann", "its <host> is 'gone'", True)
    assert (entry.approval, other and other.approval) == (approval, "")
    assert first.token < entry.token <= second.token
    assert store.audit_entries() == [other, entry]
    assert store.read(first.claim.lock_key).record is None


def test_all_records_are_listed_by_key(store: LockStore) -> None:
    keys = ["consolidation_2026-01-19", "consolidation_2026-01-17", "consolidation_other.table_2026-01-18"]
    records = {key: created(store, a_claim(key)) for key in keys}
    seen = store.read_all()
    assert [observation.record for observation in seen] == [records[key] for key in sorted(keys)]
    assert not any(observation.is_expired for observation in seen)


def test_a_waiter_is_woken_by_a_release(backend: Backend) -> None:
    record = created(backend.store())
    waiter = threading.Thread(target=backend.store().wait_for_change, args=(record, 60.0))
    waiter.start()
    waiter.join(0.3)
    backend.store().delete(record)
    waiter.join(30.0)
    assert not waiter.is_alive()


def test_a_waiter_is_woken_by_a_take_over(backend: Backend) -> None:
    record = created(backend.store())
    waiter = threading.Thread(target=backend.store().wait_for_change, args=(record, 60.0))
    waiter.start()
    waiter.join(0.3)
    backend.store().take_over(record, a_claim())
    waiter.join(30.0)
    assert not waiter.is_alive()


def test_a_wait_ends_by_itself(store: LockStore) -> None:
    record = created(store)
    store.wait_for_change(record, 0.05)
    store.wait_for_change(record, 0.0)
    assert store.read(record.claim.lock_key).record == record
