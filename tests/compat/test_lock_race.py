"""The services' own lock and this library's on the same documents, as during a roll-out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest

from lib.locking import ConsolidationLock, LockAcquisitionError, LockStore
from tests.compat.old_lock import NotAcquiredError, OldLock
from tests.locking.backends import Backend
from tests.locking.claims import BATCH, DATE, KEY, a_claim, a_lock, created, lease_that_gets_lost

ROUNDS = 500
PAIRS_AT_ONCE = 4
HOLDER_FIELDS = ("batch_id", "operation_id")
A_DEAD_HOLDERS_SECONDS = 0.02
POLL_SECONDS = 0.01
PATIENCE_SECONDS = 5.0


class Date:
    """A date's lock: who holds it, and until when a dead holder still counts."""

    def __init__(self, number: int) -> None:
        self.name = (date(2026, 1, 1) + timedelta(days=number)).isoformat()
        self.dead_until = datetime.min.replace(tzinfo=UTC)
        self.entered: list[str] = []
        self._inside: set[str] = set()

    @contextmanager
    def inside(self, who: str, store: LockStore) -> Iterator[None]:
        """The work under the lock: a request, so that another could enter meanwhile."""
        assert datetime.now(UTC) >= self.dead_until, f"{who} took a live lock over"
        self._inside.add(who)
        store.read(f"consolidation_{self.name}")
        assert self._inside == {who}
        self.entered.append(who)
        yield
        self._inside.remove(who)


class Pair:
    """An old holder and one of ours, each with its own client, competing for the same dates."""

    def __init__(self, project: str, holder_field: str) -> None:
        self.old = OldLock(
            project, holder_field=holder_field, poll_seconds=POLL_SECONDS, max_wait_seconds=PATIENCE_SECONDS
        )
        self.dying = OldLock(project, holder_field=holder_field, timeout_seconds=A_DEAD_HOLDERS_SECONDS)
        self.store = Backend("firestore", project).store()
        self.ours = ConsolidationLock(project, store=self.store, max_wait_seconds=PATIENCE_SECONDS)

    def race(self, day: Date, left_by: str, begins: str) -> None:
        """Let both take the lock of the date once, one after the other; or one of them gives up.

        Args:
            left_by: Whose dead holder left a document: ``old``, ``ours``, or ``nobody``.
            begins: ``together``, or ``old``: ours begins between the other's read and its write.
        """
        self.leave(day, left_by)
        go = threading.Event()
        self.old.after_reading = go.set
        if begins == "together":
            go.set()

        def take_ours() -> None:
            go.wait()
            self.take(day, "ours", self.ours.acquire(game_date=day.name, batch_id=BATCH))

        with ThreadPoolExecutor(2) as threads:
            taken = [
                threads.submit(take_ours),
                threads.submit(self.take, day, "old", self.old.acquire(day.name, "old")),
            ]
        for each in taken:
            each.result()

    def take(self, day: Date, who: str, lock: AbstractContextManager[object]) -> None:
        # The emulator sometimes reports an error for a successful commit. The old lock then waits for itself.
        with suppress(NotAcquiredError, LockAcquisitionError), lock, day.inside(who, self.store):
            pass

    def leave(self, day: Date, left_by: str) -> None:
        if left_by == "old":
            assert self.dying.try_once(day.name, "dead")
        elif left_by == "ours":
            created(self.store, a_claim(f"consolidation_{day.name}", lease_seconds=A_DEAD_HOLDERS_SECONDS))
        if left_by != "nobody":
            day.dead_until = expiry(self.old, day.name)


@pytest.mark.long
def test_the_old_lock_and_ours_never_overlap(firestore: Backend) -> None:
    kinds = list(product(("nobody", "old", "ours"), ("together", "old")))
    days = [Date(number) for number in range(ROUNDS)]

    def races(number: int) -> None:
        pair = Pair(firestore.place, HOLDER_FIELDS[number % 2])
        for at in range(number, ROUNDS, PAIRS_AT_ONCE):
            pair.race(days[at], *kinds[at % len(kinds)])

    with ThreadPoolExecutor(PAIRS_AT_ONCE) as pairs:
        for done in [pairs.submit(races, number) for number in range(PAIRS_AT_ONCE)]:
            done.result()
    both = [day.entered[0] for day in days if sorted(day.entered) == ["old", "ours"]]
    assert len(both) >= ROUNDS * 0.98
    assert set(both) == {"old", "ours"}


@pytest.mark.parametrize("holder_field", HOLDER_FIELDS)
def test_the_old_lock_waits_for_ours_as_long_as_it_is_renewed(firestore: Backend, holder_field: str) -> None:
    now = datetime.now(UTC)
    old = OldLock(firestore.place, holder_field=holder_field, now=lambda: now)
    store = firestore.store()
    record = created(store)
    ends = expiry(old)
    now = ends - timedelta(seconds=1)
    assert not old.try_once(DATE, "old")
    assert old.seen_holder == BATCH
    assert store.renew(record)
    now = ends + timedelta(milliseconds=1)
    assert not old.try_once(DATE, "old")
    now = expiry(old) + timedelta(milliseconds=1)
    assert old.try_once(DATE, "old")


def expiry(old: OldLock, game_date: str = DATE) -> datetime:
    return datetime.fromisoformat(old.document(game_date).get().get("expires_at").isoformat())


def test_an_old_release_frees_another_holders_lock_and_ours_notices(firestore: Backend) -> None:
    """It may let another in meanwhile, whose token is newer, so the fence refuses the first."""
    old, lock = OldLock(firestore.place), a_lock(firestore.store())
    with lease_that_gets_lost(lock) as lease:
        old.release(DATE)  # at the end of work that outlasted its lock
        with lock.acquire(game_date=DATE, batch_id="another", max_wait_seconds=0) as newer:
            assert newer.token > lease.token
        lease.renew()
    assert lock.store.read(KEY).record is None
