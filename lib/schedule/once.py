"""What is due now, run once: for cron, Cloud Scheduler and the impatient."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime

from lib.errors import RunbookError
from lib.runbooks.stop import signals_as_requests
from lib.schedule.due import forget_old, look
from lib.schedule.firing import Runner
from lib.schedule.firing_record import Occurrence
from lib.schedule.settings import Schedule


def run_due(
    schedule: Schedule,
    runner: Runner,
    now: datetime,
    on_end: Callable[[Occurrence], None],
    on_problem: Callable[[RunbookError], None],
) -> list[Occurrence]:
    """Run what is due and wait for it; SIGINT, SIGTERM and SIGHUP stop it in good order.

    Args:
        schedule: What is planned.
        runner: What runs it.
        now: The moment (UTC).
        on_end: Called with each occurrence as it ends, in this thread.
        on_problem: Called with the error of each firing that could not be run or put on record; the
            others go on.

    Returns:
        What became of each; those that another scheduler was first at are not among them.

    Raises:
        Unavailable: The archive cannot be read or written, so that nothing was run.
    """
    entries = schedule.entries.values()
    ended = []
    with signals_as_requests(runner.request), ThreadPoolExecutor(schedule.concurrency) as pool:
        forget_old(entries, runner.ledger, now)
        firings = look(entries, runner.archive, runner.ledger, now)
        for future in as_completed([pool.submit(runner.fire, firing) for firing in firings]):
            try:
                occurrence = future.result()
            except RunbookError as error:
                on_problem(error)
                continue
            if occurrence:
                on_end(occurrence)
                ended.append(occurrence)
    return ended
