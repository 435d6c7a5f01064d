"""The run that another is compared with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import takewhile

from lib.archive.archive import Archive, Run
from lib.archive.record import RunStatus
from lib.errors import Unavailable
from lib.verdict.verdict import Verdict

_WEEK = timedelta(days=7)
_SAME_DAY = timedelta(hours=12)


def ended(run: Run) -> Run:
    """The run itself.

    Raises:
        Unavailable: It goes on, so that nothing can be said of it yet.
    """
    if run.record.status is RunStatus.RUNNING:
        raise Unavailable(f"the run {run.run_id} has not ended yet")
    return run


def last_green(archive: Archive, run: Run) -> Run:
    """The last run before it that passed, of the same runbook and environment; else the last with a WARN.

    Raises:
        Unavailable: There is neither.
    """
    warned: Run | None = None
    for other in _before(archive, run):
        if other.record.verdict is Verdict.PASS:
            return other
        if other.record.verdict is Verdict.WARN and warned is None:
            warned = other
    if warned is None:
        raise Unavailable(f"no run of {_question(run)} passed before {run.run_id}; name the run to compare with")
    return warned


def week_before(archive: Archive, run: Run) -> Run:
    """The run nearest to the same moment a week before, of the same runbook and environment.

    Raises:
        Unavailable: There is none within half a day of it.
    """
    meant = moment(run) - _WEEK
    # No run starts before the moment that it was planned for.
    since = takewhile(lambda other: other.record.started_at >= meant - _SAME_DAY, _before(archive, run))
    near = [other for other in since if abs(moment(other) - meant) <= _SAME_DAY]
    if near:
        return min(near, key=lambda other: abs(moment(other) - meant))
    raise Unavailable(f"no run of {_question(run)} was at {meant:%Y-%m-%d %H:%M} UTC, a week before {run.run_id}")


def moment(run: Run) -> datetime:
    """The moment (UTC) that it looked from: the planned one, however late it was."""
    return run.record.origin.planned_at or run.record.started_at


def _before(archive: Archive, run: Run) -> Iterator[Run]:
    """Runs that ended with an answer of some kind, newest first."""
    places = archive.places(run.place.rsplit("/", 1)[0])
    # As text: a folder's name may be of no moment at all.
    latest = f"{run.record.started_at:%Y%m%dT%H%M%SZ}~"
    earlier = (place for place in places if place.rsplit("/", 1)[-1] <= latest)
    return (
        other
        for other in map(archive.read, earlier)
        if isinstance(other, Run)
        and other.record.started_at < run.record.started_at
        and other.record.status is not RunStatus.RUNNING
        and not other.record.refused
    )


def _question(run: Run) -> str:
    return f"{run.record.runbook} in {run.record.environment}"
