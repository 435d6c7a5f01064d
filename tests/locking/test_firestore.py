"""Behaviour specific to Firestore: requests, fields, clocks, errors of the service."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.auth.exceptions import DefaultCredentialsError, RefreshError
from google.cloud import firestore as google_firestore

from lib.gcp.firestore_locks import FirestoreLockStore, firestore_errors
from lib.locking import ConsolidationLock, LockAcquisitionError, LockOutcomeUnknown, LockRecord, LockServiceUnavailable
from lib.places import ROOT
from tests.locking.backends import Backend
from tests.locking.claims import BATCH, DATE, DEAD_AT_ONCE_SECONDS, KEY, a_claim, a_lock, created
from tests.locking.emulator import HOST_VARIABLE, free_port

GUIDES_FIELDS = {"batch_id", "holder_id", "acquired_at", "expires_at", "lock_key"}


def test_acquire_and_release_are_one_request_each(firestore: Backend, sent: list[str]) -> None:
    with a_lock(firestore.store()).acquire(game_date=DATE, batch_id=BATCH):
        assert sent == ["Commit"]
    assert sent == ["Commit", "Commit"]


def test_heartbeat_and_take_over_need_no_transaction(firestore: Backend, sent: list[str]) -> None:
    store = firestore.store()
    dead = created(store, a_claim(lease_seconds=DEAD_AT_ONCE_SECONDS))
    while not store.read(KEY).is_expired:
        pass
    sent.clear()
    with a_lock(store).acquire(game_date=DATE, batch_id=BATCH) as lease:
        assert sent == ["Commit", "BatchGetDocuments", "Commit"]
        assert lease.token > dead.token
        sent.clear()
        lease.renew()
        assert sent == ["Commit"]


def test_a_waiter_watches(firestore: Backend, sent: list[str]) -> None:
    store = firestore.store()
    record = created(store)
    sent.clear()
    store.wait_for_change(record, 0.05)
    assert sent == ["Listen"]


def test_the_default_call_needs_no_credentials_on_the_emulator(firestore: Backend) -> None:
    lock = ConsolidationLock(firestore.place)
    with lock.acquire(game_date=DATE, batch_id=BATCH):
        assert [seen.record is not None for seen in lock.locks()] == [True]
    assert lock.locks() == []


def test_the_document_has_the_old_fields_and_ours(firestore: Backend) -> None:
    created(firestore.store())
    document = google_firestore.Client(project=firestore.place).document(f"consolidation_locks/{KEY}").get()
    fields = document.to_dict()
    assert set(fields) == GUIDES_FIELDS | {"operation_id", "renewed_at", "lease_seconds", "host", "purge_after"}
    assert fields["lock_key"] == document.id == KEY
    assert fields["purge_after"] - fields["expires_at"] == timedelta(days=7)


@pytest.mark.parametrize("lease_seconds", [None, "soon", -1, float("nan"), float("inf"), 1e300])
def test_a_foreign_document_is_read_with_the_default_timeout(firestore: Backend, lease_seconds: object) -> None:
    fields = {"batch_id": BATCH, "holder_id": BATCH, "acquired_at": datetime.now(UTC), "lock_key": KEY}
    if lease_seconds is not None:
        fields["lease_seconds"] = lease_seconds
    google_firestore.Client(project=firestore.place).document(f"consolidation_locks/{KEY}").set(fields)
    lock = a_lock(firestore.store())
    [seen] = lock.locks()
    assert seen.record is not None
    assert seen.record.claim.lease_seconds == 300
    entry = lock.force_release(DATE, "left by the old lock", steal=True)
    assert lock.store.audit_entries() == [entry]


@pytest.mark.parametrize(
    ("expires_in", "lease_seconds"),
    [(timedelta(hours=1), 3600), (timedelta(seconds=-5), 300), (timedelta(days=20_000), 300), ("soon", 300)],
)
def test_an_old_lock_lasts_until_its_recorded_expiry(firestore: Backend, expires_in: Any, lease_seconds: int) -> None:
    """The services' old lock recorded when a lock expires, but no lease."""
    now = datetime.now(UTC)
    ends = now + expires_in if isinstance(expires_in, timedelta) else expires_in
    fields = {"batch_id": BATCH, "holder_id": BATCH, "acquired_at": now, "lock_key": KEY, "expires_at": ends}
    google_firestore.Client(project=firestore.place).document(f"consolidation_locks/{KEY}").set(fields)
    lock = a_lock(firestore.store())
    [seen] = lock.locks()
    assert seen.record is not None
    assert seen.record.claim.lease_seconds == pytest.approx(lease_seconds, abs=60)
    with pytest.raises(LockAcquisitionError), lock.acquire(game_date=DATE, batch_id="other", max_wait_seconds=0):
        pass


FOREIGN: tuple[dict[str, Any], ...] = (
    {},
    {"note": "do not\ndelete", "lock_key": 7},
    {"holder_id": None, "batch_id": ["a"], "lease_seconds": True, "expires_at": 5, "host": b"x", "token": "x"},
    {
        "token": 1.5,
        "acquired_at": "yesterday",
        "renewed_at": 0,
        "version": {},
        "actor": 3,
        "reason": None,
        "was_live": 1,
    },
)


def test_foreign_documents_are_harmless_and_shown_as_such(firestore: Backend) -> None:
    client = google_firestore.Client(project=firestore.place)
    for number, fields in enumerate(FOREIGN):
        client.document(f"consolidation_locks/foreign {number}").set(fields)
        client.document(f"consolidation_lock_audit/foreign{number}").set(fields)
    lock = a_lock(firestore.store())
    ours = created(lock.store)
    entry = lock.force_release(DATE, "stuck", steal=True)
    assert entry.removed == ours
    seen = {one.record.claim.lock_key: one.record for one in lock.locks() if one.record}
    assert {name.partition(" ")[0] for name in seen} == {"foreign"}
    assert all("not a lock of this library" in record.claim.holder for record in seen.values())
    assert "'note'" in seen["foreign 1"].claim.holder
    assert "\n" not in seen["foreign 1"].claim.holder
    entries = lock.store.audit_entries()
    assert entries[0] == entry
    assert [one.reason.partition(":")[0] for one in entries[1:]] == ["not a forced release of this library"] * 4
    assert all(json.dumps(one.as_data()) for one in entries)


def test_documents_with_an_operation_are_understood(firestore: Backend) -> None:
    """The current form of the services' documents; an expired one is taken over in place."""
    client = google_firestore.Client(project=firestore.place)
    document = client.document("grading_locks/grading_2026-01-17")
    until = datetime.now(UTC) + timedelta(hours=1)
    for _ in range(2):
        fields = {"operation_id": "grading-7", "lock_type": "grading", "expires_at": until}
        document.set({**fields, "acquired_at": google_firestore.SERVER_TIMESTAMP})
    (seen,) = FirestoreLockStore(firestore.place, collection="grading_locks").read_all()
    assert seen.record is not None
    assert seen.record.claim.holder == "batch grading-7 on unknown host, a grading lock"
    assert abs(seen.record.expires_at - until) < timedelta(seconds=1)
    assert seen.record.acquired_at > datetime.fromtimestamp(seen.record.token / 1e6, UTC)  # not the first holder's
    assert not seen.is_expired


WRONG_CLOCK = """
import datetime, sys, time
shift = float(sys.argv.pop(1))
right_time = time.time

class WrongDatetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(seconds=shift)

    @classmethod
    def utcnow(cls):
        return super().utcnow() + datetime.timedelta(seconds=shift)

def wrong_time():
    # Deadlines of gRPC are compared with the kernel's clock, which is not shifted here.
    caller = sys._getframe(1).f_globals["__name__"]
    return right_time() + (0 if caller.startswith("grpc") else shift)

time.time, datetime.datetime = wrong_time, WrongDatetime
import runpy
runpy.run_module("tests.locking.contender", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("shift_seconds", [3600, -3600])
def test_a_client_whose_clock_is_wrong_judges_like_any_other(firestore: Backend, shift_seconds: int) -> None:
    store = firestore.store()
    live = created(store, a_claim("consolidation_2026-01-17"))
    dead = created(store, a_claim("consolidation_2026-01-18", lease_seconds=DEAD_AT_ONCE_SECONDS))
    while not store.read(dead.claim.lock_key).is_expired:
        pass
    arguments = [firestore.kind, firestore.place, "try_once", "2026-01-17", "2026-01-18"]
    result = subprocess.run(
        [sys.executable, "-c", WRONG_CLOCK, str(shift_seconds), *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert (result.stdout.split(), result.returncode) == (["held", "taken"], 0), result.stderr
    assert store.renew(live) is not None


class Refuses(grpc.GenericRpcHandler):
    """A service that answers every request with the same status."""

    def __init__(self, status: grpc.StatusCode) -> None:
        self.status = status

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        def refuse(_: Any, context: grpc.ServicerContext) -> Any:
            context.abort(self.status, "refused\nby the <test>")

        if handler_call_details.method.endswith("/Commit"):
            return grpc.unary_unary_rpc_method_handler(refuse)
        if handler_call_details.method.endswith("/Listen"):
            return grpc.stream_stream_rpc_method_handler(refuse)
        return grpc.unary_stream_rpc_method_handler(refuse)


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[grpc.StatusCode], Backend]]:
    server = grpc.server(ThreadPoolExecutor(2))
    port = server.add_insecure_port("127.0.0.1:0")

    def start(status: grpc.StatusCode) -> Backend:
        server.add_generic_rpc_handlers([Refuses(status)])
        server.start()
        monkeypatch.setenv(HOST_VARIABLE, f"127.0.0.1:{port}")
        return Backend("firestore", "some-project")

    yield start
    server.stop(0).wait()


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, "--role=roles/datastore.user"),
        (grpc.StatusCode.UNAUTHENTICATED, "gcloud auth application-default login"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "quota"),
        (grpc.StatusCode.NOT_FOUND, "gcloud firestore databases create --project=some-project"),
        (grpc.StatusCode.FAILED_PRECONDITION, "Native mode"),
        (grpc.StatusCode.UNAVAILABLE, "try again"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "try again"),
        (grpc.StatusCode.INTERNAL, "try again"),
        (grpc.StatusCode.ABORTED, ""),
    ],
)
def test_a_refusal_is_not_a_holder_and_says_what_to_do(
    refusing: Callable[[grpc.StatusCode], Backend], status: grpc.StatusCode, fix: str
) -> None:
    lock = a_lock(refusing(status).store(request_timeout_seconds=2.0))
    with pytest.raises(LockServiceUnavailable) as caught, lock.acquire(game_date=DATE, batch_id=BATCH):
        pass
    message = str(caught.value)
    assert "some-project" in message
    assert fix in message
    assert "\n" not in message
    for call in (lock.locks, lock.store.audit_entries, lambda: lock.force_release(DATE, "stuck")):
        with pytest.raises(LockServiceUnavailable):
            call()


def test_waiting_without_a_stream_is_a_pause(refusing: Callable[[grpc.StatusCode], Backend]) -> None:
    store = refusing(grpc.StatusCode.UNIMPLEMENTED).store()
    now = datetime.now(UTC)
    store.wait_for_change(LockRecord(a_claim(), 1, now, now, "1"), 0.01)


def test_an_unreachable_service_is_not_a_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOST_VARIABLE, f"127.0.0.1:{free_port()}")
    lock = a_lock(Backend("firestore", "some-project").store(request_timeout_seconds=0.2))
    with pytest.raises(LockServiceUnavailable), lock.acquire(game_date=DATE, batch_id=BATCH):
        pass


def test_without_credentials_it_says_how_to_log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HOST_VARIABLE, raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    lock = ConsolidationLock("some-project")
    with pytest.raises(LockServiceUnavailable, match="gcloud auth"), lock.acquire(game_date=DATE, batch_id=BATCH):
        pass


def all_errors() -> Iterator[Exception]:
    """Return one error of every kind that the client can raise."""
    kinds = [exceptions.GoogleAPIError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    for kind in set(kinds):
        yield kind("said", None) if kind is exceptions.RetryError else kind("said")
    yield from (DefaultCredentialsError("said"), RefreshError("said"))


@pytest.mark.parametrize("error", sorted(all_errors(), key=repr), ids=lambda error: type(error).__name__)
def test_every_error_of_the_client_is_ours(error: Exception) -> None:
    with pytest.raises(LockServiceUnavailable, match="said") as reading, firestore_errors("some-project"):
        raise error
    assert type(reading.value) is LockServiceUnavailable
    with pytest.raises(LockServiceUnavailable) as writing, firestore_errors("some-project", writing=True):
        raise error
    assert isinstance(writing.value, LockOutcomeUnknown) == isinstance(
        error, exceptions.ServerError | exceptions.RetryError | exceptions.Cancelled | exceptions.Aborted
    )
