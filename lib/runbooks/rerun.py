"""A run's question, asked again: the same parameters, environment and moment to look from."""

from __future__ import annotations

from collections.abc import Callable

from lib.archive.archive import Archive, Run
from lib.archive.compare_with import moment
from lib.archive.record import Origin
from lib.errors import UserError
from lib.runbooks.catalogue import Runbook
from lib.runbooks.execution import execute
from lib.runbooks.parameters import APPROVALS, ENVIRONMENT_PARAMETER
from lib.runbooks.stop import Limits
from lib.words.secrets.redaction import MASK


def rerun(
    run: Run,
    runbook: Runbook,
    *,
    archive: Archive | None = None,
    limits: Limits | None = None,
    on_change: Callable[[Archive], object] | None = None,
) -> Run:
    """Ask again what a run asked.

    Args:
        run: That run; one that was not planned looked from its start.
        runbook: Its runbook, as it now is.
        archive: Where the new run is kept; see `lib.runbooks.execution.execute`.
        limits: How long it may take.
        on_change: See `lib.runbooks.execution.execute`.

    Returns:
        The new run.

    Raises:
        UserError: It approved a change, a parameter's value is no longer known, or the runbook no
            longer has such a parameter or value; nothing was started.
        Unavailable: The archive could no longer be written when the run had ended.
    """
    record = run.record
    parameters = {name: value for name, value in record.parameters.items() if name != ENVIRONMENT_PARAMETER}
    if approved := [name for name in APPROVALS if parameters.get(name)]:
        asked = ", ".join(name for name, value in parameters.items() if value not in (None, "", False))
        raise UserError(
            f"{run.run_id} approved a change ({', '.join(approved)}; its parameters: {asked}): a change has to be "
            f"planned again: runbook run {runbook.name} --env {record.environment}"
        )
    if masked := [name for name, value in parameters.items() if MASK in str(value)]:
        raise UserError(f"{run.run_id} cannot be run again: parameter {masked[0]} held a secret, which was not kept")
    # A default is not read as given text is: an empty text, where None is another value.
    defaults = {parameter.name: parameter.default for parameter in runbook.parameters}
    return execute(
        runbook,
        {name: value for name, value in parameters.items() if name not in defaults or value != defaults[name]},
        environment=record.environment,
        archive=archive,
        limits=limits,
        on_change=on_change,
        origin=Origin(schedule=record.origin.schedule, planned_at=moment(run), rerun_of=run.run_id),
    )
