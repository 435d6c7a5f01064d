"""Carry out firings from claim to end: runs, retries and records."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from lib import places
from lib.archive.archive import Archive
from lib.archive.record import adapter_of, utc_now
from lib.environment import load_environment, redactor_of
from lib.errors import RunbookError, Unavailable
from lib.runbooks.catalogue import find_runbook
from lib.runbooks.process import started
from lib.runbooks.stop import StopRequest, signals_as_requests
from lib.schedule.attempt import Answer, Call
from lib.schedule.due import forget_old, look, why_paused
from lib.schedule.firing_record import Attempt, Occurrence, State, runs_of
from lib.schedule.firings import Ledger
from lib.schedule.planning import Firing, is_too_late
from lib.schedule.settings import Schedule
from lib.verdict.verdict import Verdict

_COMMAND = ("schedule", "attempt")
_POLL_SECONDS = 0.1
_TRY_AGAIN_SECONDS = 1.0
_LONGEST_LINE = 300
STOP_GRACE_SECONDS = 60.0

_T = TypeVar("_T")


@dataclass(frozen=True)
class Runner:
    """Runs what is due, each run in its own process.

    Attributes:
        archive: Where runs are kept.
        stop_grace_seconds: How long a run may continue once the scheduler is to stop.
        request: Whether the scheduler is to stop; then nothing more is started, and what still runs after the
            grace period is stopped cleanly.
        on_change: Called with the archive when runs or occurrences have changed, to build the site.
    """

    archive: Archive
    stop_grace_seconds: float = STOP_GRACE_SECONDS
    request: StopRequest = field(default_factory=StopRequest)
    on_change: Callable[[Archive], object] | None = None

    @cached_property
    def ledger(self) -> Ledger:
        """The record of occurrences, in the archive's store."""
        return Ledger(self.archive.store)

    def fire(self, firing: Firing) -> Occurrence | None:
        """Run the firing, unless another scheduler claims it first.

        Returns:
            How it ended. None if another scheduler claimed it, or if it must not begin any more: the scheduler is
            to stop, it became too late while this waited for its turn, or its entry was paused.

        Raises:
            UserError: The runbook's or environment's file is no longer valid; nothing was claimed.
            Unavailable: The archive cannot be reached. Before the claim, nothing was changed. After the claim,
                this retries until the scheduler is to stop or until the occurrence's `give_up_at`; then the
                next check closes the occurrence.
        """
        entry = firing.entry
        runbook = find_runbook(entry.runbook)
        call = Call(
            notebook=str(runbook.path),
            environment=entry.environment,
            parameters=entry.planned_values(runbook, firing.planned_at),
            timeout_seconds=entry.timeout_seconds,
            schedule=entry.name,
            planned_at=firing.planned_at.isoformat(),
        )
        claimed = Occurrence.of(entry, firing.planned_at, State.CLAIMED, utc_now())
        now = places.now()
        if is_too_late(entry, firing.planned_at, now) or why_paused(entry, self.ledger, now):
            return None
        if self.request.reason or not self.ledger.claim(claimed):
            return None
        ended = self._run(call, claimed, entry.retries, entry.retry_delay_seconds)
        self._once_reached(lambda: self.ledger.write(ended), claimed.give_up_at)
        if ended.state is State.SKIPPED:
            self.show_change()  # no run has done so
        return ended

    def show_change(self) -> None:
        """Update the site; if it cannot be written, the next run does so."""
        with suppress(Unavailable):
            if self.on_change:
                self.on_change(self.archive)

    def _run(self, call: Call, claimed: Occurrence, retries: int, delay_seconds: float) -> Occurrence:
        attempts: list[Attempt] = []
        while True:
            answer = self._answer(call, claimed)
            if answer.attempt is None:
                still = f"{Path(call.notebook).stem} was still running: {answer.held_by}"
                reason = still if answer.held_by else "the scheduler was stopped before the run began"
                state = State.ENDED if attempts else State.SKIPPED
                return claimed.ended(state, utc_now(), reason, tuple(attempts))
            attempts.append(answer.attempt)
            if answer.attempt.is_final or len(attempts) > retries or self._is_stopped_within(delay_seconds):
                return claimed.ended(State.ENDED, utc_now(), attempts=tuple(attempts))
            call = replace(call, retry_of=answer.attempt.run_id, attempt=len(attempts) + 1)

    def _answer(self, call: Call, claimed: Occurrence) -> Answer:
        with started(_COMMAND, asdict(call)) as process:
            ended = process.wait(self.request, self.stop_grace_seconds)
        return _checked(ended.answer) or self._answer_of_lost(call, claimed, ended.last_words)

    def _answer_of_lost(self, call: Call, claimed: Occurrence, last_words: str) -> Answer:
        """Find the answer of a process that was killed before it could report its run."""
        found = self._once_reached(lambda: runs_of(self.archive, claimed), claimed.give_up_at)
        runs = [run for run in found if run.record.origin.attempt == call.attempt]
        if not runs and self.request.reason:
            return Answer(None)
        run_id = runs[-1].run_id if runs else ""
        reason = redactor_of(load_environment(call.environment)).text(f"The run's process was lost: {last_words}")
        return Answer(Attempt(run_id, RunbookError.exit_code, Verdict.UNKNOWN, reason[:_LONGEST_LINE], is_final=False))

    def _once_reached(self, call: Callable[[], _T], give_up_at: datetime) -> _T:
        """Call the archive, and retry until it answers or until others may close the claimed occurrence."""
        while True:
            try:
                return call()
            except Unavailable:
                if utc_now() > give_up_at or self._is_stopped_within(_TRY_AGAIN_SECONDS):
                    raise

    def _is_stopped_within(self, seconds: float) -> bool:
        end = monotonic() + seconds
        while not self.request.reason and monotonic() < end:
            time.sleep(_POLL_SECONDS)
        return self.request.reason is not None


def run_due(
    schedule: Schedule,
    runner: Runner,
    now: datetime,
    on_end: Callable[[Occurrence], None],
    on_problem: Callable[[RunbookError], None],
) -> list[Occurrence]:
    """Run what is due and wait for it; SIGINT, SIGTERM and SIGHUP stop it cleanly.

    Args:
        schedule: The schedule.
        runner: Runs the firings.
        now: The current time (UTC).
        on_end: Called with each occurrence as it ends, in this thread.
        on_problem: Called with the error of each firing that could not be run or recorded; the others continue.

    Returns:
        How each ended, without those that another scheduler claimed first.

    Raises:
        Unavailable: The archive cannot be read or written; nothing was run.
    """
    entries = schedule.entries.values()
    ended = []
    with signals_as_requests(runner.request), ThreadPoolExecutor(schedule.concurrency) as pool:
        forget_old(entries, runner.ledger, now)
        firings = look(entries, runner.archive, runner.ledger, now, runner.show_change)
        for future in as_completed([pool.submit(runner.fire, firing) for firing in firings]):
            try:
                occurrence = future.result()
            except RunbookError as error:
                on_problem(error)
                continue
            if occurrence:
                on_end(occurrence)
                ended.append(occurrence)
    return ended


def _checked(answer: dict[str, Any] | None) -> Answer | None:
    """Parse an answer; return None if it is invalid, as from another version of this library."""
    with suppress(ValueError):
        return adapter_of(Answer).validate_python(answer)
    return None
