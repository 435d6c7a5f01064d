"""Another process that uses the same locks: ``python -m tests.locking.contender KIND PLACE ROLE ...``."""

import sys
from pathlib import Path

from lib.locking import ConsolidationLock, LockAcquisitionError, LockStore
from tests.locking.backends import Backend

DATE = "2026-01-17"


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def count(store: LockStore, folder: str, times: str) -> None:
    """Increment a counter that loses an increment if two processes run at once."""
    lock = ConsolidationLock("contender", store=store)
    counter, tokens = Path(folder, "counter"), Path(folder, "tokens")
    for _ in range(int(times)):
        with lock.acquire(game_date=DATE, batch_id="count") as lease:
            counter.write_text(str(int(counter.read_text()) + 1))
            with tokens.open("a") as file:
                file.write(f"{lease.token}\n")


def try_once(store: LockStore, *game_dates: str) -> None:
    """Print for each date whether the lock could be acquired immediately."""
    lock = ConsolidationLock("contender", store=store)
    for game_date in game_dates:
        try:
            with lock.acquire(game_date=game_date, batch_id="try", max_wait_seconds=0):
                say("taken")
        except LockAcquisitionError:
            say("held")


def crash(store: LockStore, game_date: str) -> None:
    """Die on a command from stdin, with a live heartbeat and the lock held."""
    with ConsolidationLock("contender", store=store).acquire(game_date=game_date, batch_id="crash"):
        say("holding")
        sys.stdin.read()


if __name__ == "__main__":
    kind, place, role, *arguments = sys.argv[1:]
    roles = {"count": count, "try_once": try_once, "crash": crash}
    roles[role](Backend(kind, place).store(), *arguments)
