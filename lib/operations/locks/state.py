"""The state of a lock, from its record, its holder's log and the ledger.

Three states only look stuck: a slow but live holder, a holder that just died and whose lease
expires by itself, and a holder that lost its connection to the lock service but is still working.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lib.consolidation.ledger import LedgerRun
from lib.locking.store import LockRecord, Observation
from lib.ports.jobs import WarehouseJob
from lib.ports.logs import LogEntry

# `lib.locking.LeaseTiming` beats six times in a lease.
_MISSED_BEATS_OF_LEASE = 1 / 3


class LockState(StrEnum):
    """States of a lock, from harmless to harmful."""

    LIVE = "live"
    SLOW = "live but slow"
    EXPIRED = "expired"
    STUCK = "stuck"


@dataclass(frozen=True)
class LockReport:
    """A lock and what is known about its holder.

    Attributes:
        seen: The record, and the store's time when it was read.
        slow_after: How long a holder may hold it before it counts as slow.
        last_line: The holder's last log line; None: none found, or the log is not readable.
        committed: The holder's consolidation in the ledger; None: not there.
        unknown: Why the log, the ledger, or a job that no fence would refuse could not be read; empty: all were.
        job: The warehouse job of its batch that may still commit; None: none is known.
        job_unseen: Why the jobs could not be listed; empty: they were, or were not needed.
        has_ledger: Whether the ledger has any rows; if not, a missing row means nothing.
    """

    seen: Observation
    slow_after: timedelta
    last_line: LogEntry | None = None
    committed: LedgerRun | None = None
    unknown: str = ""
    job: WarehouseJob | None = None
    job_unseen: str = ""
    has_ledger: bool = True

    @property
    def record(self) -> LockRecord:
        assert self.seen.record is not None
        return self.seen.record

    @property
    def lock_key(self) -> str:
        return self.record.claim.lock_key

    @property
    def held_for(self) -> timedelta:
        return self.seen.read_at - self.record.acquired_at

    @property
    def since_heartbeat(self) -> timedelta:
        return self.seen.read_at - self.record.renewed_at

    @property
    def logged_after_expiry(self) -> bool:
        return self.last_line is not None and self.last_line.timestamp > self.record.expires_at

    @property
    def state(self) -> LockState:
        if not self.seen.is_expired:
            return LockState.SLOW if self.held_for > self.slow_after else LockState.LIVE
        is_at_work = self.logged_after_expiry or self.job is not None
        return LockState.EXPIRED if is_at_work or self.unknown else LockState.STUCK

    @property
    def reason(self) -> str:
        """Why it is in that state, in a sentence without figures, which would differ in every run."""
        if not self.seen.is_expired:
            if self.since_heartbeat.total_seconds() > self.record.claim.lease_seconds * _MISSED_BEATS_OF_LEASE:
                return "no recent heartbeat: its holder may be dead; the lease will expire by itself"
            return f"its holder is alive{', and has held it for a long time' if self.state is LockState.SLOW else ''}"
        return f"its lease expired and was not taken over; {self._holder}"

    @property
    def _holder(self) -> str:
        """What is known of the holder of an expired lease."""
        if self.committed is not None:
            return "its consolidation was committed, but the lock was not released"
        if self.job is not None:
            return f"its job {self.job.job_id} is still {self.job.state} in the warehouse"
        if self.unknown:
            return f"it is not known whether its holder is alive: {self.unknown}"
        if self.logged_after_expiry:
            return "its holder is still logging: it was paused, or lost its connection to the lock service"
        unseen = f"; it is not known whether its job is still running: {self.job_unseen}" if self.job_unseen else ""
        absent = " and its consolidation is not in the ledger" if self.has_ledger else ""
        return f"its holder is silent{absent}{unseen}"


def last_line_of_holder(seen: Observation, entries: Sequence[LogEntry]) -> LogEntry | None:
    """Return the holder's newest line: one from its instance, else one that names its batch.

    Args:
        seen: A held lock.
        entries: Lines since the acquisition, oldest first.
    """
    assert seen.record is not None
    claim, acquired_at = seen.record.claim, seen.record.acquired_at
    # Lines about another lock in the same process say nothing about this one.
    names_batch = re.compile(rf"(?:batch|operation)={re.escape(claim.batch_id)}(?![A-Za-z0-9_-])", re.ASCII)
    of_batch = [entry for entry in entries if names_batch.search(entry.message)]
    own = [entry for entry in of_batch if claim.host and entry.instance == claim.host]
    candidates = own or [entry for entry in of_batch if not _is_of_other_process(entry, claim.host)]
    recent = [entry for entry in candidates if entry.timestamp >= acquired_at - timedelta(seconds=5)]
    return recent[-1] if recent else None


def _is_of_other_process(entry: LogEntry, host: str) -> bool:
    """Only instances that are named like hosts can be compared with one; Cloud Run's instance ids cannot."""
    return ":" in entry.instance and ":" in host


def committed_run(seen: Observation, runs: Sequence[LedgerRun]) -> LedgerRun | None:
    """Return the ledger row that this holder committed; None: there is none."""
    assert seen.record is not None
    claim, acquired_at = seen.record.claim, seen.record.acquired_at
    of_holder = [run for run in runs if run.holder_id == claim.holder_id]
    of_batch = [run for run in runs if not run.holder_id and run.batch_id == claim.batch_id]
    return next(iter([*of_holder, *(run for run in of_batch if run.committed_at >= acquired_at)]), None)


def oldest_acquisition(locks: Sequence[Observation], default: datetime) -> datetime:
    """Return when the first of the locks was acquired: older log lines do not matter."""
    return min((seen.record.acquired_at for seen in locks if seen.record), default=default)
