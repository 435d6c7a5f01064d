"""The record of one planned time of one entry: ``_schedule/<environment>/<entry>/<planned time>.json``."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from lib.archive.archive import Archive, Run
from lib.archive.machine import is_gone, this_machine
from lib.archive.record import RunStatus
from lib.archive.search import Selection
from lib.errors import RunbookError
from lib.schedule.settings import Entry
from lib.verdict.verdict import Verdict

# Time from the claim to the run's start: waiting for the lock and starting a process.
_START = timedelta(minutes=5)


class State(StrEnum):
    """Whether it ran, and if not, why."""

    CLAIMED = "claimed"
    ENDED = "ended"
    SKIPPED = "skipped"
    COALESCED = "coalesced"
    MISSED = "missed"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class Attempt:
    """One run of an occurrence.

    Attributes:
        run_id: Id in the archive; empty if it was not archived.
        exit_code: Of `runbook run`.
        verdict: UNKNOWN if it did not complete.
        headline: One line. Hostile input: it may contain anything.
        is_final: Whether a retry would not help, because it gave an answer or a person stopped it.
    """

    run_id: str
    exit_code: int
    verdict: Verdict
    headline: str
    is_final: bool = True

    @classmethod
    def of(cls, run: Run) -> Attempt:
        """Return the attempt of an ended, archived run."""
        record = run.record
        is_final = run.exit_code != RunbookError.exit_code or record.status is RunStatus.INTERRUPTED
        return cls(run.run_id, run.exit_code, record.verdict or Verdict.UNKNOWN, record.headline, is_final)


@dataclass(frozen=True)
class Occurrence:
    """A planned time of an entry, and whether and how it ran.

    Whether a run is still in progress is only in that run's own record. All times are UTC.

    Attributes:
        entry: Name of the schedule entry.
        runbook: Name of its runbook.
        environment: Name of its environment.
        planned_at: The planned time.
        state: Whether it ran, and if not, why.
        recorded_at: When it was first recorded.
        give_up_at: When the process that claimed it must have finished.
        reason: Why it did not run, in one line; empty if it did.
        attempts: Its runs, in order.
        ended_at: When it ended; None until then.
        machine: The machine that claimed it; see `lib.archive.machine`.
        pid: The process that claimed it.
    """

    entry: str
    runbook: str
    environment: str
    planned_at: datetime
    state: State
    recorded_at: datetime
    give_up_at: datetime
    reason: str = ""
    attempts: tuple[Attempt, ...] = ()
    ended_at: datetime | None = None
    machine: str = ""
    pid: int = 0

    @classmethod
    def of(cls, entry: Entry, planned_at: datetime, state: State, now: datetime, reason: str = "") -> Occurrence:
        """Return a new occurrence.

        Args:
            entry: Its entry.
            planned_at: Its planned time (UTC).
            state: Its state.
            now: The current time (UTC).
            reason: Why it did not run.
        """
        longest = (1 + entry.retries) * (entry.timeout_seconds + entry.retry_delay_seconds)
        return cls(
            entry=entry.name,
            runbook=entry.runbook,
            environment=entry.environment,
            planned_at=planned_at,
            state=state,
            recorded_at=now,
            give_up_at=now + _START * (1 + entry.retries) + timedelta(seconds=longest),
            reason=reason,
            ended_at=None if state is State.CLAIMED else now,
            machine=this_machine(),
            pid=os.getpid(),
        )

    def ended(self, state: State, now: datetime, reason: str = "", attempts: tuple[Attempt, ...] = ()) -> Occurrence:
        """Return the occurrence as ended.

        Args:
            state: Its state.
            now: The current time (UTC).
            reason: Why it did not run; empty if it did.
            attempts: Its runs, in order; by default as before.
        """
        return replace(self, state=state, reason=reason, attempts=attempts or self.attempts, ended_at=now)

    def is_orphaned(self, now: datetime) -> bool:
        """Return whether it is still open although the process that claimed it is gone."""
        if self.state is not State.CLAIMED:
            return False
        return now > self.give_up_at or is_gone(self.machine, self.pid)

    @property
    def exit_code(self) -> int:
        """The exit code of the last attempt; 0 without attempts."""
        return self.attempts[-1].exit_code if self.attempts else 0

    @property
    def verdict(self) -> Verdict | None:
        """The verdict of the last attempt; None without attempts."""
        return self.attempts[-1].verdict if self.attempts else None


def runs_of(archive: Archive, occurrence: Occurrence) -> list[Run]:
    """Return its runs from the archive, in order, with their current status."""
    since = Selection(occurrence.runbook, occurrence.environment, since=occurrence.planned_at).runs(archive)
    runs = [run for run in since if isinstance(run, Run) and _is_of(run, occurrence)]
    return runs[::-1]


def _is_of(run: Run, occurrence: Occurrence) -> bool:
    origin = run.record.origin
    return (origin.schedule, origin.planned_at) == (occurrence.entry, occurrence.planned_at)


_FILE_NAME = "%Y%m%dT%H%M%SZ.json"


def file_name(planned_at: datetime) -> str:
    """Return the name of the occurrence's file in the entry's folder."""
    return f"{planned_at.astimezone(UTC):{_FILE_NAME}}"


def planned_at_of(name: str) -> datetime | None:
    """Return the planned time (UTC) in a file's name; None if it is not an occurrence's file."""
    try:
        return datetime.strptime(name, _FILE_NAME).replace(tzinfo=UTC)
    except ValueError:
        return None
