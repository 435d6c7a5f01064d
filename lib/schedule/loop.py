"""Run the schedule until stopped."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor as Executor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from lib.archive.record import RunStatus, utc_now
from lib.errors import RunbookError
from lib.runbooks.stop import signals_as_requests
from lib.schedule.due import forget_old, look
from lib.schedule.firing import Runner
from lib.schedule.firing_record import Occurrence
from lib.schedule.planning import Firing, next_times
from lib.schedule.settings import Entry, Schedule

# How soon runs missed while the archive was unreachable or the machine slept are found.
_LOOK_AGAIN_SECONDS = 60
_POLL_SECONDS = 0.1


def run_until_stopped(
    schedule: Schedule, runner: Runner, on_end: Callable[[Occurrence], None], on_problem: Callable[[str], None]
) -> None:
    """Run every firing of the schedule at its planned time.

    After SIGINT, SIGTERM or SIGHUP nothing more is started, and this returns when no run is left.

    Args:
        schedule: The schedule.
        runner: Runs the firings.
        on_end: Called with each occurrence as it ends, in another thread.
        on_problem: Called with one line when the archive or a settings file cannot be read.
    """
    everything = list(schedule.entries.values())
    with signals_as_requests(runner.request), ThreadPoolExecutor(schedule.concurrency) as pool:
        forget_old(everything, runner.ledger, utc_now())
        watch = _Watch(runner, pool, on_end, on_problem)
        scheduler = _looking(watch.look_at, everything)
        scheduler.start()
        try:
            while not runner.request.reason:
                time.sleep(_POLL_SECONDS)
        finally:
            runner.request.make(RunStatus.INTERRUPTED)
            scheduler.shutdown()


def _looking(look_at: Callable[[list[Entry]], None], entries: list[Entry]) -> BackgroundScheduler:
    """Return a scheduler that checks each entry at its planned times and all entries regularly, one check at a time."""
    # A check is skipped only if another one is already waiting, which finds the same.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
    scheduler = BackgroundScheduler(
        executors={"default": Executor(1)},
        job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 2},
        timezone=UTC,
    )
    for entry in entries:
        scheduler.add_job(look_at, EntryTrigger(entry), [[entry]], id=entry.name, next_run_time=utc_now())
    again = IntervalTrigger(seconds=_LOOK_AGAIN_SECONDS, timezone=UTC)
    scheduler.add_job(look_at, again, [entries], name="all entries")
    return scheduler


@dataclass(frozen=True)
class _Watch:
    """Hands each due firing to the pool, and continues to check entries while all workers are busy."""

    runner: Runner
    pool: ThreadPoolExecutor
    on_end: Callable[[Occurrence], None]
    on_problem: Callable[[str], None]
    waiting: set[tuple[str, datetime]] = field(default_factory=set)

    def look_at(self, entries: list[Entry]) -> None:
        if self.runner.request.reason:
            return
        with self._problems_reported():
            runner = self.runner
            for firing in look(entries, runner.archive, runner.ledger, utc_now(), runner.show_change):
                if _key(firing) not in self.waiting:
                    self.waiting.add(_key(firing))
                    # The callback raises any other error so that it is logged, not lost.
                    self.pool.submit(self._begin, firing).add_done_callback(Future.result)

    def _begin(self, firing: Firing) -> None:
        self.waiting.discard(_key(firing))
        with self._problems_reported():
            if occurrence := self.runner.fire(firing):
                self.on_end(occurrence)

    @contextmanager
    def _problems_reported(self) -> Iterator[None]:
        try:
            yield
        except RunbookError as error:
            self.on_problem(f"{error}; retrying within {_LOOK_AGAIN_SECONDS} s")


def _key(firing: Firing) -> tuple[str, datetime]:
    return firing.entry.name, firing.planned_at


class EntryTrigger(BaseTrigger):  # type: ignore[misc]
    """The planned times of an entry, for APScheduler."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the next planned time; None if there is none."""
        return next(next_times(self._entry, previous_fire_time or now), None)
