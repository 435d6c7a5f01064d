"""One attempt at a firing, in its own process: what it is given, does and returns.

The process (`runbook schedule attempt`) reads the call as a line of JSON from standard input, which the scheduler
then holds open. If the scheduler is killed, the system closes it, and the run is stopped cleanly and archived as
interrupted, because nobody is left to judge or retry it. The process itself holds the lease on the runbook, so that
no other run begins meanwhile, whatever happens to the scheduler.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lib.archive.archive import Archive
from lib.archive.machine import is_gone, this_machine
from lib.archive.record import Origin
from lib.environment import Environment, load_environment, redactor_of
from lib.errors import RunbookError
from lib.locking.acquisition import Acquisition
from lib.locking.errors import LockAcquisitionError, LockServiceUnavailable
from lib.locking.heartbeat import Heartbeat
from lib.locking.lease import Lease, LeaseTiming
from lib.locking.store import Claim, LockStore
from lib.platform import run_lock_store
from lib.runbooks.catalogue import Runbook
from lib.runbooks.execution import execute
from lib.runbooks.stop import Limits
from lib.schedule.firing_record import Attempt
from lib.verdict.verdict import Verdict

_LONGEST_LEASE_SECONDS = 60.0


@dataclass(frozen=True)
class Call:
    """The run to start.

    Attributes:
        notebook: Path of the runbook's notebook.
        environment: Name of the environment.
        parameters: See `lib.schedule.settings.Entry.planned_values`.
        timeout_seconds: Time limit of the run.
        schedule: Name of the schedule entry.
        planned_at: The planned time, in ISO 8601.
        retry_of: Id of the run that this one retries; empty for the first.
        attempt: 1 for the first, then 2 and so on.
    """

    notebook: str
    environment: str
    parameters: dict[str, Any]
    timeout_seconds: float
    schedule: str
    planned_at: str
    retry_of: str = ""
    attempt: int = 1


@dataclass(frozen=True)
class Answer:
    """The result.

    Attributes:
        attempt: The run; None if it did not begin.
        held_by: What else is running the runbook; empty if nothing is.
    """

    attempt: Attempt | None
    held_by: str = ""


def attempt(call: Call, on_change: Callable[[Archive], object] | None = None) -> Answer:
    """Run the runbook, unless another run of it is in progress.

    Args:
        call: The run.
        on_change: See `lib.runbooks.execution.execute`.
    """
    environment = load_environment(call.environment)
    runbook = Runbook(Path(call.notebook))
    origin = Origin(call.schedule, datetime.fromisoformat(call.planned_at), call.retry_of, attempt=call.attempt)
    try:
        with only_run(runbook.name, environment, f"{call.schedule} planned at {call.planned_at}"):
            run = execute(
                runbook,
                call.parameters,
                environment=environment.name,
                limits=Limits(run_seconds=call.timeout_seconds),
                origin=origin,
                progress=False,
                on_change=on_change,
            )
    except LockAcquisitionError as error:
        return Answer(None, error.held_by)
    except RunbookError as error:
        reason = redactor_of(environment).text(str(error))
        return Answer(Attempt("", error.exit_code, Verdict.UNKNOWN, reason, is_final=error.exit_code != 3))
    return Answer(Attempt.of(run))


@contextmanager
def only_run(runbook: str, environment: Environment, work: str) -> Iterator[Lease]:
    """Hold the lease on a runbook's runs during the ``with`` block.

    If the holder is on this machine, this does not wait: its process either exists or is gone. If it is elsewhere,
    this waits until its lease expires, which a live holder prevents.

    Args:
        runbook: The runbook's name.
        environment: Its environment.
        work: What runs, in words.

    Raises:
        LockAcquisitionError: Another run is in progress.
        LockServiceUnavailable: The lock store does not answer.
    """
    store = run_lock_store(environment)
    timing = LeaseTiming(min(environment.lock.lease_seconds, _LONGEST_LEASE_SECONDS))
    timing.check_request_timeout(store.request_timeout_seconds)
    claim = Claim(
        lock_key=f"runbook_{environment.name}_{runbook}",
        holder_id=uuid.uuid4().hex,
        batch_id=work,
        lease_seconds=timing.lease_seconds,
        host=f"{this_machine()}:{os.getpid()}",
    )
    wait_seconds = _wait_seconds(store, claim, timing)
    lease = Acquisition(store, claim, timing, time.monotonic).run(wait_seconds)
    try:
        with Heartbeat(timing.heartbeat_seconds).keeps(lease):
            yield lease
    finally:
        with suppress(LockServiceUnavailable):  # it expires by itself
            lease.release()


def _wait_seconds(store: LockStore, claim: Claim, timing: LeaseTiming) -> float:
    holder = store.read(claim.lock_key).record
    machine, _, pid = holder.claim.host.rpartition(":") if holder else ("", "", "")
    if holder is None or machine != this_machine():
        return timing.lease_seconds + timing.heartbeat_seconds
    if is_gone(machine, int(pid)):
        store.delete(holder)  # only this version: a newer holder stays
    return 0.0
