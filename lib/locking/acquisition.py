"""Taking a lock.

The algorithm is the same for every store:

1. Create the record if there is none. This is the usual case and takes one request.
2. If there is one, read it. Take the lock if the record is ours (the answer to an earlier try
   was lost), is gone, or has expired. Expired means no heartbeat for the length of the record's
   lease; both times are the store's.
3. If another holder has it, wait until the record changes or its lease expires, then go to 1. If
   the store stops answering meanwhile, retry until the time is up.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

from lib.locking.errors import LockAcquisitionError, LockOutcomeUnknown, LockServiceUnavailable
from lib.locking.lease import Lease, LeaseTiming
from lib.locking.store import Claim, LockRecord, LockStore, Observation

logger = logging.getLogger(__name__)

_LONGEST_LOOK_AWAY_SECONDS = 5.0
_AFTER_A_LOST_ANSWER_SECONDS = 0.1
_AFTER_A_FAILURE_SECONDS = 0.5


class Acquisition:
    """An attempt to turn a claim into a lease.

    Args:
        store: Where the lock's record is kept.
        claim: What to write into the record.
        timing: The durations of the lease.
        monotonic: A clock in seconds; only differences count.
        before_waiting: Called before each wait.
    """

    def __init__(
        self,
        store: LockStore,
        claim: Claim,
        timing: LeaseTiming,
        monotonic: Callable[[], float],
        before_waiting: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._claim = claim
        self._timing = timing
        self._monotonic = monotonic
        self._before_waiting = before_waiting

    def run(self, max_wait_seconds: float) -> Lease:
        """Try until the lock is ours or the time is up; 0 tries once.

        Raises:
            LockAcquisitionError: Another held it for all of that time.
            LockServiceUnavailable: The store does not answer; while waiting, only raised when the time is up.
        """
        started = self._monotonic()
        is_waiting = False
        while True:
            sent_at = self._monotonic()
            try:
                record, seen = self._try_once()
            except LockServiceUnavailable as error:
                left_seconds = max_wait_seconds - (self._monotonic() - started)
                # Retry only a store that has answered before; one that never did may be misconfigured.
                if left_seconds <= 0 or not (is_waiting or isinstance(error, LockOutcomeUnknown)):
                    raise
                self._rest(error, left_seconds)
                continue
            waited_seconds = self._monotonic() - started
            if record is not None:
                return self._lease(record, sent_at, waited_seconds, had_to_wait=is_waiting)
            if seen is None or seen.record is None:
                continue
            if waited_seconds >= max_wait_seconds:
                raise self._held_by_another(seen.record, waited_seconds)
            is_waiting = True
            self._wait(seen, max_wait_seconds - waited_seconds)

    def _rest(self, error: LockServiceUnavailable, at_most_seconds: float) -> None:
        logger.warning("Acquiring %s got no answer, trying again: %s", self._claim.lock_key, error)
        self._before_waiting()
        is_lost = isinstance(error, LockOutcomeUnknown)
        time.sleep(min(_AFTER_A_LOST_ANSWER_SECONDS if is_lost else _AFTER_A_FAILURE_SECONDS, at_most_seconds))

    def _try_once(self) -> tuple[LockRecord | None, Observation | None]:
        """Return the record if the lock is ours now, else what was read instead.

        Raises:
            LockOutcomeUnknown: An answer was lost, and the record does not exist (yet).
        """
        lost_answer: LockOutcomeUnknown | None = None
        try:
            if created := self._store.create(self._claim):
                return created, None
        except LockOutcomeUnknown as error:
            lost_answer = error
        seen = self._store.read(self._claim.lock_key)
        if seen.record is None:
            if lost_answer is not None:
                raise lost_answer
            return None, seen
        if seen.record.is_held_by(self._claim):
            # When we acquired it is unknown; a renewal sets a known time.
            return self._store.renew(seen.record), None
        if seen.is_expired:
            return self._take_over(seen.record), None
        return None, seen

    def _take_over(self, expired: LockRecord) -> LockRecord | None:
        logger.warning(
            "⏰ Taking over expired consolidation lock: %s (from batch=%s, host=%s)",
            self._claim.lock_key,
            expired.claim.batch_id,
            expired.claim.host,
        )
        try:
            return self._store.take_over(expired, self._claim)
        except LockOutcomeUnknown:
            found = self._store.read(self._claim.lock_key).record
            if found is not None and found.is_held_by(self._claim):
                return found
            raise

    def _wait(self, seen: Observation, at_most_seconds: float) -> None:
        assert seen.record is not None
        self._before_waiting()
        just_after_expiry = max(0.0, seen.seconds_until_expiry) + 0.001
        look_again = _LONGEST_LOOK_AWAY_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311
        self._store.wait_for_change(seen.record, min(at_most_seconds, just_after_expiry, look_again))

    def _lease(self, record: LockRecord, sent_at: float, waited_seconds: float, *, had_to_wait: bool) -> Lease:
        logger.info(
            "✅ Acquired consolidation lock: %s (batch=%s, timeout=%.0fs)",
            self._claim.lock_key,
            self._claim.batch_id,
            self._claim.lease_seconds,
            extra={"waited_ms": waited_seconds * 1000, "token": record.token, "holder_id": self._claim.holder_id},
        )
        return Lease(
            self._store,
            record,
            self._timing,
            sent_at=sent_at,
            waited_seconds=waited_seconds,
            had_to_wait=had_to_wait,
            monotonic=self._monotonic,
        )

    def _held_by_another(self, record: LockRecord, waited_seconds: float) -> LockAcquisitionError:
        error = LockAcquisitionError(
            self._claim.lock_key,
            held_by=record.claim.holder,
            held_until=record.expires_at,
            waited_seconds=waited_seconds,
        )
        logger.error("❌ Lock acquisition failed: %s (batch=%s)", error, self._claim.batch_id)
        return error
