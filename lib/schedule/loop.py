"""The schedule run on and on, until told to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from lib.archive.record import RunStatus, utc_now
from lib.errors import RunbookError
from lib.runbooks.stopping import signals_as_requests
from lib.schedule.firing import Runner
from lib.schedule.look import forget_old, look
from lib.schedule.occurrence import Occurrence
from lib.schedule.planning import next_times
from lib.schedule.settings import Entry, Schedule

# What an unreachable archive or a sleeping machine let pass is found again by then.
_LOOK_AGAIN_SECONDS = 60
_POLL_SECONDS = 0.1


def run_until_stopped(
    schedule: Schedule, runner: Runner, on_end: Callable[[Occurrence], None], on_problem: Callable[[str], None]
) -> None:
    """Run every firing of the schedule when it is planned.

    SIGINT, SIGTERM and SIGHUP end it: nothing more is begun, and this returns when no run is left.

    Args:
        schedule: What is planned.
        runner: What runs it.
        on_end: Called with each occurrence as it ends, in a thread of its own.
        on_problem: Called with a line when the archive or a file of settings cannot be read.
    """
    everything = list(schedule.entries.values())

    def run_due(entries: list[Entry]) -> None:
        if runner.request.reason:
            return
        try:
            for firing in look(entries, runner.archive, runner.ledger, utc_now()):
                if occurrence := runner.fire(firing):
                    on_end(occurrence)
        except RunbookError as error:
            on_problem(f"{error}; looking again within {_LOOK_AGAIN_SECONDS} s")

    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(schedule.concurrency)},
        # A time that comes while the run before goes on gets its turn too: to be put on record.
        job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": schedule.concurrency + 1},
        timezone=UTC,
    )
    for entry in everything:
        scheduler.add_job(run_due, EntryTrigger(entry), [[entry]], id=entry.name, next_run_time=utc_now())
    again = IntervalTrigger(seconds=_LOOK_AGAIN_SECONDS, timezone=UTC)
    scheduler.add_job(run_due, again, [everything], name="what was let pass", max_instances=1)
    with signals_as_requests(runner.request):
        forget_old(everything, runner.ledger, utc_now())
        scheduler.start()
        try:
            while not runner.request.reason:
                time.sleep(_POLL_SECONDS)
        finally:
            runner.request.make(RunStatus.INTERRUPTED)
            scheduler.shutdown()


class EntryTrigger(BaseTrigger):  # type: ignore[misc]
    """The planned times of an entry, for APScheduler."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The planned time after the one before; None: there will be none."""
        return next(next_times(self._entry, previous_fire_time or now), None)
