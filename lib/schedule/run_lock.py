"""One run of a runbook in an environment at a time, on whatever machines schedulers are."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lib.archive.machine import is_gone, this_machine
from lib.environment import Environment
from lib.locking.acquisition import Acquisition
from lib.locking.errors import LockServiceUnavailable
from lib.locking.heartbeat import Heartbeat
from lib.locking.lease import Lease, LeaseTiming
from lib.locking.store import Claim, LockStore
from lib.platform import run_lock_store

_LONGEST_LEASE_SECONDS = 60.0


@contextmanager
def only_run(runbook: str, environment: Environment, work: str) -> Iterator[Lease]:
    """Hold the lease on a runbook's runs for the length of the ``with`` block.

    A holder on this machine is not waited for: its process is there, or it is gone. One elsewhere
    is waited for until its lease has expired, which a live one prevents.

    Args:
        runbook: Its name.
        environment: Where it looks.
        work: What runs, for people.

    Raises:
        LockAcquisitionError: Another run goes on.
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
        store.delete(holder)  # just this version: one that came meanwhile stays
    return 0.0
