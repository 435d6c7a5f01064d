"""Timing that could not keep a lease is refused beforehand; the expiry is exact."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.embedded.sqlite_locks import SqliteLockStore
from lib.errors import UserError
from lib.locking import LOCK_TIMEOUT_SECONDS, LeaseTiming, LockRecord, Observation
from tests.locking.claims import a_claim, a_lock

seconds = st.floats(min_value=-10, max_value=1000)


@given(lease=seconds, deadline=seconds, heartbeat=seconds)
def test_lease_outlasts_deadline_outlasts_heartbeat(lease: float, deadline: float, heartbeat: float) -> None:
    try:
        timing = LeaseTiming(lease, deadline, heartbeat)
    except UserError:
        return
    assert timing.lease_seconds > timing.renewal_deadline_seconds > timing.heartbeat_seconds > 0


@given(lease=st.floats(min_value=0.01, max_value=1e6))
def test_the_defaults_fit_every_lease(lease: float) -> None:
    timing = LeaseTiming(lease)
    assert timing.renewal_deadline_seconds >= 3 * timing.heartbeat_seconds


def test_the_default_lease_is_300_seconds() -> None:
    assert LeaseTiming().lease_seconds == LOCK_TIMEOUT_SECONDS == 300


@pytest.mark.parametrize("timing", [(0.0,), (10.0, 10.0), (10.0, 5.0, 5.0), (10.0, 11.0), (-1.0,)])
def test_impossible_timings_are_refused(timing: tuple[float, ...]) -> None:
    with pytest.raises(UserError, match="impossible"):
        LeaseTiming(*timing)


def test_a_request_must_end_before_the_lease_does(tmp_path: Path) -> None:
    store = SqliteLockStore(tmp_path / "locks.sqlite", request_timeout_seconds=5.0)
    with pytest.raises(UserError, match="use a longer lease"):
        a_lock(store, timing=LeaseTiming(lease_seconds=15.0))
    a_lock(store, timing=LeaseTiming(lease_seconds=15.1))


def test_a_lease_is_held_until_its_very_end() -> None:
    start = datetime(2026, 1, 17, 12, tzinfo=UTC)
    record = LockRecord(a_claim(lease_seconds=300), 1, start, start, "1")
    end = start + timedelta(seconds=300)
    assert not Observation(record, end).is_expired
    assert Observation(record, end + timedelta(microseconds=1)).is_expired
    assert Observation(record, start + timedelta(seconds=100)).seconds_until_expiry == 200
    assert not Observation(None, end).is_expired
