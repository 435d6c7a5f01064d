"""Processes and threads share one lock: a counter loses no increment, and tokens are in order."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lib.locking import LockAcquisitionError, LockStore
from lib.places import ROOT
from tests.locking.backends import Backend
from tests.locking.claims import BATCH, DATE, KEY, a_lock

PROCESSES = 4
TIMES = 25


def contender(backend: Backend, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.locking.contender", backend.kind, backend.place, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_processes_exclude_each_other(backend: Backend, tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")
    processes = [contender(backend, "count", str(tmp_path), str(TIMES)) for _ in range(PROCESSES)]
    for process in processes:
        process.communicate()
    tokens = [int(line) for line in (tmp_path / "tokens").read_text().split()]
    assert [process.returncode for process in processes] == [0] * PROCESSES
    assert int((tmp_path / "counter").read_text()) == len(tokens) == PROCESSES * TIMES
    assert tokens == sorted(set(tokens))
    assert backend.store().read_all() == []


def test_threads_of_one_lock_exclude_each_other(store: LockStore) -> None:
    lock = a_lock(store)
    tokens: list[int] = []
    inside = 0
    most_inside = 0

    def work() -> None:
        nonlocal inside, most_inside
        for _ in range(5):
            with lock.acquire(game_date=DATE, batch_id=BATCH) as lease:
                inside += 1
                most_inside = max(most_inside, inside)
                tokens.append(lease.token)
                store.read(KEY)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most_inside == 1
    assert len(tokens) == 20
    assert tokens == sorted(set(tokens))


def test_a_killed_holder_keeps_the_lock_until_its_lease_expires(backend: Backend) -> None:
    store = backend.store()
    with contender(backend, "crash", DATE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holding\n"
        holder.kill()
    with (
        pytest.raises(LockAcquisitionError, match="batch crash"),
        a_lock(store).acquire(game_date=DATE, batch_id=BATCH, max_wait_seconds=0),
    ):
        pass
    left = store.read(KEY).record
    assert left is not None
    assert a_lock(store).force_release(DATE, "its process was killed", steal=True).removed == left
