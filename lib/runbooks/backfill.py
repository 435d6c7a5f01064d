"""A runbook over many dates: each date a run, each run a process, a few at once."""

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
    """A runbook's parameter, and the dates that it takes one after another: in the order asked for, each once."""

    parameter: str
    dates: tuple[date, ...]

    @classmethod
    def parse(cls, text: str, runbook: Runbook) -> DateSeries:
        """Read ``PARAMETER=FIRST..LAST``, both included, or ``PARAMETER=DATE,DATE,...``.

        Raises:
            UserError: It is of neither form, the runbook has no date of that name, or the dates
                are reversed, named twice or more than `lib.words.dates.MOST_DATES`.
        """
        name, equals, value = text.partition("=")
        if not equals or not value:
            raise UserError(f"{text!r:.80} is not of the form PARAMETER=FIRST..LAST or PARAMETER=DATE,DATE")
        (declared,) = declared_names(runbook.parameters, {name: value})
        series = cls(declared, dates_of(value))
        series._ensure_dates_of(runbook)
        return series

    def share(self, index: int, count: int) -> DateSeries:
        """What one of `count` tasks has to do, so that together they do each date once.

        Args:
            index: Which task, from 0.
            count: How many there are.

        Raises:
            UserError: There is no such task.
        """
        if not 0 <= index < count:
            raise UserError(f"there is no task {index} of {count}; the first is 0")
        return replace(self, dates=self.dates[index::count])

    def _ensure_dates_of(self, runbook: Runbook) -> None:
        known = {parameter.name: parameter for parameter in runbook.parameters if parameter.type.is_date}
        if self.parameter not in known:
            raise UserError(f"{runbook.name} has no date {self.parameter!r:.80}; it has {', '.join(known) or 'none'}")
        for day in self.dates:
            known[self.parameter].value(day.isoformat())


@dataclass(frozen=True)
class DateRun:
    """How one date's run ended.

    Attributes:
        exit_code: That of `runbook run`; negative: the signal that killed it.
        verdict: UNKNOWN when it could not run.
        headline: One line; hostile input.
        run_id: Empty when it was not even archived.
        report: For people; empty when there is none.
    """

    day: date
    exit_code: int
    verdict: str
    headline: str
    run_id: str = ""
    report: str = ""


@dataclass(frozen=True)
class Backfill:
    """How all of them ended.

    Attributes:
        runs: By the order of the dates asked for.
        not_run: Dates that were not begun, because the backfill was stopped.
    """

    runs: tuple[DateRun, ...]
    not_run: tuple[date, ...] = ()

    @property
    def exit_code(self) -> int:
        """That of the worst date: 1 a FAIL verdict, then 3 no answer, then 2 bad input; a date not run has none."""
        return worst_exit_code([run.exit_code for run in self.runs] + [3 for _ in self.not_run])


def ensure_fit(runbook: Runbook, series: DateSeries, parameters: Mapping[str, str], environment: str) -> None:
    """See that a backfill could run.

    Raises:
        UserError: There is no such environment, a parameter does not fit, or would approve a change.
    """
    load_environment(environment)
    if series.parameter in declared_names(runbook.parameters, parameters):
        raise UserError(f"parameter {series.parameter} is given twice: it takes the dates")
    for name in APPROVALS:
        if name in parameters:
            raise UserError(f"parameter {name} approves one plan, and each date has its own: change one date at a time")
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

    SIGINT, SIGTERM and SIGHUP begin no further date and stop the running ones in good order.

    Args:
        runbook: See `lib.runbooks.catalogue.find_runbook`.
        parameters: The other parameters, as text; the same for each date.
        jobs: How many runs there are at once, at most.
        timeout_seconds: Of each run.
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
    if run or request.reason:  # stopped before it had begun, it left nothing
        return run
    is_killed = ended.exit_code < 0
    headline = f"Killed by signal {-ended.exit_code}" if is_killed else f"Could not run: {ended.last_words}"
    return DateRun(day, ended.exit_code, "UNKNOWN", headline)


def _archived(day: date, since: Selection, pid: int) -> DateRun | None:
    """The archived run of that process, which was killed; the selection holds those that began since it did."""
    with suppress(RunbookError):  # an archive that does not answer is no reason to fail
        archive = Archive()
        for run in since.runs(archive):
            if isinstance(run, Run) and (run.record.host, run.record.pid) == (this_machine(), pid):
                record = run.record
                report = archive.store.address(run.report) if record.finished_at else ""
                return DateRun(day, run.exit_code, record.verdict or "UNKNOWN", record.headline, run.run_id, report)
    return None
