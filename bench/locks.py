"""Taking, releasing and handing over the lock, compared with the usual ways."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from bench.lock_sides import NoEmulator, bare_firestore_cycles, bare_sqlite_cycles, cycles, emulator
from bench.measure import Sample, Side, timed
from bench.result import Ratio, Result, compared, from_sides, within
from bench.setting import Setting
from lib.embedded.sqlite_locks import SqliteLockStore
from lib.locking.errors import LockAcquisitionError
from lib.locking.lock import ConsolidationLock
from lib.locking.store import LockStore

_DATE = "2026-01-17"
_POLL_SECONDS = 5.0
_HAND_OVER_SECONDS = 0.025
_CYCLES = 20  # timed together, because one takes no longer than a tick of the clock
_OUR_SIDE_ON_SQLITE = (
    "the store's two statements take as long as plain SQL; the rest is Python: claim, record, log lines, heartbeat"
)
_ON_THE_EMULATOR = (
    "both sides commit one document twice; ours also deletes only the version that it wrote, and includes claim, "
    "retries, log lines and heartbeat"
)


def results(setting: Setting) -> Iterator[Result]:
    logging.getLogger("lib").addHandler(logging.NullHandler())  # polling logs each failed attempt
    store = SqliteLockStore(setting.folder / "locks.sqlite")
    yield compared(
        f"{_CYCLES} lock cycles on SQLite",
        "plain SQL for the same two writes",
        Ratio(1.5),
        partial(timed, cycles(store, _CYCLES)),
        partial(timed, bare_sqlite_cycles(setting.folder / "bare.sqlite", _CYCLES)),
        rounds=setting.rounds(25),
        why=_OUR_SIDE_ON_SQLITE,
    )
    yield from _hand_overs("SQLite", store, setting)
    try:
        with emulator(setting.folder) as emulated:
            yield from _on_the_emulator(emulated, setting)
    except NoEmulator as error:
        yield Result(
            "lock cycle on the Firestore emulator", "-", "", "", "", "UNKNOWN", is_reached=False, why=str(error)
        )


def _on_the_emulator(store: LockStore, setting: Setting) -> Iterator[Result]:
    yield compared(
        f"{_CYCLES} lock cycles on the Firestore emulator",
        "plain commits of the same documents",
        Ratio(1.15),
        partial(timed, cycles(store, _CYCLES)),
        partial(timed, bare_firestore_cycles(_CYCLES)),
        rounds=setting.rounds(25),
        why=_ON_THE_EMULATOR,
    )
    yield from _hand_overs("the Firestore emulator", store, setting)


def _hand_overs(where: str, store: LockStore, setting: Setting) -> Iterator[Result]:
    """Measure hand-overs. Polling waits half a pause on average, so a few rounds are enough."""
    told, polled = (ConsolidationLock("bench", store=store) for _ in range(2))
    ours = Side([_handed_over(store, partial(_take, told, 60), 0.2) for _ in range(setting.rounds(25))])
    pauses = [random.uniform(0.1, _POLL_SECONDS) for _ in range(setting.rounds(5))]  # noqa: S311
    theirs = Side([_handed_over(store, partial(_poll, polled), pause) for pause in pauses])
    what = f"hand-over of the lock on {where}, from release to acquisition"
    yield from_sides(what, "polling every 5 s", Ratio(1 / 100), ours, theirs)
    yield within(what, _HAND_OVER_SECONDS, ours)


def _handed_over(store: LockStore, wait: Callable[[], float], held_for_seconds: float) -> Sample:
    """Measure the time from the release until the waiter has the lock."""
    with ThreadPoolExecutor(1) as threads:
        with ConsolidationLock("bench", store=store).acquire(game_date=_DATE, batch_id="holder"):
            waiter = threads.submit(wait)
            time.sleep(held_for_seconds)
            released_at = time.perf_counter()
        return Sample(waiter.result() - released_at)


def _take(locks: ConsolidationLock, max_wait_seconds: float) -> float:
    with locks.acquire(game_date=_DATE, batch_id="waiter", max_wait_seconds=max_wait_seconds):
        return time.perf_counter()


def _poll(locks: ConsolidationLock) -> float:
    while True:
        try:
            return _take(locks, 0)
        except LockAcquisitionError:
            time.sleep(_POLL_SECONDS)
