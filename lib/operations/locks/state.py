"""What a lock's record, its holder's log and the ledger together say about it.

"Stuck" is distinguished from what only looks like it: a holder that is slow and alive, one that
died a moment ago and whose lease runs out by itself, and one that is cut off from the
lock service but still at work.
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
    """From harmless to harmful."""

    LIVE = "live"
    SLOW = "live but slow"
    EXPIRED = "expired"
    STUCK = "stuck"


@dataclass(frozen=True)
class LockReport:
    """A lock and what is known about its holder.

    Attributes:
        seen: The record and the store's time of the reading.
        slow_after: A holder that holds it for longer is slow.
        last_line: The holder's last log line; None: none found, or the log is not readable.
        committed: The holder's consolidation in the ledger; None: not there.
        unknown: Why the log or the ledger could not be read, or a job that no fence would refuse; empty: all were.
        job: The warehouse's job of its batch that may still commit; None: none is known.
        job_unseen: Why the jobs could not be listed; empty: they were, or nobody had to ask.
        has_ledger: Whether anything is in the ledger: else nothing follows from what is not in it.
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
        """Why it is in that state, in a sentence without figures: those change from look to look."""
        if not self.seen.is_expired:
            if self.since_heartbeat.total_seconds() > self.record.claim.lease_seconds * _MISSED_BEATS_OF_LEASE:
                return "no heartbeat for long: its holder may be dead; the lease runs out by itself"
            return f"its holder is alive{', and has held it for long' if self.state is LockState.SLOW else ''}"
        return f"its lease expired and was not taken over; {self._holder}"

    @property
    def _holder(self) -> str:
        """What is known of the holder of an expired lease."""
        if self.committed is not None:
            return "its consolidation was committed, only the release is missing"
        if self.job is not None:
            return f"its job {self.job.job_id} is still {self.job.state} in the warehouse"
        if self.unknown:
            return f"whether its holder lives can't be seen: {self.unknown}"
        if self.logged_after_expiry:
            return "its holder still logs: it was paused, or is cut off from the lock service"
        unseen = f"; whether a job of it still runs can't be seen: {self.job_unseen}" if self.job_unseen else ""
        absent = " and its consolidation is not in the ledger" if self.has_ledger else ""
        return f"its holder is silent{absent}{unseen}"


def last_line_of_holder(seen: Observation, entries: Sequence[LogEntry]) -> LogEntry | None:
    """The newest line of the holder: of its instance, else a line that names its batch.

    Args:
        seen: A lock that is held.
        entries: Lines since the acquisition, oldest first.
    """
    assert seen.record is not None
    claim, acquired_at = seen.record.claim, seen.record.acquired_at
    # Another lock's work in the same process says nothing about this one.
    names_batch = re.compile(rf"(?:batch|operation)={re.escape(claim.batch_id)}(?![A-Za-z0-9_-])", re.ASCII)
    of_batch = [entry for entry in entries if names_batch.search(entry.message)]
    own = [entry for entry in of_batch if claim.host and entry.instance == claim.host]
    candidates = own or [entry for entry in of_batch if not _is_of_other_process(entry, claim.host)]
    recent = [entry for entry in candidates if entry.timestamp >= acquired_at - timedelta(seconds=5)]
    return recent[-1] if recent else None


def _is_of_other_process(entry: LogEntry, host: str) -> bool:
    """Instances named as hosts are can be told apart; Cloud Run's instance ids can't."""
    return ":" in entry.instance and ":" in host


def committed_run(seen: Observation, runs: Sequence[LedgerRun]) -> LedgerRun | None:
    """The ledger's row of what this holder did."""
    assert seen.record is not None
    claim, acquired_at = seen.record.claim, seen.record.acquired_at
    of_holder = [run for run in runs if run.holder_id == claim.holder_id]
    of_batch = [run for run in runs if not run.holder_id and run.batch_id == claim.batch_id]
    return next(iter([*of_holder, *(run for run in of_batch if run.committed_at >= acquired_at)]), None)


def oldest_acquisition(locks: Sequence[Observation], default: datetime) -> datetime:
    """From when on the holders' lines are of interest."""
    return min((seen.record.acquired_at for seen in locks if seen.record), default=default)
