"""The roles of a campaign's processes; each process may be killed or paused at any moment."""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from lib.consolidation.staging import staging_backlog
from lib.errors import RunbookError
from lib.locking.store import LockStore
from tests.consolidation.world import World, later, prediction
from tests.locking.backends import Backend
from tests.locking.emulator import HOST_VARIABLE

DAYS = (date(2026, 1, 16), date(2026, 1, 17))
TABLES_OF_A_WORKER = 4
_WORKER = re.compile(r"w\d+t\d+")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Site:
    """What the processes of one campaign share.

    Attributes:
        folder: The folder of the warehouse's file and the notes.
        backend: The lock store.
        emulator: ``host:port``, if the locks are in the Firestore emulator.
        lease_seconds: Short, so that a pause is longer than a lease.
    """

    folder: Path
    backend: Backend
    emulator: str = ""
    lease_seconds: float = 1.0

    @property
    def over(self) -> Path:
        """A file that exists once no more processes are killed and nothing more is staged."""
        return self.folder / "over"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def staged(self) -> Path:
        """A file with a line for each table whose writing was acknowledged to a worker."""
        return self.folder / "staged"

    def world(self) -> SharedWorld:
        return SharedWorld(self.folder, lease_seconds=self.lease_seconds, backend=self.backend)


@dataclass(frozen=True)
class SharedWorld(World):
    """Return a world whose locks are in the configured backend."""

    backend: Backend = field(kw_only=True)

    @cached_property
    def lock_store(self) -> LockStore:
        return self.backend.store(request_timeout_seconds=self.lease_seconds / 4)


def play(role: Callable[..., None], site: Site, *arguments: Any) -> None:
    """Run a role in this process, which ends together with its parent."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.basicConfig(filename=site.log, level=logging.INFO, format="%(asctime)s %(process)d %(message)s")
    if site.emulator:
        os.environ[HOST_VARIABLE] = site.emulator
    role(site, *arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def coordinate(site: Site, seed: int) -> None:
    """Consolidate waiting batches until there are none and no more will come."""
    world, chance = site.world(), random.Random(seed)
    while True:
        is_last_look = site.over.exists()
        try:
            waiting = staging_backlog(world.warehouse, world.spec)
            if waiting:
                batch_id = chance.choice(waiting).batch_id
                world.consolidate(batch_id, game_date=day_of(batch_id), use_lock=chance.random() < 0.9)
            elif is_last_look:
                return
            else:
                time.sleep(0.02)
        except RunbookError as error:
            logger.warning("%s: %s", type(error).__name__, error)


def write(site: Site, number: int) -> None:
    """Stage a batch, then another table for the batch before, which may be consolidated by now."""
    world = site.world()
    for table in range(TABLES_OF_A_WORKER):
        is_late = table == TABLES_OF_A_WORKER - 1
        batch_id = batch_of(number - 1 if is_late else number)
        worker_id = f"w{number}t{table}"
        [written] = world.staging_writer.write(
            rows_of(batch_id, worker_id), batch_id=batch_id, worker_id=worker_id, game_date=day_of(batch_id)
        )
        with site.staged.open("a") as file:
            file.write(f"{written.table.table}\n")


def steal(site: Site, number: int) -> None:
    """Force the release of a lock, whether its lease has expired or not."""
    try:
        site.world().locks.force_release(DAYS[number % len(DAYS)], "a drill", steal=True, actor="operator")
    except RunbookError as error:
        logger.warning("%s: %s", type(error).__name__, error)


def batch_of(number: int) -> str:
    """Return a batch's id; some ids are the beginning of another, as in the services."""
    return f"batch_{DAYS[number % len(DAYS)]}_{number}"


def day_of(batch_id: str) -> date:
    return date.fromisoformat(batch_id.split("_")[1])


def rows_of(batch_id: str, worker_id: str) -> list[dict[str, Any]]:
    """Return a worker's rows, the same in every process; other workers write some of the same keys."""
    chance = random.Random(f"{batch_id} {worker_id}")
    rows: list[dict[str, Any]] = [
        prediction(
            prediction_id=f"{worker_id} {number}",
            player_lookup=f"player{chance.randrange(8)}",
            current_points_line=chance.choice([None, 22.5, 23.0]),
            predicted_points=chance.choice([20.5, 21.5]),
            game_date=day_of(batch_id),
            updated_at=later(chance.randrange(1000)),
        )
        for number in range(6)
    ]
    if chance.random() < 0.3:  # an older revision of the worker
        rows = [{name: value for name, value in row.items() if name != "predicted_points"} for row in rows]
    return rows


def staged_rows(batch_id: str, table: str) -> list[dict[str, Any]]:
    """Return the rows that were written to the table, derived from its name."""
    found = _WORKER.search(table)
    assert found is not None
    return rows_of(batch_id, found.group())
