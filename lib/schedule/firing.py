"""One firing from its claim to its end: the run, its retries, and what is put on record."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cached_property
from math import inf
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic
from typing import IO, TypeVar

from lib import places
from lib.archive.archive import Archive
from lib.archive.record import utc_now
from lib.environment import load_environment, redactor_of
from lib.errors import RunbookError, Unavailable
from lib.runbooks.catalogue import find_runbook
from lib.runbooks.stop import StopRequest
from lib.schedule.due import why_paused
from lib.schedule.firing_record import Attempt, Occurrence, State, runs_of
from lib.schedule.firings import Ledger
from lib.schedule.planning import Firing, is_too_late
from lib.schedule.run_process import Answer, Call
from lib.schedule.values import planned_values
from lib.site.build import build_site
from lib.verdict.verdict import Verdict

# -P: a folder named lib where the caller stands is none of ours.
_COMMAND = (sys.executable, "-P", "-m", "lib.schedule.run_process")
_POLL_SECONDS = 0.1
_TRY_AGAIN_SECONDS = 1.0
_LONGEST_LINE = 300
STOP_GRACE_SECONDS = 60.0

_T = TypeVar("_T")


@dataclass(frozen=True)
class Runner:
    """Runs what is due, each run a process.

    Attributes:
        archive: Where runs and occurrences are kept.
        stop_grace_seconds: How long a run may go on once the scheduler is to stop.
        request: Whether it is; then nothing more is begun, and what still runs after the grace
            is stopped in good order.
    """

    archive: Archive
    stop_grace_seconds: float = STOP_GRACE_SECONDS
    request: StopRequest = field(default_factory=StopRequest)

    @cached_property
    def ledger(self) -> Ledger:
        """The record of occurrences, in the archive's store."""
        return Ledger(self.archive.store)

    def fire(self, firing: Firing) -> Occurrence | None:
        """Run what is due, unless another scheduler was first.

        Returns:
            What became of it; None when it is another's, or is not to begin any more: the scheduler
            is to stop, or while this waited for its turn it got too late, or its entry was paused.

        Raises:
            UserError: The runbook's or environment's file no longer fits; nothing was claimed.
            Unavailable: The archive cannot be reached. Before the claim, nothing was changed. After it
                that is waited for, until the scheduler is to stop or the occurrence's `give_up_at`:
                then whoever looks next closes it.
        """
        entry = firing.entry
        runbook = find_runbook(entry.runbook)
        call = Call(
            notebook=str(runbook.path),
            environment=entry.environment,
            parameters=planned_values(entry, runbook, firing.planned_at),
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
            with suppress(Unavailable):  # no run has built it, and the next one will
                build_site(self.archive)
        return ended

    def _run(self, call: Call, claimed: Occurrence, retries: int, delay_seconds: float) -> Occurrence:
        attempts: list[Attempt] = []
        while True:
            answer = self._answer(call, claimed)
            if answer.attempt is None:
                reason = _why_not_begun(call, answer)
                state = State.ENDED if attempts else State.SKIPPED
                return claimed.ended(state, utc_now(), reason, tuple(attempts))
            attempts.append(answer.attempt)
            if answer.attempt.is_final or len(attempts) > retries or self._is_stopped_within(delay_seconds):
                return claimed.ended(State.ENDED, utc_now(), attempts=tuple(attempts))
            call = replace(call, retry_of=answer.attempt.run_id, attempt=len(attempts) + 1)

    def _answer(self, call: Call, claimed: Occurrence) -> Answer:
        output, errors, exit_code = self._finish(call)
        try:
            return _parsed(output.splitlines()[-1])
        except (IndexError, ValueError):
            pass
        # It was killed, and could not say what became of its run.
        found = self._once_reached(lambda: runs_of(self.archive, claimed), claimed.give_up_at)
        runs = [run for run in found if run.record.origin.attempt == call.attempt]
        if not runs and self.request.reason:
            return Answer(None)
        last = next((line for line in reversed(errors.splitlines()) if line.strip()), f"it ended with code {exit_code}")
        told = redactor_of(load_environment(call.environment)).text(f"The run's process was lost: {last}")
        return Answer(
            Attempt(
                runs[-1].run_id if runs else "",
                RunbookError.exit_code,
                Verdict.UNKNOWN,
                told[:_LONGEST_LINE],
                is_final=False,
            )
        )

    def _finish(self, call: Call) -> tuple[str, str, int]:
        """What the run's process said, what it said besides, and its exit code."""
        # Files, since whatever a killed process has left behind would hold a pipe open. And a session
        # of its own: Ctrl-C at a terminal would otherwise reach it as well.
        with TemporaryFile() as output, TemporaryFile() as errors, subprocess.Popen(
            _COMMAND, stdin=subprocess.PIPE, stdout=output, stderr=errors, start_new_session=True
        ) as process:  # fmt: skip
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # its exit code tells
                process.stdin.write(f"{json.dumps(asdict(call))}\n".encode())
                process.stdin.flush()
            exit_code = self._wait(process)
            return _text(output), _text(errors), exit_code

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        stop_at = inf
        while True:
            try:
                return process.wait(_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                if self.request.reason and stop_at == inf:
                    stop_at = monotonic() + self.stop_grace_seconds
                if monotonic() >= stop_at:
                    process.terminate()
                    return process.wait()

    def _once_reached(self, call: Callable[[], _T], give_up_at: datetime) -> _T:
        """What the call to the archive answers, as soon as it does; until others may close what was claimed."""
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


def _why_not_begun(call: Call, answer: Answer) -> str:
    if not answer.held_by:
        return "the scheduler was stopped before it began"
    return f"{Path(call.notebook).stem} was still running: {answer.held_by}"


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _parsed(line: str) -> Answer:
    from pydantic import TypeAdapter

    answer: Answer = TypeAdapter(Answer).validate_json(line)
    return answer
