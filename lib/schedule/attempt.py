"""One attempt at a firing: what its process is asked, does and answers.

The process (`runbook schedule attempt`) reads the call as a line of JSON from standard input, which the scheduler
then holds open: when the scheduler is killed the system closes it, and the run is stopped in good order and archived
as interrupted, since nobody is left to judge or to repeat it. The process itself holds the lease on the runbook, so
that no other run begins while this one goes on, whatever happens to the scheduler.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lib.archive.archive import Archive
from lib.archive.record import Origin
from lib.environment import load_environment, redactor_of
from lib.errors import RunbookError
from lib.locking.errors import LockAcquisitionError
from lib.runbooks.catalogue import Runbook
from lib.runbooks.execution import execute
from lib.runbooks.stop import Limits
from lib.schedule.firing_record import Attempt
from lib.schedule.run_lock import only_run
from lib.verdict.verdict import Verdict


@dataclass(frozen=True)
class Call:
    """What is to be run.

    Attributes:
        notebook: The runbook's file.
        environment: Where it looks.
        parameters: See `lib.schedule.settings.Entry.planned_values`.
        timeout_seconds: Of the run.
        schedule: The entry's name.
        planned_at: When it was to run, in ISO 8601.
        retry_of: Id of the run that it tries again; empty when it is the first.
        attempt: 1, and more for a retry.
    """

    notebook: str
    environment: str
    parameters: dict[str, Any]
    timeout_seconds: float
    schedule: str
    planned_at: str
    retry_of: str = ""
    attempt: int = 1


@dataclass(frozen=True)
class Answer:
    """What came of it.

    Attributes:
        attempt: The run; None when it did not begin.
        held_by: Who else runs the runbook; empty when nobody does.
    """

    attempt: Attempt | None
    held_by: str = ""


def attempt(call: Call, on_change: Callable[[Archive], object] | None = None) -> Answer:
    """Run the runbook, unless another run of it goes on.

    Args:
        call: What is to be run.
        on_change: See `lib.runbooks.execution.execute`.
    """
    environment = load_environment(call.environment)
    runbook = Runbook(Path(call.notebook))
    origin = Origin(call.schedule, datetime.fromisoformat(call.planned_at), call.retry_of, attempt=call.attempt)
    try:
        with only_run(runbook.name, environment, f"{call.schedule} planned at {call.planned_at}"):
            run = execute(
                runbook,
                call.parameters,
                environment=environment.name,
                limits=Limits(run_seconds=call.timeout_seconds),
                origin=origin,
                progress=False,
                on_change=on_change,
            )
    except LockAcquisitionError as error:
        return Answer(None, error.held_by)
    except RunbookError as error:
        reason = redactor_of(environment).text(str(error))
        return Answer(Attempt("", error.exit_code, Verdict.UNKNOWN, reason, is_final=error.exit_code != 3))
    return Answer(Attempt.of(run))
