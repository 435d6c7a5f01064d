"""Locks, and claims on them, for tests."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lib.locking import Claim, ConsolidationLock, Lease, LeaseLost, LockRecord, LockStore

DATE = "2026-01-17"
KEY = "consolidation_2026-01-17"
BATCH = "batch_2026-01-17_1768650000"

# Expires before the store's next reading of its clock, or the one after.
DEAD_AT_ONCE_SECONDS = 0.0001


def a_lock(store: LockStore, **settings: Any) -> ConsolidationLock:
    return ConsolidationLock("nba-props-platform", store=store, **settings)


def a_claim(lock_key: str = KEY, *, lease_seconds: float = 300.0) -> Claim:
    """Return a unique claim."""
    return Claim(lock_key, uuid.uuid4().hex, BATCH, lease_seconds, "host:1")


def created(store: LockStore, claim: Claim | None = None) -> LockRecord:
    """Return the record of a claim on a free lock."""
    record = store.create(claim or a_claim())
    assert record is not None
    return record


@contextmanager
def lease_that_gets_lost(lock: ConsolidationLock, *, because: str | None = None) -> Iterator[Lease]:
    """Yield a held lease; the end of the block must raise that it was lost."""
    with pytest.raises(LeaseLost, match=because), lock.acquire(game_date=DATE, batch_id=BATCH) as lease:
        yield lease
