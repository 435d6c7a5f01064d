"""Run a runbook for many dates: one run per date, each in its own process, a few in parallel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date

from lib.archive.archive import Archive, Run
from lib.archive.machine import this_machine
from lib.archive.record import RunStatus, utc_now
from lib.archive.search import Selection
from lib.environment import load_environment
from lib.errors import RunbookError, UserError, worst_exit_code
from lib.runbooks.catalogue import Runbook
from lib.runbooks.parameters import APPROVALS, assignment_words, declared_names
from lib.runbooks.process import run_words, started
from lib.runbooks.stop import StopRequest, signals_as_requests
from lib.words.dates import dates_of


@dataclass(frozen=True)
class DateSeries:
    """The name of a runbook's date parameter, and its values: in the order given, each once."""

    parameter: str
    dates: tuple[date, ...]

    @classmethod
    def parse(cls, text: str, runbook: Runbook) -> DateSeries:
        """Read ``PARAMETER=FIRST..LAST``, both included, or ``PARAMETER=DATE,DATE,...``.

        Raises:
            UserError: It has neither form, the runbook has no date parameter of that name, or the dates
                are reversed, repeated or more than `lib.words.dates.MOST_DATES`.
        """
        name, equals, value = text.partition("=")
        if not equals or not value:
            raise UserError(f"{text!r:.80} must have the form PARAMETER=FIRST..LAST or PARAMETER=DATE,DATE")
        (declared,) = declared_names(runbook.parameters, {name: value})
        series = cls(declared, dates_of(value))
        series._ensure_dates_of(runbook)
        return series

    def share(self, index: int, count: int) -> DateSeries:
        """Return one task's share of the dates; all tasks together cover each date once.

        Args:
            index: The task, from 0.
            count: The number of tasks.

        Raises:
            UserError: There is no such task.
        """
        if not 0 <= index < count:
            raise UserError(f"there is no task {index} of {count}; tasks are numbered from 0")
        return replace(self, dates=self.dates[index::count])

    def _ensure_dates_of(self, runbook: Runbook) -> None:
        known = {parameter.name: parameter for parameter in runbook.parameters if parameter.type.is_date}
        if self.parameter not in known:
            names = ", ".join(known) or "none"
            raise UserError(f"{runbook.name} has no date parameter {self.parameter!r:.80}; it has {names}")
        for day in self.dates:
            known[self.parameter].value(day.isoformat())


@dataclass(frozen=True)
class DateRun:
    """How one date's run ended.

    Attributes:
        day: The date.
        exit_code: Of `runbook run`; negative: the signal that killed it.
        verdict: UNKNOWN when it could not run.
        headline: One line; hostile input.
        run_id: Empty when it was not archived.
        report: Address of the report; empty when there is none.
    """

    day: date
    exit_code: int
    verdict: str
    headline: str
    run_id: str = ""
    report: str = ""


@dataclass(frozen=True)
class Backfill:
    """How all runs ended.

    Attributes:
        runs: In the order of the dates given.
        not_run: Dates that were not started because the backfill was stopped.
    """

    runs: tuple[DateRun, ...]
    not_run: tuple[date, ...] = ()

    @property
    def exit_code(self) -> int:
        """The worst date's exit code: 1 for FAIL is worst, then 3 (no answer, or not run), then 2 (bad input)."""
        return worst_exit_code([run.exit_code for run in self.runs] + [3 for _ in self.not_run])


def ensure_fit(runbook: Runbook, series: DateSeries, parameters: Mapping[str, str], environment: str) -> None:
    """Check that a backfill can run.

    Args:
        runbook: The runbook.
        series: Its dates.
        parameters: The other parameters, as text.
        environment: Name of the environment.

    Raises:
        UserError: There is no such environment, or a parameter is invalid or would approve a change.
    """
    load_environment(environment)
    if series.parameter in declared_names(runbook.parameters, parameters):
        raise UserError(f"parameter {series.parameter} is given twice: --over sets it")
    for name in APPROVALS:
        if name in parameters:
            raise UserError(f"parameter {name} approves one plan, but each date has its own: change one date at a time")
    runbook.checked_values(parameters, environment)


def backfill(
    runbook: Runbook,
    series: DateSeries,
    parameters: Mapping[str, str],
    *,
    environment: str,
    jobs: int,
    timeout_seconds: float,
    on_end: Callable[[DateRun], None],
) -> Backfill:
    """Run the runbook for each date; one date's failure does not stop the others.

    After SIGINT, SIGTERM or SIGHUP no further date is started, and the running ones are stopped cleanly.

    Args:
        runbook: See `lib.runbooks.catalogue.find_runbook`.
        series: The dates.
        parameters: The other parameters, as text; the same for each date.
        environment: Name of the environment.
        jobs: Maximum number of parallel runs.
        timeout_seconds: Time limit of each run.
        on_end: Called with each run as it ends, in this thread.

    Raises:
        UserError: See `ensure_fit`; nothing was started.
    """
    ensure_fit(runbook, series, parameters, environment)
    command = [*run_words(runbook.name, parameters, environment), "--timeout-seconds", f"{timeout_seconds:g}"]
    request = StopRequest()

    def run(day: date) -> DateRun | None:
        if request.reason:
            return None
        return _run([*command, *assignment_words({series.parameter: day})], day, runbook.name, environment, request)

    with signals_as_requests(request), ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(run, day) for day in series.dates]
        try:
            for future in as_completed(futures):
                if ended := future.result():
                    on_end(ended)
        except BaseException:
            request.make(RunStatus.INTERRUPTED)  # nobody is left to report the other runs to
            raise
    results = [future.result() for future in futures]
    return Backfill(
        tuple(filter(None, results)),
        tuple(day for day, result in zip(series.dates, results, strict=True) if result is None),
    )


def _run(words: Sequence[str], day: date, runbook: str, environment: str, request: StopRequest) -> DateRun | None:
    since = Selection(runbook, environment, since=utc_now())
    with started(words) as process:
        ended = process.wait(request)
    if answer := ended.answer:
        verdict = answer["verdict"] or "UNKNOWN"
        return DateRun(day, ended.exit_code, verdict, answer["headline"], answer["run_id"], answer["report"])
    run = _archived(day, since, process.pid)
    if run or request.reason:  # a run that is stopped before it begins leaves nothing
        return run
    is_killed = ended.exit_code < 0
    headline = f"Killed by signal {-ended.exit_code}" if is_killed else f"Could not run: {ended.last_words}"
    return DateRun(day, ended.exit_code, "UNKNOWN", headline)


def _archived(day: date, since: Selection, pid: int) -> DateRun | None:
    """Find the archived run of a killed process; `since` selects runs that began after it was started."""
    with suppress(RunbookError):  # do not fail because the archive does not answer
        archive = Archive()
        for run in since.runs(archive):
            if isinstance(run, Run) and (run.record.host, run.record.pid) == (this_machine(), pid):
                record = run.record
                report = archive.store.address(run.report) if record.finished_at else ""
                return DateRun(day, run.exit_code, record.verdict or "UNKNOWN", record.headline, run.run_id, report)
    return None
