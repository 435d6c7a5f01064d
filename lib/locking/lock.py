"""The consolidation lock: one consolidation of a date at a time."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Protocol

from lib.account import account, host
from lib.errors import RunbookError, UserError
from lib.locking.acquisition import Acquisition
from lib.locking.errors import (
    FenceNotMoved,
    LeaseStillLive,
    LockOutcomeUnknown,
    LockServiceUnavailable,
    NothingToRelease,
)
from lib.locking.heartbeat import Heartbeat
from lib.locking.lease import Lease, LeaseTiming
from lib.locking.store import AuditEntry, Claim, LockRecord, LockStore, Observation
from lib.words.brief import brief
from lib.words.dates import checked_game_date

logger = logging.getLogger(__name__)

MAX_WAIT_SECONDS = 300.0


class Fence(Protocol):
    """The resource's record of the newest token of a date (see `lib.consolidation.fence`)."""

    def advance(self, game_date: date, token: int) -> None:
        """From now on, refuse every token of the date that is older than this one."""
        ...


def guide_lock_key(game_date: date) -> str:
    """Return ``consolidation_<date>``, the key that the services' old lock uses in Firestore."""
    return f"consolidation_{game_date.isoformat()}"


class ConsolidationLock:
    """A lease lock per date.

    Args:
        project_id: The Google Cloud project whose Firestore holds the locks; with a `store`, only a name.
        store: Where the records are kept; Firestore by default.
        timing: Durations of lease, renewal deadline and heartbeat.
        max_wait_seconds: How long `acquire` waits by default.
        key_for: Returns the lock key of a date.
        date_column: Name of the date in log lines; the table's date column if `key_for` is the table's.
        fence: Moved by a forced release, so that the old holder is refused from then on.
        monotonic: A clock in seconds; only differences count.
        actor: Returns who forces a release, for the audit record. By default the owner of the
            credentials that Firestore uses, or with a `store` the account that runs this process.
    """

    __repr__ = brief("project_id")

    def __init__(
        self,
        project_id: str,
        *,
        store: LockStore | None = None,
        timing: LeaseTiming | None = None,
        max_wait_seconds: float = MAX_WAIT_SECONDS,
        key_for: Callable[[date], str] = guide_lock_key,
        date_column: str = "game_date",
        fence: Fence | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        actor: Callable[[], str] | None = None,
    ) -> None:
        self.project_id = project_id
        self.store = store or _firestore(project_id)
        self.timing = timing or LeaseTiming()
        self.timing.check_request_timeout(self.store.request_timeout_seconds)
        self.max_wait_seconds = max_wait_seconds
        self.key_for = key_for
        self._date_column = date_column
        self._fence = fence
        self._monotonic = monotonic
        self._actor = actor or (account if store else lambda: _google_principal(project_id))
        self._heartbeat = Heartbeat(self.timing.heartbeat_seconds)

    @contextmanager
    def acquire(
        self,
        *,
        game_date: str | date,
        batch_id: str,
        max_wait_seconds: float | None = None,
        before_waiting: Callable[[], None] = lambda: None,
    ) -> Iterator[Lease]:
        """Hold a date's lock for the duration of the ``with`` block.

        Args:
            game_date: The date, ``YYYY-MM-DD``.
            batch_id: What the lock is for; shown to people and in logs.
            max_wait_seconds: How long to wait for another holder; 0 tries once.
            before_waiting: Called before each wait, to free resources that others need.

        Raises:
            LockAcquisitionError: Another held it for all of that time.
            LockServiceUnavailable: The lock store does not answer.
            LeaseLost: The lease was lost inside the block; raised at its end.
        """
        wait = self.max_wait_seconds if max_wait_seconds is None else max_wait_seconds
        lease = self._take(checked_game_date(game_date), batch_id, wait, before_waiting)
        still_ours = True
        try:
            with self._heartbeat.keeps(lease):
                yield lease
                lease.ensure_held()
        finally:
            still_ours = self._let_go(lease)
        if not still_ours:
            lease.ensure_held()

    def _take(
        self, game_date: date, batch_id: str, max_wait_seconds: float, before_waiting: Callable[[], None]
    ) -> Lease:
        claim = Claim(
            lock_key=self.key_for(game_date),
            holder_id=uuid.uuid4().hex,
            batch_id=batch_id,
            lease_seconds=self.timing.lease_seconds,
            host=host(),
        )
        logger.info("🔒 Acquiring consolidation lock for %s=%s, batch=%s", self._date_column, game_date, batch_id)
        return Acquisition(self.store, claim, self.timing, self._monotonic, before_waiting).run(max_wait_seconds)

    def _let_go(self, lease: Lease) -> bool:
        """Release the lease; False if the record belongs to another holder."""
        try:
            released = lease.release()
        except LockServiceUnavailable as error:
            # The work under the lease is done and fenced; the record expires by itself.
            logger.error("Could not release %s, it expires by itself: %s", lease.lock_key, error)
            return True
        if released:
            logger.info("🔓 Released consolidation lock: %s (batch=%s)", lease.lock_key, lease.batch_id)
        return released

    def locks(self) -> list[Observation]:
        """Return every lock in the store, with the store's time of the reading."""
        return self.store.read_all()

    def releasable(self, game_date: str | date, *, steal: bool = False) -> Observation:
        """Return the lock that `force_release` would remove. Changes nothing.

        Raises:
            NothingToRelease: There is no such lock.
            LeaseStillLive: Its lease has not expired, and `steal` is False.
        """
        lock_key = self.key_for(checked_game_date(game_date))
        seen = self.store.read(lock_key)
        if seen.record is None:
            raise NothingToRelease(f"there is no lock {lock_key}; nothing was released")
        if not seen.is_expired and not steal:
            raise LeaseStillLive(
                f"{lock_key} has not expired: {seen.record.claim.holder} holds it for another "
                f"{seen.seconds_until_expiry:.0f}s; wait, or steal it if you know that its holder is gone"
            )
        return seen

    def force_release(
        self,
        game_date: str | date,
        reason: str = "",
        *,
        steal: bool = False,
        actor: str = "",
        expected: LockRecord | None = None,
        approval: str = "",
    ) -> AuditEntry:
        """Remove a lock that its holder will not release, and file an audit entry.

        Only the record that was read is removed, and the fence moves to the time of the
        release, so that the old holder is refused even if it wakes up.

        This library call does not require an approval, whatever the environment's `approval`
        setting is; `runbook locks release` and the notebooks do.

        Args:
            game_date: The date of the lock, ``YYYY-MM-DD``.
            reason: Kept in the audit entry.
            steal: Remove the lock even if its lease has not expired.
            actor: Who releases it; by default the identity known to the platform.
            expected: Remove only this version of the record; by default any.
            approval: A person's signed approval, as JSON; kept in the audit entry.

        Raises:
            UserError: The reason is empty.
            NothingToRelease: There is no such lock.
            LeaseStillLive: Its lease has not expired, or was renewed meanwhile.
            FenceNotMoved: The lock was released, but the fence could not be moved.
        """
        day = checked_game_date(game_date)
        lock_key = self.key_for(day)
        if not reason.strip():
            raise UserError(f"a forced release of {lock_key} needs a reason, which is kept in the audit record")
        seen = self.releasable(day, steal=steal)
        assert seen.record is not None
        if expected is not None and seen.record != expected:
            raise LeaseStillLive(f"{lock_key} has changed since it was read; nothing was released; read it again")
        is_live = not seen.is_expired
        who = actor or self._actor()
        try:
            entry = self.store.delete_audited(
                seen.record, actor=who, reason=reason, was_live=is_live, approval=approval
            )
        except LockOutcomeUnknown:
            # The entry is in the same commit as the release, so it shows whether that took effect.
            entry = next((filed for filed in self.store.audit_entries() if filed.removed == seen.record), None)
            if entry is None:
                raise
        if entry is None:
            raise LeaseStillLive(f"{lock_key} changed while it was being released; nothing was released; read it again")
        logger.warning(
            "🔨 Force-released consolidation lock: %s (batch=%s, reason=%s)",
            lock_key,
            seen.record.claim.batch_id,
            reason,
        )
        self._shut_out(day, entry)
        return entry

    def _shut_out(self, game_date: date, entry: AuditEntry) -> None:
        if self._fence is None:
            return
        try:
            self._fence.advance(game_date, entry.token)
        except RunbookError as error:
            raise FenceNotMoved(
                f"{entry.removed.claim.lock_key} was released and the release was recorded, but its fence was not "
                f"moved: {error}; until the next consolidation of that date moves it, the old holder could still "
                "write if it wakes up"
            ) from error


def _firestore(project_id: str) -> LockStore:
    from lib.gcp.firestore_locks import FirestoreLockStore

    return FirestoreLockStore(project_id)


def _google_principal(project_id: str) -> str:
    from lib.gcp.clients import GoogleClients
    from lib.gcp.principal import principal

    return principal(GoogleClients(project_id))
