"""Running a runbook: parameters checked, notebook executed, everything archived."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from lib.environment import Environment, load_environment
from lib.errors import Unavailable, UserError
from lib.runbooks.archive import Archive, Run, write_atomically, write_record
from lib.runbooks.catalogue import Runbook
from lib.runbooks.heartbeat import Heartbeat
from lib.runbooks.index import build_index
from lib.runbooks.masking import masked_record
from lib.runbooks.notebook_run import run_notebook
from lib.runbooks.notification import notified, tell_of_lost_runs
from lib.runbooks.parameters import resolve_values
from lib.runbooks.provenance import code_version, library_versions, user
from lib.runbooks.record import RunRecord, utc_now
from lib.runbooks.redaction import redactor_of
from lib.runbooks.report import render_report
from lib.runbooks.stopping import Limits, StopRequest, signals_as_requests

ENVIRONMENT_PARAMETER = "environment"


def execute(
    runbook: Runbook,
    parameters: Mapping[str, object] | None = None,
    *,
    environment: str = "local",
    archive: Archive | None = None,
    limits: Limits | None = None,
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
        progress: Show a progress bar on standard error; by default when it is a terminal.

    Returns:
        The run, archived: its record, notebook and report.

    Raises:
        UserError: A parameter or the environment is wrong, or the archive cannot be
            written; nothing was started.
        Unavailable: The archive could no longer be written when the run had ended.
    """
    settings = load_environment(environment)
    redactor = redactor_of(settings)
    values = _values(runbook, parameters or {}, environment)
    archive = archive or Archive()
    request = StopRequest()
    with signals_as_requests(request):
        run = _new_run(archive, runbook, values, settings)
        run = Run(run.folder, masked_record(run.record, redactor))
        with Heartbeat(run):
            with suppress(Unavailable):  # the run matters more, and at its end comes the next index
                tell_of_lost_runs(environment, archive, settings.notifications, redactor)
                build_index(archive)
            notebook, outcome = run_notebook(
                runbook.path,
                values,
                request=request,
                limits=limits or Limits(),
                redactor=redactor,
                progress=sys.stderr.isatty() if progress is None else progress,
            )
        run = Run(run.folder, masked_record(run.record.finished(outcome, utc_now()), redactor))
        _archive(run, notebook)
        told = notified(run, archive, settings.notifications, redactor)
        if told != run:
            run = told
            _archive(run, notebook)
        build_index(archive)
    return run


def _values(runbook: Runbook, given: Mapping[str, object], environment: str) -> dict[str, Any]:
    if ENVIRONMENT_PARAMETER in given:
        raise UserError(f"parameter {ENVIRONMENT_PARAMETER} follows the run's environment; choose that instead (--env)")
    values = resolve_values(runbook.parameters, given)
    if ENVIRONMENT_PARAMETER in values:
        values[ENVIRONMENT_PARAMETER] = environment
    return values


def _new_run(archive: Archive, runbook: Runbook, values: dict[str, Any], environment: Environment) -> Run:
    now = utc_now()
    folder = archive.new_folder(environment.name, runbook.name, now)
    record = RunRecord(
        run_id=folder.name,
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
        host=platform.node(),
        pid=os.getpid(),
    )
    return Run(folder, record)


def _archive(run: Run, notebook: Mapping[str, Any]) -> None:
    import nbformat

    try:
        text = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
        # Outputs may hold half a surrogate pair, which is no text that a file can hold.
        write_atomically(run.notebook, text.encode("utf-8", "replace"))
        write_atomically(run.report, render_report(run.record, notebook).encode("utf-8", "replace"))
    finally:
        # Last, so that whoever reads that the run has ended finds its files; but in any case.
        write_record(run)
