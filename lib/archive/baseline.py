"""The run that another is compared with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from lib.archive.archive import Archive, Run
from lib.archive.record import RunStatus
from lib.errors import UserError
from lib.operations.verdict import Verdict

_WEEK = timedelta(days=7)
_SAME_DAY = timedelta(hours=12)


def ended(run: Run) -> Run:
    """The run itself.

    Raises:
        UserError: It goes on, so that nothing can be said of it yet.
    """
    if run.record.status is RunStatus.RUNNING:
        raise UserError(f"the run {run.run_id} has not ended yet")
    return run


def last_green(archive: Archive, run: Run) -> Run:
    """The last run before it that passed, of the same runbook and environment.

    Raises:
        UserError: There is none.
    """
    passed = (other for other in _before(archive, run) if other.record.verdict is Verdict.PASS)
    if found := next(passed, None):
        return found
    raise UserError(f"no run of {_question(run)} passed before {run.run_id}; name the run to compare with")


def week_before(archive: Archive, run: Run) -> Run:
    """The run nearest to the same moment a week before, of the same runbook and environment.

    Raises:
        UserError: There is none within half a day of it.
    """
    meant = moment(run) - _WEEK
    near = [other for other in _before(archive, run) if abs(moment(other) - meant) <= _SAME_DAY]
    if near:
        return min(near, key=lambda other: abs(moment(other) - meant))
    raise UserError(f"no run of {_question(run)} was at {meant:%Y-%m-%d %H:%M} UTC, a week before {run.run_id}")


def moment(run: Run) -> datetime:
    """The moment (UTC) that it looked from: the planned one, however late it was."""
    return run.record.origin.planned_at or run.record.started_at


def _before(archive: Archive, run: Run) -> Iterator[Run]:
    """Runs that ended with an answer of some kind, newest first."""
    others = (archive.read(place) for place in archive.places(run.place.rsplit("/", 1)[0]))
    return (
        other
        for other in others
        if isinstance(other, Run)
        and other.record.started_at < run.record.started_at
        and other.record.status is not RunStatus.RUNNING
        and not other.record.was_refused
    )


def _question(run: Run) -> str:
    return f"{run.record.runbook} in {run.record.environment}"
