"""Keeping leases alive."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from lib.locking.errors import LockServiceUnavailable
from lib.locking.lease import Lease

logger = logging.getLogger(__name__)


class Heartbeat:
    """Renews leases at regular intervals, all from one thread.

    Starting and ending a thread for each lease would take longer than both writes of a lock's
    cycle. This thread sleeps until the oldest lease's next beat, whatever leases come and go
    meanwhile, and ends if none are left then.

    Args:
        pause_seconds: Time between two renewals of a lease.
    """

    def __init__(self, pause_seconds: float) -> None:
        self._pause_seconds = pause_seconds
        # Each lease and when to renew it; the pause is the same for all, so the first is always the next.
        self._due: dict[Lease, float] = {}
        self._renewing: Lease | None = None
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()

    @contextmanager
    def keeps(self, lease: Lease) -> Iterator[None]:
        """Renew the lease for the duration of the ``with`` block, and no longer."""
        try:
            self._begin(lease)
            yield
        finally:
            self._end(lease)

    def _begin(self, lease: Lease) -> None:
        with self._changed:
            self._due[lease] = time.monotonic() + self._pause_seconds
            # After a fork the thread belongs to the parent process.
            if self._thread is None or not self._thread.is_alive():
                beat = partial(self._beat, self._due[lease])
                self._thread = threading.Thread(target=beat, name=f"heartbeat {lease.lock_key}", daemon=True)
                self._thread.start()

    def _end(self, lease: Lease) -> None:
        with self._changed:
            self._due.pop(lease, None)
            self._changed.wait_for(lambda: self._renewing is not lease)

    def _beat(self, first_due: float) -> None:
        """Sleep until `first_due` even if the lease has gone; otherwise each short lease would start a new thread."""
        with self._changed:
            self._changed.wait(first_due - time.monotonic())
        while lease := self._next():
            is_kept = _renewed(lease)
            with self._changed:
                self._renewing = None
                if is_kept and lease in self._due:
                    del self._due[lease]
                    self._due[lease] = time.monotonic() + self._pause_seconds
                else:
                    self._due.pop(lease, None)
                self._changed.notify_all()

    def _next(self) -> Lease | None:
        """Wait for the next lease to renew and return it; None if no leases are left."""
        with self._changed:
            while self._due:
                lease, due = next(iter(self._due.items()))
                remaining_seconds = due - time.monotonic()
                if remaining_seconds <= 0:
                    self._renewing = lease
                    return lease
                self._changed.wait(remaining_seconds)
            self._thread = None
            return None


def _renewed(lease: Lease) -> bool:
    """Renew once; False if the lease is lost and must not be renewed again."""
    try:
        lease.renew()
    except LockServiceUnavailable as error:
        logger.warning("Heartbeat of %s failed, trying again: %s", lease.lock_key, error)
    except Exception:
        # If the thread died silently, the lease would expire unnoticed.
        logger.exception("Heartbeat of %s failed", lease.lock_key)
    if lease.is_lost:
        logger.error("❌ Lost consolidation lock: %s (batch=%s)", lease.lock_key, lease.batch_id)
    return not lease.is_lost
