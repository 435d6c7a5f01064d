"""Lock records as Firestore documents, one per lock key.

Every condition is a precondition of a single Commit: "does not exist" or "was last updated at". Acquisition
and release are therefore one request each, and no transaction holds a document. All decisions use Firestore's
own times: a document's ``create_time`` is the fencing token, its ``update_time`` the last renewal, and each
read returns its ``read_time``. The timestamp fields are for people and dashboards.

Needs `roles/datastore.user`. A TTL policy on ``purge_after`` deletes locks that were never released.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import cached_property
from typing import Any, cast

from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import GoogleAuthError
from google.cloud import firestore
from google.cloud.firestore import FieldFilter, LastUpdateOption
from google.cloud.firestore_v1.types import ListenRequest, ListenResponse

from lib.gcp import firestore_documents as documents
from lib.gcp.errors import FIRESTORE, message
from lib.locking.errors import LockOutcomeUnknown, LockServiceUnavailable
from lib.locking.store import AuditEntry, Claim, LockRecord, Observation
from lib.ports.approvals import MOST_ENTRIES, Entry
from lib.words.brief import brief

AUDIT_COLLECTION = "consolidation_lock_audit"
APPROVALS_COLLECTION = "consolidation_approvals"

_POLL_SECONDS = 1.0
_FAREWELL_SECONDS = 0.1
_CHANGED = (exceptions.FailedPrecondition, exceptions.NotFound)
# After these errors a write may have taken effect, or (Aborted) can be sent again.
_OUTCOME_UNKNOWN = (exceptions.ServerError, exceptions.RetryError, exceptions.Cancelled, exceptions.Aborted)


@contextmanager
def firestore_errors(project_id: str, *, writing: bool = False) -> Iterator[None]:
    """Translate every error of the client. Preconditions that fail are not errors here.

    Raises:
        LockOutcomeUnknown: The response to a write was lost; only with `writing`.
        LockServiceUnavailable: Nothing was written; the message has the advice.
    """
    try:
        yield
    except (exceptions.GoogleAPIError, GoogleAuthError) as error:
        kind = LockOutcomeUnknown if writing and isinstance(error, _OUTCOME_UNKNOWN) else LockServiceUnavailable
        raise kind(message(error, FIRESTORE, project_id)) from error


class FirestoreLockStore:
    """A `LockStore` and an `ApprovalStore` in a Firestore database in Native mode.

    With ``FIRESTORE_EMULATOR_HOST`` set, it uses the emulator, without credentials.

    Args:
        project_id: The Google Cloud project.
        database: The Firestore database.
        collection: The collection of the lock documents.
        client: The client to use; by default one is created at the first call.
        request_timeout_seconds: Time limit of one call, including retries.
    """

    __repr__ = brief()

    def __init__(
        self,
        project_id: str,
        *,
        database: str = "(default)",
        collection: str = "consolidation_locks",
        client: firestore.Client | None = None,
        request_timeout_seconds: float = 10.0,
    ) -> None:
        self._project_id = project_id
        self._database = database
        self._collection = collection
        self._given_client = client
        self.request_timeout_seconds = request_timeout_seconds

    @cached_property
    def _client(self) -> firestore.Client:
        with firestore_errors(self._project_id):
            return self._given_client or firestore.Client(project=self._project_id, database=self._database)

    def _document(self, lock_key: str) -> firestore.DocumentReference:
        return self._client.collection(self._collection).document(lock_key)

    def _attempts(self, *again_after: type[Exception]) -> dict[str, Any]:
        """Return timeout and retry of a request; the client's defaults would outlast a heartbeat.

        Attempts start in the first half of the time; the second half is for the last one to finish.
        """
        half = self.request_timeout_seconds / 2
        again = Retry(predicate=if_exception_type(*again_after), initial=0.05, maximum=1.0, timeout=half)
        return {"retry": again, "timeout": half}

    def _reading(self) -> dict[str, Any]:
        return self._attempts(exceptions.ServiceUnavailable, exceptions.InternalServerError, exceptions.Aborted)

    def _commit(self, batch: firestore.WriteBatch, refusals: tuple[type[Exception], ...] = _CHANGED) -> datetime | None:
        """Commit all writes at once and return the commit time; None if a precondition failed.

        Only contention is retried, because it certainly wrote nothing. After a lost response,
        a retry would fail on the precondition if the first attempt had succeeded.
        """
        with firestore_errors(self._project_id, writing=True):
            try:
                batch.commit(**self._attempts(exceptions.Aborted))
            except refusals:
                return None
            return documents.plain(cast(datetime, batch.commit_time))

    def create(self, claim: Claim) -> LockRecord | None:
        batch = self._client.batch()
        batch.create(self._document(claim.lock_key), documents.lock_fields(claim))
        committed_at = self._commit(batch, refusals=(exceptions.AlreadyExists,))
        return documents.written_record(claim, committed_at) if committed_at else None

    def take_over(self, expired: LockRecord, claim: Claim) -> LockRecord | None:
        batch = self._client.batch()
        batch.delete(self._document(expired.claim.lock_key), option=_exactly(expired))
        batch.create(self._document(claim.lock_key), documents.lock_fields(claim))
        committed_at = self._commit(batch)
        return documents.written_record(claim, committed_at) if committed_at else None

    def renew(self, record: LockRecord) -> LockRecord | None:
        batch = self._client.batch()
        fields = documents.renewal_fields(record.claim)
        batch.update(self._document(record.claim.lock_key), fields, option=_exactly(record))
        committed_at = self._commit(batch)
        return documents.renewed_record(record, committed_at) if committed_at else None

    def delete(self, record: LockRecord) -> bool:
        batch = self._client.batch()
        batch.delete(self._document(record.claim.lock_key), option=_exactly(record))
        return self._commit(batch) is not None

    def delete_audited(
        self, record: LockRecord, *, actor: str, reason: str, was_live: bool, approval: str = ""
    ) -> AuditEntry | None:
        batch = self._client.batch()
        batch.delete(self._document(record.claim.lock_key), option=_exactly(record))
        fields = documents.audit_fields(record, actor=actor, reason=reason, was_live=was_live, approval=approval)
        batch.create(self._client.collection(AUDIT_COLLECTION).document(), fields)
        committed_at = self._commit(batch)
        if committed_at is None:
            return None
        return AuditEntry(record, actor, reason, was_live, committed_at, documents.token(committed_at), approval)

    def read(self, lock_key: str) -> Observation:
        document = self._document(lock_key)
        with firestore_errors(self._project_id):
            return documents.observation(document.get(**self._reading()))

    def read_all(self) -> list[Observation]:
        return [documents.observation(found) for found in self._all_of(self._collection)]

    def audit_entries(self) -> list[AuditEntry]:
        found = self._all_of(AUDIT_COLLECTION)
        newest_first = sorted(found, key=lambda document: document.create_time, reverse=True)
        return [documents.audit_entry(document) for document in newest_first]

    def add(self, entry: Entry) -> bool:
        batch = self._client.batch()
        document = self._client.collection(APPROVALS_COLLECTION).document(f"{entry.plan}.{entry.kind}")
        batch.create(document, documents.approval_fields(entry))
        return self._commit(batch, refusals=(exceptions.AlreadyExists,)) is not None

    def entries(self, plan: str) -> list[Entry]:
        client = self._client
        with firestore_errors(self._project_id):
            of_plan = client.collection(APPROVALS_COLLECTION).where(filter=FieldFilter("plan", "==", plan))
            found = of_plan.limit(MOST_ENTRIES).get(**self._reading())
        return sorted(map(documents.approval_entry, found), key=lambda entry: entry.kind)

    def _all_of(self, collection: str) -> list[firestore.DocumentSnapshot[Any]]:
        client = self._client
        with firestore_errors(self._project_id):
            return list(client.collection(collection).get(**self._reading()))

    def wait_for_change(self, seen: LockRecord, timeout_seconds: float) -> None:
        until = time.monotonic() + timeout_seconds
        try:
            self._watch(seen, timeout_seconds)
        except LockServiceUnavailable:
            # No stream available (a proxy, a restart): the caller polls.
            pause = _POLL_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311
            time.sleep(max(0.0, min(pause, until - time.monotonic())))

    def _watch(self, seen: LockRecord, timeout_seconds: float) -> None:
        """Listen until the document changes.

        `on_snapshot` is not used: while the service is unavailable it reconnects endlessly without
        a pause, each time in a new thread, and prints errors it cannot handle.
        """
        document = self._document(seen.claim.lock_key)
        seen_enough = threading.Event()
        with firestore_errors(self._project_id), ExitStack() as on_exit:
            on_exit.callback(seen_enough.set)
            try:
                stream = self._client._firestore_api.listen(
                    requests=_listen_requests(document, seen_enough),
                    retry=None,
                    timeout=timeout_seconds,
                    metadata=self._client._rpc_metadata,
                )
                is_changed = False
                for response in stream:
                    is_changed = is_changed or _shows_change(response, seen)
                    if is_changed and "target_change" in response and not seen_enough.is_set():
                        seen_enough.set()
                        hang_up = threading.Timer(_FAREWELL_SECONDS, stream.cancel)
                        on_exit.callback(hang_up.cancel)
                        hang_up.start()
            except (exceptions.DeadlineExceeded, exceptions.Cancelled):
                return


def _exactly(record: LockRecord) -> LastUpdateOption:
    """Return the precondition that the document still has this version."""
    return LastUpdateOption(datetime.fromisoformat(record.version))


def _listen_requests(document: firestore.DocumentReference, seen_enough: threading.Event) -> Iterator[ListenRequest]:
    """Yield one request, then end, which asks the server to close the stream.

    Closing it after the change's final `target_change` is safer than cancelling: the emulator
    fails a commit that it cannot report to an open stream completely.
    """
    target = {"documents": {"documents": [document._document_path]}, "target_id": 1}
    yield ListenRequest(database=document._client._database_string, add_target=target)
    seen_enough.wait()


def _shows_change(response: ListenResponse, seen: LockRecord) -> bool:
    if "document_change" in response:
        updated_at = documents.plain(response.document_change.document.update_time)
        return documents.version(updated_at) != seen.version
    return "document_delete" in response or "document_remove" in response
