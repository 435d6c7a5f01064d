"""A lease lock with fencing tokens.

A lease gives efficiency: one consolidation per date at a time. It does not guarantee
correctness, because a paused holder may wake up after its lease has expired and write;
the fencing token and the fence in the warehouse prevent that.
"""

from lib.locking.errors import (
    FenceNotMoved,
    LeaseLost,
    LeaseStillLive,
    LockAcquisitionError,
    LockError,
    LockOutcomeUnknown,
    LockServiceUnavailable,
    NothingToRelease,
)
from lib.locking.lease import LOCK_TIMEOUT_SECONDS, Lease, LeaseTiming
from lib.locking.lock import ConsolidationLock
from lib.locking.store import AuditEntry, Claim, LockRecord, LockStore, Observation

__all__ = [
    "LOCK_TIMEOUT_SECONDS",
    "AuditEntry",
    "Claim",
    "ConsolidationLock",
    "FenceNotMoved",
    "Lease",
    "LeaseLost",
    "LeaseStillLive",
    "LeaseTiming",
    "LockAcquisitionError",
    "LockError",
    "LockOutcomeUnknown",
    "LockRecord",
    "LockServiceUnavailable",
    "LockStore",
    "NothingToRelease",
    "Observation",
]
