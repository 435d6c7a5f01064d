"""The services' own lock as a rival of ours: its protocol, including its faults, on the same documents.

There is one document per date. A holder that finds none, or one whose ``expires_at`` is past by its own clock, writes
its own in a transaction. There is no heartbeat, and a release deletes the document even if another holder wrote it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.cloud import firestore


class NotAcquiredError(Exception):
    """The lock was held for the whole waiting time."""


class OldLock:
    """One holder of the lock.

    Args:
        holder_field: ``batch_id`` as in its first version, or ``operation_id`` as in its newest.
        timeout_seconds: How long after its acquisition another may take it.
        now: The clock that it uses.

    Attributes:
        seen_holder: The holder when it was last found held.
        after_reading: Called in each transaction, between its read and its write.
    """

    def __init__(
        self,
        project_id: str,
        *,
        holder_field: str = "operation_id",
        timeout_seconds: float = 300.0,
        poll_seconds: float = 5.0,
        max_wait_seconds: float = 300.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = firestore.Client(project=project_id)
        self._holder_field = holder_field
        self._timeout = timedelta(seconds=timeout_seconds)
        self._poll_seconds = poll_seconds
        self._max_wait_seconds = max_wait_seconds
        self._now = now
        self.seen_holder = ""
        self.after_reading: Callable[[], object] = lambda: None

    def document(self, game_date: str) -> firestore.DocumentReference:
        return self._client.collection("consolidation_locks").document(f"consolidation_{game_date}")

    @contextmanager
    def acquire(self, game_date: str, operation: str) -> Iterator[None]:
        until = time.monotonic() + self._max_wait_seconds
        while not self.try_once(game_date, operation):
            if time.monotonic() >= until:
                raise NotAcquiredError(game_date)
            time.sleep(self._poll_seconds)
        try:
            yield
        finally:
            self.release(game_date)

    def try_once(self, game_date: str, operation: str) -> bool:
        """Write the document unless a live one exists; an error of Firestore counts as one."""
        document = self.document(game_date)

        @firestore.transactional
        def write_unless_held(transaction: firestore.Transaction) -> bool:
            found = document.get(transaction=transaction).to_dict()
            self.after_reading()
            ends = found.get("expires_at") if found else None
            if found and ends and ends > self._now():
                self.seen_holder = found.get(self._holder_field, "unknown")
                return False
            transaction.set(document, self._fields(game_date, operation))
            return True

        try:
            return bool(write_unless_held(self._client.transaction()))
        except GoogleAPICallError:
            return False

    def release(self, game_date: str) -> None:
        """Delete the document, even another holder's; if that fails, it stays until it expires."""
        with suppress(GoogleAPICallError):
            self.document(game_date).delete()

    def _fields(self, game_date: str, operation: str) -> dict[str, Any]:
        kind = {"lock_type": "consolidation"} if self._holder_field == "operation_id" else {}
        return {
            self._holder_field: operation,
            **kind,
            "holder_id": operation,
            "acquired_at": firestore.SERVER_TIMESTAMP,
            "expires_at": (self._now() + self._timeout).replace(tzinfo=None),  # naive like theirs, in UTC
            "lock_key": f"consolidation_{game_date}",
        }
