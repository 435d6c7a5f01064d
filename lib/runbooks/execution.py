"""Run a runbook: check its parameters, execute its notebook, archive the result."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import metadata
from typing import Any

from lib import places
from lib.account import account
from lib.archive.archive import Archive, Run
from lib.archive.chain import Event
from lib.archive.machine import this_machine
from lib.archive.record import HEARTBEAT_SECONDS, Origin, RunRecord, utc_now
from lib.archive.sealing import lost_runs, seal
from lib.environment import Environment, load_environment, redactor_of
from lib.errors import RunbookError, Unavailable, UserError
from lib.runbooks.catalogue import Runbook
from lib.runbooks.masking import masked_record
from lib.runbooks.notebook_head import with_head
from lib.runbooks.notebook_run import run_notebook
from lib.runbooks.notification import is_news, notified
from lib.runbooks.parameters import APPROVALS, ENVIRONMENT_PARAMETER
from lib.runbooks.report_page import render_report
from lib.runbooks.stop import Limits, StopRequest, signals_as_requests
from lib.words.secrets.redaction import MASK, Redactor
from lib.words.text import one_line

_LIBRARIES = ("papermill", "ipykernel", "duckdb", "pandas")
_OnChange = Callable[[Archive], object]


def execute(
    runbook: Runbook,
    parameters: Mapping[str, object] | None = None,
    *,
    environment: str = "local",
    archive: Archive | None = None,
    limits: Limits | None = None,
    origin: Origin | None = None,
    progress: bool | None = None,
    on_change: _OnChange | None = None,
) -> Run:
    """Run a runbook and archive it; a failed run is a result, not an exception.

    SIGINT, SIGTERM and SIGHUP stop the run cleanly while this function runs.

    Args:
        runbook: See `lib.runbooks.catalogue.find_runbook`.
        parameters: Values by name, as text or typed; the others keep their defaults.
        environment: Name of the environment, which also sets the notebook's parameter ``environment``.
        archive: Where the run is kept; by default at ``RUNBOOK_OUTPUTS``.
        limits: How long things may take.
        origin: Why the run was started. A planned run runs as of its planned time; an agent's run notifies nobody.
        progress: Show a progress bar on standard error; by default if that is a terminal.
        on_change: Called with the archive when the run has begun and when it has ended, to build the site. If it
            fails at the end, one line on standard error reports it.

    Returns:
        The archived run: its record, notebook, report and other files.

    Raises:
        UserError: A parameter, the environment or the notebook is invalid; nothing was started.
        Unavailable: The archive cannot be written: either nothing was started, or writing failed when the run
            had ended.
    """
    settings = load_environment(environment)
    redactor = redactor_of(settings)
    values = runbook.checked_values(parameters or {}, environment)
    unexecuted = runbook.notebook()
    archive = archive or Archive()
    origin = origin or Origin()
    request = StopRequest()
    with signals_as_requests(request):
        run = archive.begin(masked_record(_new_record(runbook, values, settings, origin), redactor))

        def meanwhile() -> None:
            _after_begin(archive, settings, redactor, on_change, notifies=not origin.agent)
            # So that what makes the report is loaded at the end of the run, when somebody waits for it.
            with suppress(Exception):
                render_report(run.record, unexecuted)

        with _heartbeat(archive, run):
            notebook, files, outcome = run_notebook(
                runbook,
                unexecuted,
                values,
                request=request,
                limits=limits or Limits(),
                redactor=redactor,
                progress=sys.stderr.isatty() if progress is None else progress,
                variables={"RUNBOOK_NOW": origin.planned_at.isoformat()} if origin.planned_at else {},
                meanwhile=meanwhile,
            )
        run = Run(run.place, masked_record(run.record.finished(outcome, utc_now()), redactor))
        for name, content in files.items():
            archive.store.write(f"{run.place}/{name}", content)
        _archive(archive, run, notebook)
        unnotified, run = run, notified(run, archive, settings.notifications, redactor)
        if run != unnotified:
            _archive(archive, run, notebook)
        seal(archive, run.place)
        _after_end(archive, redactor, on_change)
    return run


def rerun(
    run: Run,
    runbook: Runbook,
    *,
    archive: Archive | None = None,
    limits: Limits | None = None,
    on_change: _OnChange | None = None,
) -> Run:
    """Repeat a run with the same parameters and environment, as of the same point in time; see `execute`.

    Args:
        run: The run to repeat; an unplanned run was as of its start.
        runbook: Its runbook.
        archive: Where the new run is kept.
        limits: How long things may take.
        on_change: See `execute`.

    Raises:
        UserError: The run approved a change, a parameter's value is no longer known, or the runbook no
            longer has such a parameter or value; nothing was started.
        Unavailable: The archive could not be written.
    """
    record = run.record
    parameters = {name: value for name, value in record.parameters.items() if name != ENVIRONMENT_PARAMETER}
    if approved := [name for name in APPROVALS if parameters.get(name)]:
        asked = ", ".join(name for name, value in parameters.items() if value not in (None, "", False))
        raise UserError(
            f"{run.run_id} approved a change ({', '.join(approved)}; its parameters: {asked}): plan the change "
            f"again with runbook run {runbook.name} --env {record.environment}"
        )
    if masked := [name for name, value in parameters.items() if MASK in str(value)]:
        raise UserError(f"{run.run_id} cannot be rerun: parameter {masked[0]} held a secret, which was not kept")
    # Defaults are left out, because text is converted: an empty text may become None.
    defaults = {parameter.name: parameter.default for parameter in runbook.parameters}
    return execute(
        runbook,
        {name: value for name, value in parameters.items() if name not in defaults or value != defaults[name]},
        environment=record.environment,
        archive=archive,
        limits=limits,
        on_change=on_change,
        origin=Origin(schedule=record.origin.schedule, planned_at=record.looked_from, rerun_of=run.run_id),
    )


@contextmanager
def _heartbeat(archive: Archive, run: Run) -> Iterator[None]:
    """Renew the record's ``heartbeat_at`` in a thread during the ``with`` block."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_SECONDS):
            # A heartbeat that cannot be written must not end the run; the next one may succeed.
            with suppress(Unavailable):
                archive.write_record(Run(run.place, replace(run.record, heartbeat_at=utc_now())))

    thread = threading.Thread(target=beat, name="runbook-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _after_begin(
    archive: Archive, settings: Environment, redactor: Redactor, on_change: _OnChange | None, *, notifies: bool
) -> None:
    # The run matters more. What fails here is repeated, and reported, at its end.
    with suppress(Unavailable):
        if notifies:
            _close_lost_runs(archive, settings, redactor)
    with suppress(Exception):
        if on_change:
            on_change(archive)


def _after_end(archive: Archive, redactor: Redactor, on_change: _OnChange | None) -> None:
    """Build the site; a failure, for example over another run's files, must not affect this run's result."""
    try:
        if on_change:
            on_change(archive)
    except Exception as error:
        reason = redactor.text(str(error) if isinstance(error, RunbookError) else repr(error))
        sys.stderr.write(f"runbook: the site could not be built: {one_line(reason):.300}\n")


def _close_lost_runs(archive: Archive, settings: Environment, redactor: Redactor) -> None:
    """Send notifications for killed runs, and seal them."""
    for lost in lost_runs(archive, settings.name):
        run = notified(lost, archive, settings.notifications, redactor) if is_news(lost.record) else lost
        archive.write_record(run)
        seal(archive, run.place, Event.ADOPTED)


def _new_record(runbook: Runbook, values: dict[str, Any], environment: Environment, origin: Origin) -> RunRecord:
    now = utc_now()
    defaults = {parameter.name: parameter.default for parameter in runbook.parameters}
    return RunRecord(
        run_id="",
        runbook=runbook.name,
        title=runbook.title,
        environment=environment.name,
        timezone=environment.timezone,
        parameters=values,
        started_at=now,
        heartbeat_at=now,
        code_version=_code_version(),
        versions={"python": platform.python_version()} | {name: _version(name) for name in _LIBRARIES},
        who=account(),
        host=this_machine(),
        pid=os.getpid(),
        origin=origin,
        given=tuple(n for n, value in values.items() if n != ENVIRONMENT_PARAMETER and value != defaults.get(n)),
    )


def _archive(archive: Archive, run: Run, notebook: Mapping[str, Any]) -> None:
    import nbformat

    text = nbformat.writes(with_head(notebook, run.record))  # type: ignore[no-untyped-call]
    # Outputs may contain half a surrogate pair, which cannot be encoded.
    archive.store.write(run.notebook, text.encode("utf-8", "replace"))
    archive.store.write(run.report, render_report(run.record, notebook).encode("utf-8", "replace"))
    # Last, so that a run recorded as ended has all its files.
    archive.write_record(run)


def _code_version() -> str:
    """``git describe`` of the checkout, or the installed package's version."""
    if not places.is_checkout():  # git would describe the user's own repository
        return _version("consolidation-runbooks")
    command = ["git", "-C", str(places.ROOT), "describe", "--always", "--dirty", "--tags"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return _version("consolidation-runbooks")
    return answer.stdout.strip()


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"
