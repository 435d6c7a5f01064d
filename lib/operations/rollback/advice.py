"""Is a rollback advised? The guide's criteria over live evidence, and which option would help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lib.errors import CouldNotLook
from lib.operations import by_hand
from lib.operations.changes.lock_switch import switch_now
from lib.operations.criteria.criteria import Judged, Kind, figure, judged
from lib.operations.criteria.metrics import Measurement
from lib.operations.logs.history import LogHistory
from lib.operations.rollback.aftermath import rollbacks
from lib.verdict.check import Check
from lib.verdict.section import Section, section
from lib.verdict.table import Table
from lib.verdict.verdict import Verdict, worst
from lib.words.dates import local_time

if TYPE_CHECKING:
    from lib.operations.changes.plan import Approval
    from lib.operations.criteria.metrics import Evidence
    from lib.operations.scope import Scope

_NAME = "Rollback"
_OF_THE_LOCK = ("lock_acquisition_failures", "lock_cycle_faults", "lock_failure_percent")
_WORDS: dict[Kind, tuple[str, str]] = {"rollback": ("not met", "met"), "success": ("met", "not met")}


@section(_NAME)
def rollback_advice(scope: Scope, approval: Approval) -> Section:
    """Each criterion as met, not met or UNKNOWN; a rollback is advised when one for it is met.

    In the run that carries a rollback out the advice is shown, and no check any more.
    """
    evidence, since = _evidence(scope)
    rollback, success = _judged(scope, "rollback", evidence), _judged(scope, "success", evidence)
    tables = (_table("rollback", f"Roll back if{since}", rollback), _table("success", f"Successful if{since}", success))
    return Section(() if approval.is_given else (_advice(scope, rollback),), tables)


def _evidence(scope: Scope) -> tuple[Evidence, str]:
    """Lines from before the last rollback say nothing about how it is since."""
    try:
        earlier = rollbacks(scope)
    except CouldNotLook:
        earlier = []
    if not earlier:
        return scope.evidence, ""
    since = earlier[0].filed_at
    history = LogHistory(scope.platform, since, scope.now)
    told = f", judged since the rollback of {local_time(since, scope.platform.environment.timezone)}"
    return replace(scope.evidence, history=history), told


def _judged(scope: Scope, kind: Kind, evidence: Evidence) -> list[Judged]:
    """As `judged`; of a lock that is switched off nobody can expect that it is taken."""
    if switch_now(scope.platform)["lock"] != "off":
        return judged(kind, evidence)
    moot = Measurement(None, "the lock is switched off", is_moot=True)
    return [
        (criterion, moot if criterion.metric in _OF_THE_LOCK else found) for criterion, found in judged(kind, evidence)
    ]


def _advice(scope: Scope, criteria: Sequence[Judged]) -> Check:
    evidence = {
        criterion.text: f"{_answer('rollback', (criterion, found))}: {figure(criterion, found)} ({found.basis})"
        for criterion, found in criteria
    }
    verdict = worst([criterion.judge(found) for criterion, found in criteria])
    told = [(criterion, found) for criterion, found in criteria if criterion.judge(found) is verdict]
    texts = "; ".join(criterion.text for criterion, _ in told)
    counted = f"{len(told)} of {len(criteria)} criteria"
    if verdict is Verdict.FAIL:
        step = " ".join(dict.fromkeys(_remedy(scope, criterion.remedy) for criterion, _ in told))
        summary = f"ADVISED, {counted} {'is' if len(told) == 1 else 'are'} met: {texts}"
        return Check(_NAME, verdict, summary, evidence, step)
    if verdict is Verdict.PASS:
        return Check(_NAME, verdict, f"not advised, none of {len(criteria)} criteria is met", evidence)
    bases = "; ".join(found.basis for _, found in told) or "params/criteria.yaml holds none"
    step = f"Get the figures first, and roll back on none of these alone: {bases}."
    part = "could be judged in part only" if verdict is Verdict.WARN else "could not be judged"
    return Check(_NAME, verdict, f"not known to be advised, {counted} {part}: {texts}", evidence, step)


def _remedy(scope: Scope, option: str) -> str:
    environment = scope.platform.environment
    if option == "lock":
        plan = by_hand.runbook("rollback", environment, {"lock": "off"})
        return f"Option A stops the waiting, and the fence goes on guarding the rows; see its plan: {plan}"
    diagnosis = by_hand.runbook("duplicate_diagnosis", environment, {"game_date": scope.game_date})
    return (
        f"Find out first who writes them: {diagnosis}. No rollback removes duplicates; option A takes a defence "
        "away, and option B helps only towards a revision that has the fence (see the revisions)."
    )


def _table(kind: Kind, caption: str, criteria: Sequence[Judged]) -> Table:
    rows = [
        (criterion.text, _answer(kind, (criterion, found)), figure(criterion, found), criterion.limit, found.basis)
        for criterion, found in criteria
    ]
    return Table(caption, ("Criterion", "Met", "Figure", "Healthy", "Made of"), rows)


def _answer(kind: Kind, pair: Judged) -> str:
    criterion, found = pair
    verdict = criterion.judge(found)
    if verdict is Verdict.UNKNOWN:
        return str(verdict)
    if found.value is None:
        return "nothing to judge"
    healthy, unhealthy = _WORDS[kind]
    if not criterion.is_healthy(found.value):
        return unhealthy
    return f"{healthy}, seen in part" if verdict is Verdict.WARN else healthy
