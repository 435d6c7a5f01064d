"""How an environment is: as its worst runbook, and never better than what could be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lib.schedule.expected import Expected, MissedRun
from lib.site.groups import History
from lib.site.index import BADNESS, Row
from lib.verdict.verdict import Verdict

_NOT_KNOWN = "Whether runs are missing is not known"


@dataclass(frozen=True)
class Status:
    """An environment in one look.

    Attributes:
        environment: Its name.
        verdict: The worst; RUNNING when no run has ended yet. UNKNOWN at best when a run was missed
            or an entry is paused, or when neither can be told.
        headline: Why.
        next_step: What to do now; may be empty.
        lead: The run that says so; of those that passed, the oldest. None when no run does.
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
    missed: tuple[MissedRun, ...]

    @property
    def tally(self) -> str:
        """How many of its runbooks passed."""
        return f"{len(_passed(self.histories))} of {len(self.histories)} passed"


def statuses(histories: Sequence[History], expected: Expected) -> list[Status]:
    """Of each environment that has runs or should have some, worst first."""
    names = {history.lead.environment for history in histories} | {run.entry.environment for run in expected.missed}
    found = [
        _status(
            name,
            [history for history in histories if history.lead.environment == name],
            [run for run in expected.missed if run.entry.environment == name],
            is_known=not expected.problem,
        )
        for name in names
    ]
    return sorted(found, key=lambda status: (-BADNESS[status.verdict], status.environment))


def _status(environment: str, histories: Sequence[History], missed: Sequence[MissedRun], *, is_known: bool) -> Status:
    ordered = sorted(histories, key=lambda history: (-history.lead.badness, history.lead.runbook))
    bad = [history.lead for history in ordered if history.lead.badness > 0]
    if (missed or not is_known) and (not bad or bad[0].badness < Verdict.UNKNOWN.badness):
        verdict, lead, others = str(Verdict.UNKNOWN), None, bad
        headline, next_step = (missed[0].headline, missed[0].next_step) if missed else (_NOT_KNOWN, "")
    elif bad:
        lead, *others = bad
        verdict, headline, next_step = lead.verdict, lead.headline, lead.next_step
    else:
        lead = min(_passed(ordered), key=lambda row: row.started_at, default=ordered[0].lead)
        verdict, headline, next_step, others = lead.verdict, _all_well(ordered), "", []
    return Status(environment, verdict, headline, next_step, lead, tuple(others), tuple(ordered), tuple(missed))


def _passed(histories: Sequence[History]) -> list[Row]:
    return [history.lead for history in histories if history.lead.verdict == Verdict.PASS]


def _all_well(histories: Sequence[History]) -> str:
    passed = _passed(histories)
    if not passed:
        return "No run has ended yet"
    if count := len(histories) - len(passed):
        return f"Healthy as far as is known: {len(passed)} passed, {count} {'has' if count == 1 else 'have'} yet to end"
    return f"Healthy: each of {len(passed)} runbooks passed" if len(passed) > 1 else f"{passed[0].title} It passed."
