"""How an environment is: the worst that the newest run of each of its runbooks says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lib.operations.verdict import Verdict
from lib.site.expected import Missed
from lib.site.groups import History
from lib.site.rows import BADNESS, RUNNING, Row

_LOOK_AT_THE_SCHEDULE = "Look whether the scheduler lives, and what is due: runbook schedule list"


@dataclass(frozen=True)
class Status:
    """An environment in one look.

    Attributes:
        environment: Its name.
        verdict: The worst; RUNNING when no run has ended yet. With a missed run UNKNOWN at best.
        headline: Why.
        next_step: What to do now; may be empty.
        lead: The run that says so; None when it is that a run is missing.
        others: The other runs that did not pass, worst first.
        histories: Of its runbooks, worst first.
        missed: Runs that should have happened, newest first.
    """

    environment: str
    verdict: str
    headline: str
    next_step: str
    lead: Row | None
    others: tuple[Row, ...]
    histories: tuple[History, ...]
    missed: tuple[Missed, ...]

    @property
    def tally(self) -> str:
        """How many of its runbooks passed."""
        passed = sum(history.newest.verdict == Verdict.PASS for history in self.histories)
        return f"{passed} of {len(self.histories)} passed"


def statuses(histories: Sequence[History], missed: Sequence[Missed]) -> list[Status]:
    """Of each environment that has runs or should have some, worst first."""
    names = {history.newest.environment for history in histories} | {run.environment for run in missed}
    found = [
        _status(
            name,
            [history for history in histories if history.newest.environment == name],
            [run for run in missed if run.environment == name],
        )
        for name in names
    ]
    return sorted(found, key=lambda status: (-BADNESS[status.verdict], status.environment))


def _status(environment: str, histories: Sequence[History], missed: Sequence[Missed]) -> Status:
    ordered = sorted(histories, key=lambda history: (-history.newest.badness, history.newest.runbook))
    bad = [history.newest for history in ordered if history.newest.badness > 0]
    lead = ordered[0].newest if ordered else None
    if missed and (lead is None or lead.badness < Verdict.UNKNOWN.badness):
        return Status(
            environment=environment,
            verdict=str(Verdict.UNKNOWN),
            headline=f"{missed[0].runbook} should have run at {missed[0].when} and did not",
            next_step=_LOOK_AT_THE_SCHEDULE,
            lead=None,
            others=tuple(bad),
            histories=tuple(ordered),
            missed=tuple(missed),
        )
    assert lead is not None
    return Status(
        environment=environment,
        verdict=lead.verdict,
        headline=lead.headline if bad else _all_well(lead, len(ordered)),
        next_step=lead.next_step,
        lead=lead if bad else None,
        others=tuple(bad[1:]),
        histories=tuple(ordered),
        missed=tuple(missed),
    )


def _all_well(lead: Row, count: int) -> str:
    if lead.verdict == RUNNING:
        return "No run has ended yet"
    return f"Healthy: the newest run of each of {count} runbooks passed" if count > 1 else f"{lead.title} It passed."
