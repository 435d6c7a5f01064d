"""Incidents of the lock."""

from __future__ import annotations

from datetime import timedelta

from lib.locking.store import Claim
from lib.verdict.verdict import Verdict
from rehearsal.drills.drill import Look, Scene, incident
from rehearsal.drills.stage import Stage

_STALE = 12
_GONE_LEASE_SECONDS = 0.05
_LIVE_LEASE_SECONDS = 600.0


@incident(6, "12 stale locks blocked ingestion; someone deleted every lock")
def stale_locks(stage: Stage) -> Scene:
    """Twelve holders are gone; a thirteenth, whose lock must not be touched, is alive."""
    dates = [stage.today - timedelta(days=number) for number in range(1, _STALE + 1)]
    stale = [_lock(stage, key, _GONE_LEASE_SECONDS) for key in map(stage.platform.table.lock_key, dates)]
    live = _lock(stage, stage.platform.table.lock_key(stage.today), _LIVE_LEASE_SECONDS)
    store = stage.platform.locks.store
    while not all(store.read(key).is_expired for key in stale):
        pass
    says = (f"{_STALE} stuck", *stale, "leave the other lock alone", "its holder is silent", f"{live}: live")
    return Scene([Look("stuck_lock_release", Verdict.FAIL, says)])


def _lock(stage: Stage, lock_key: str, lease_seconds: float) -> str:
    """A holder that writes its record and nothing else."""
    claim = Claim(lock_key, f"holder-of-{lock_key}", f"batch_of_{lock_key}", lease_seconds, "coordinator-1:1")
    stage.platform.locks.store.create(claim)
    return lock_key
