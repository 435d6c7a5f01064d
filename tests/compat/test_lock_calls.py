"""Each call of the services to their lock."""

from __future__ import annotations

import pytest

from lib import locking
from lib.compat import LOCK_TIMEOUT_SECONDS, TABLE, ConsolidationLock, LockAcquisitionError
from lib.locking import LeaseStillLive
from tests.compat.project import DAY, Project
from tests.locking.backends import Backend
from tests.locking.claims import DEAD_AT_ONCE_SECONDS, a_claim, created
from tests.locking.emulator import HOST_VARIABLE, free_port

BATCH = "batch_2026-01-16_1768529790"
KEY = f"consolidation_{DAY}"


@pytest.mark.parametrize("named", ["batch_id", "operation_id"])
def test_acquire_and_what_the_document_says(firestore: Backend, named: str) -> None:
    with ConsolidationLock(firestore.place).acquire(game_date=DAY, **{named: BATCH}):
        [seen] = firestore.store().read_all()
        assert seen.record is not None
        assert (seen.record.claim.lock_key, seen.record.claim.batch_id) == (KEY, BATCH)
        assert seen.record.claim.lease_seconds == LOCK_TIMEOUT_SECONDS == 300
    assert firestore.store().read_all() == []


def test_the_error_takes_a_text_and_is_caught_by_name(firestore: Backend) -> None:
    assert str(LockAcquisitionError("text")) == "text"
    created(firestore.store(), a_claim(KEY))
    with (
        pytest.raises(LockAcquisitionError, match="is held by batch") as caught,
        ConsolidationLock(firestore.place).acquire(game_date=DAY, batch_id=BATCH, max_wait_seconds=0),
    ):
        pytest.fail("it is held")
    assert isinstance(caught.value.__cause__, locking.LockAcquisitionError)


def test_a_lock_service_that_is_down_is_not_a_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOST_VARIABLE, f"127.0.0.1:{free_port()}")
    with (
        pytest.raises(LockAcquisitionError) as caught,
        ConsolidationLock("some-project").acquire(game_date=DAY, batch_id=BATCH, max_wait_seconds=0),
    ):
        pytest.fail("there is no lock service")
    assert isinstance(caught.value.__cause__, locking.LockServiceUnavailable)


def test_an_error_of_the_work_is_passed_on(firestore: Backend) -> None:
    with pytest.raises(ZeroDivisionError), ConsolidationLock(firestore.place).acquire(DAY, BATCH):
        raise ZeroDivisionError
    assert firestore.store().read_all() == []


def test_a_forced_release_shuts_the_dead_holder_out_and_is_audited(project: Project) -> None:
    store = Backend("firestore", project.project_id).store()
    lock = ConsolidationLock(project.project_id, project.double.client())  # without the dataset's location
    assert lock.force_release(DAY) is None  # nothing to release, as in theirs
    dead = created(store, a_claim(KEY, lease_seconds=DEAD_AT_ONCE_SECONDS))
    while not store.read(KEY).is_expired:
        pass
    lock.force_release(DAY)
    [entry] = store.audit_entries()
    assert (entry.removed, entry.was_live, entry.reason) == (
        dead, False, "released through lib.compat, whose caller gave no reason",
    )  # fmt: skip
    [fence] = project.warehouse.query(f"SELECT token, moved_by FROM {TABLE.fences.sql}")
    assert fence == {"token": entry.token, "moved_by": "forced release"}


def test_a_live_lock_is_force_released_only_with_steal(project: Project) -> None:
    store = Backend("firestore", project.project_id).store()
    live = created(store, a_claim(KEY))
    lock = ConsolidationLock(project.project_id, project.client)
    with pytest.raises(LeaseStillLive):
        lock.force_release(DAY)
    assert store.read(KEY).record == live
    lock.force_release(DAY, "its machine is gone", steal=True)
    assert store.read(KEY).record is None
