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

# From the claim to the first run: the wait for a lock, and the start of a process.
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
    """One run of it.

    Attributes:
        run_id: In the archive; empty when it did not come so far.
        exit_code: That of `runbook run`.
        verdict: UNKNOWN when it did not complete.
        headline: One line. Hostile input: it may hold anything.
        is_final: Whether trying again would not help: a question was answered, or a person stopped it.
    """

    run_id: str
    exit_code: int
    verdict: Verdict
    headline: str
    is_final: bool = True

    @classmethod
    def of(cls, run: Run) -> Attempt:
        """The attempt of an archived run that has ended."""
        record = run.record
        is_final = run.exit_code != RunbookError.exit_code or record.status is RunStatus.INTERRUPTED
        return cls(run.run_id, run.exit_code, record.verdict or Verdict.UNKNOWN, record.headline, is_final)


@dataclass(frozen=True)
class Occurrence:
    """A planned time of an entry, and whether and how it ran.

    Whether a run goes on is in that run's own record, and only there.

    Attributes:
        planned_at: When (UTC, as all times here).
        state: Whether it ran, and if not, why.
        reason: Why it did not run, in one line; empty when it did.
        attempts: Its runs, the first one first.
        recorded_at: Since when it is on record.
        ended_at: When it was over; None: it is not yet.
        give_up_at: When the process that claimed it must be done with it.
        machine: Which one claimed it, see `lib.archive.machine`.
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
        """A new one."""
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
        """The same once it is over."""
        return replace(self, state=state, reason=reason, attempts=attempts or self.attempts, ended_at=now)

    def is_orphaned(self, now: datetime) -> bool:
        """Whether it is still open, and the process that claimed it is gone."""
        if self.state is not State.CLAIMED:
            return False
        return now > self.give_up_at or is_gone(self.machine, self.pid)

    @property
    def exit_code(self) -> int:
        """That of the last attempt; 0 when there was none to fail."""
        return self.attempts[-1].exit_code if self.attempts else 0

    @property
    def verdict(self) -> Verdict | None:
        """That of the last attempt; None when there was none."""
        return self.attempts[-1].verdict if self.attempts else None


def runs_of(archive: Archive, occurrence: Occurrence) -> list[Run]:
    """Its runs in the archive, the first one first, as they must be shown now."""
    since = Selection(occurrence.runbook, occurrence.environment, since=occurrence.planned_at).runs(archive)
    runs = [run for run in since if isinstance(run, Run) and _is_of(run, occurrence)]
    return runs[::-1]


def _is_of(run: Run, occurrence: Occurrence) -> bool:
    origin = run.record.origin
    return (origin.schedule, origin.planned_at) == (occurrence.entry, occurrence.planned_at)


_FILE_NAME = "%Y%m%dT%H%M%SZ.json"


def file_name(planned_at: datetime) -> str:
    """The name of its file in the entry's folder."""
    return f"{planned_at.astimezone(UTC):{_FILE_NAME}}"


def planned_at_of(name: str) -> datetime | None:
    """The planned time in a file's name; None: it is not an occurrence's."""
    try:
        return datetime.strptime(name, _FILE_NAME).replace(tzinfo=UTC)
    except ValueError:
        return None
