"""Running a runbook: parameters checked, notebook executed, everything archived."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from lib.archive.archive import Archive, Run
from lib.archive.chain import Event
from lib.archive.machine import this_machine
from lib.archive.record import Origin, RunRecord, utc_now
from lib.archive.sealing import lost_runs, seal
from lib.environment import Environment, load_environment, redactor_of
from lib.errors import RunbookError, Unavailable, UserError
from lib.runbooks.catalogue import Runbook
from lib.runbooks.heartbeat import Heartbeat
from lib.runbooks.masking import masked_record
from lib.runbooks.notebook_run import run_notebook
from lib.runbooks.notification import is_news, notified
from lib.runbooks.parameters import resolve_values
from lib.runbooks.provenance import code_version, library_versions, user
from lib.runbooks.report import render_report
from lib.runbooks.stop import Limits, StopRequest, signals_as_requests
from lib.site.build import build_site
from lib.words.secrets.redaction import Redactor

ENVIRONMENT_PARAMETER = "environment"


def execute(
    runbook: Runbook,
    parameters: Mapping[str, object] | None = None,
    *,
    environment: str = "local",
    archive: Archive | None = None,
    limits: Limits | None = None,
    origin: Origin | None = None,
    progress: bool | None = None,
) -> Run:
    """Run a runbook to whatever end it comes to; that end is in the result, not an exception.

    SIGINT, SIGTERM and SIGHUP stop the run in good order while this function runs.

    Args:
        runbook: See `lib.runbooks.catalogue.find_runbook`.
        parameters: Values by name, as text or typed; the others keep their defaults.
        environment: Name of the environment; the notebook's parameter of that name.
        archive: Where the run is kept; by default where ``RUNBOOK_OUTPUTS`` says.
        limits: How long the run and each cell may take.
        origin: What the run comes from; a planned one looks from the moment that it was planned for.
        progress: Show a progress bar on standard error; by default when it is a terminal.

    Returns:
        The run, archived: its record, notebook and report.

    Raises:
        UserError: A parameter, the environment or the notebook is wrong; nothing was started.
        Unavailable: The archive cannot be written, and nothing was started; or it no longer
            could be when the run had ended. A site that cannot be built is one line on standard error.
    """
    settings = load_environment(environment)
    redactor = redactor_of(settings)
    values = checked_values(runbook, parameters or {}, environment)
    unexecuted = runbook.notebook()
    archive = archive or Archive()
    request = StopRequest()
    with signals_as_requests(request):
        run = archive.begin(masked_record(_new_record(runbook, values, settings, origin or Origin()), redactor))
        with Heartbeat(archive, run):
            notebook, outcome = run_notebook(
                runbook,
                unexecuted,
                values,
                request=request,
                limits=limits or Limits(),
                redactor=redactor,
                progress=sys.stderr.isatty() if progress is None else progress,
                variables=_looking_from(run.record.origin),
                meanwhile=lambda: _tell_of_begin(archive, settings, redactor),
            )
        run = Run(run.place, masked_record(run.record.finished(outcome, utc_now()), redactor))
        _archive(archive, run, notebook)
        told = notified(run, archive, settings.notifications, redactor)
        if told != run:
            run = told
            _archive(archive, run, notebook)
        seal(archive, run.place)
        _show(archive, redactor)
    return run


def _show(archive: Archive, redactor: Redactor) -> None:
    """Build the site; whatever other runs left that it fails at, this one has its result."""
    try:
        build_site(archive)
    except Exception as error:
        reason = redactor.text(str(error) if isinstance(error, RunbookError) else repr(error))
        sys.stderr.write(f"runbook: the site could not be built: {' '.join(reason.split()):.300}\n")


def _tell_of_begin(archive: Archive, settings: Environment, redactor: Redactor) -> None:
    # The run matters more, and at its end comes the next site, with a word when that fails.
    with suppress(Unavailable):
        _close_lost_runs(archive, settings, redactor)
    with suppress(Exception):
        build_site(archive)


def _close_lost_runs(archive: Archive, settings: Environment, redactor: Redactor) -> None:
    """Of runs that were killed: tell of them, and seal them, which they could not do themselves."""
    for lost in lost_runs(archive, settings.name):
        run = notified(lost, archive, settings.notifications, redactor) if is_news(lost.record) else lost
        archive.write_record(run)
        seal(archive, run.place, Event.ADOPTED)


def _looking_from(origin: Origin) -> dict[str, str]:
    return {"RUNBOOK_NOW": origin.planned_at.isoformat()} if origin.planned_at else {}


def checked_values(runbook: Runbook, given: Mapping[str, object], environment: str) -> dict[str, Any]:
    """The value of every parameter that a run there would have.

    Raises:
        UserError: One is wrong.
    """
    if ENVIRONMENT_PARAMETER in given:
        raise UserError(f"parameter {ENVIRONMENT_PARAMETER} follows the run's environment; choose that instead (--env)")
    values = resolve_values(runbook.parameters, given)
    if ENVIRONMENT_PARAMETER in values:
        values[ENVIRONMENT_PARAMETER] = environment
    return values


def _new_record(runbook: Runbook, values: dict[str, Any], environment: Environment, origin: Origin) -> RunRecord:
    now = utc_now()
    return RunRecord(
        run_id="",
        runbook=runbook.name,
        title=runbook.title,
        environment=environment.name,
        timezone=environment.timezone,
        parameters=values,
        started_at=now,
        heartbeat_at=now,
        code_version=code_version(),
        versions=library_versions(),
        who=user(),
        host=this_machine(),
        pid=os.getpid(),
        origin=origin,
    )


def _archive(archive: Archive, run: Run, notebook: Mapping[str, Any]) -> None:
    import nbformat

    text = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    # Outputs may hold half a surrogate pair, which is no text that a file can hold.
    archive.store.write(run.notebook, text.encode("utf-8", "replace"))
    archive.store.write(run.report, render_report(run.record, notebook).encode("utf-8", "replace"))
    # Last, so that whoever reads that the run has ended finds its files.
    archive.write_record(run)
