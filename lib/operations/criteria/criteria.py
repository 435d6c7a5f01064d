"""The success and rollback criteria: data, in the file that an environment names, or in the shipped one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lib import places
from lib.errors import UserError
from lib.operations.criteria.metrics import METRICS, Evidence, Measurement, measure
from lib.settings_file import load_settings
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, section
from lib.verdict.verdict import Verdict, worst
from lib.words.quantities import Quantity, Value

if TYPE_CHECKING:
    from lib.environment import Environment
    from lib.operations.scope import Scope


Kind = Literal["success", "rollback"]

# A success criterion that fails does not hold; a rollback criterion that fails is met. One, and more.
_MET: Mapping[Kind, tuple[str, str]] = {"success": ("does not hold", "do not hold"), "rollback": ("is met", "are met")}
_QUESTIONS: Mapping[Kind, Question] = {
    "success": Question(
        "success_criteria",
        "Success criteria",
        affects="what was deployed: it is not known to be good",
        can_wait="as long as no rollback criterion is met",
    ),
    "rollback": Question(
        "rollback_criteria",
        "Rollback criteria",
        affects="each consolidation by what is deployed now",
        can_wait="no longer than it takes to see whether a rollback helps",
    ),
}


@dataclass(frozen=True)
class Criterion:
    """One criterion.

    Attributes:
        id: Its name.
        text: What has to hold, or must not happen.
        metric: Which figure decides (`lib.operations.criteria.metrics`).
        healthy: How the figure stands to the threshold when all is well.
        threshold: The limit.
        unit: Of both.
        otherwise: The verdict when it does not hold.
        next_step: What to do then.
        remedy: Which option of a rollback helps against it: ``lock`` off, or ``traffic``
            to another revision; empty for what is not a reason to roll back.
    """

    __pydantic_config__ = {"extra": "forbid", "allow_inf_nan": False}  # noqa: RUF012

    id: str
    text: str
    metric: str
    healthy: Literal["at_most", "below"]
    threshold: float
    otherwise: Literal["WARN", "FAIL"]
    unit: str = ""
    next_step: str = ""
    remedy: Literal["", "lock", "traffic"] = ""

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise UserError(f"criterion {self.id}: there is no metric {self.metric!r}; known are {', '.join(METRICS)}")

    def judge(self, found: Measurement) -> Verdict:
        """PASS when the figure is healthy, WARN when a part of it is missing; UNKNOWN without one.

        A figure that nobody could expect is no reason for doubt.
        """
        if found.value is None:
            return Verdict.PASS if found.is_moot else Verdict.UNKNOWN
        if not self.is_healthy(found.value):
            return Verdict(self.otherwise)
        return Verdict.WARN if found.is_partial else Verdict.PASS

    def is_healthy(self, value: float) -> bool:
        return value < self.threshold or (self.healthy == "at_most" and value == self.threshold)

    @property
    def limit(self) -> str:
        return f"{self.healthy.replace('_', ' ')} {self.threshold:g} {self.unit}".strip()


Judged = tuple[Criterion, Measurement]


def load_criteria(environment: Environment) -> dict[Kind, tuple[Criterion, ...]]:
    """The criteria of an environment by kind; where it names none, those that hold for any pipeline.

    Raises:
        UserError: The file cannot be read, or does not fit.
    """
    return _load_criteria(_file_of(environment))


def _file_of(environment: Environment) -> Path:
    return environment.params_file("criteria") or places.shipped() / "params" / "criteria.yaml"


@cache
def _load_criteria(path: Path) -> dict[Kind, tuple[Criterion, ...]]:
    criteria: dict[Kind, tuple[Criterion, ...]] = load_settings(path, dict[Kind, tuple[Criterion, ...]])
    return criteria


def threshold(environment: Environment, criterion_id: str) -> float:
    """The limit of a criterion, for the steps that judge single consolidations by it.

    Raises:
        UserError: The file holds no such criterion.
    """
    for criteria in load_criteria(environment).values():
        for criterion in criteria:
            if criterion.id == criterion_id:
                return criterion.threshold
    raise UserError(f"{_file_of(environment)} has no criterion {criterion_id}; restore it")


def judged(kind: Kind, evidence: Evidence) -> list[Judged]:
    """Every criterion of the kind with the figure behind it."""
    criteria = load_criteria(evidence.history.platform.environment).get(kind, ())
    return [(criterion, measure(criterion.metric, evidence)) for criterion in criteria]


@section(
    Question(
        "criteria",
        "Criteria",
        affects="what was deployed: it is not known to be good",
        can_wait="as long as no rollback criterion is met",
    )
)
def evaluate(scope: Scope, kind: Kind) -> Section:
    """The criteria of the kind as one check, and each with its verdict."""
    criteria, question = judged(kind, scope.evidence), _QUESTIONS[kind]
    rows = [
        (criterion.judge(found), criterion.text, figure(criterion, found), criterion.limit, found.basis)
        for criterion, found in criteria
    ]
    columns = ("Verdict", "Criterion", "Figure", "Healthy", "Made of")
    return Section((_criteria_check(kind, question, criteria),), (Table(question.name, columns, rows),))


def _criteria_check(kind: Kind, question: Question, criteria: Sequence[Judged]) -> Check:
    if not criteria:
        return question.unknown("the file of criteria holds none", "Restore it: criteria: in the environment names it.")
    question = question.on(evidence_of(criteria))
    verdict = worst([criterion.judge(found) for criterion, found in criteria])
    if verdict is Verdict.PASS:
        return question.passes(f"none of {len(criteria)} is met" if kind == "rollback" else f"all {len(criteria)} hold")
    decisive = [(criterion, found) for criterion, found in criteria if criterion.judge(found) is verdict]
    if verdict is Verdict.UNKNOWN:
        summary = _counted(decisive, criteria, "could not be judged")
        return question.unknown(summary, f"Get the figure: {decisive[0][1].basis}.")
    unhealthy = [pair for pair in decisive if pair[1].value is not None and not pair[0].is_healthy(pair[1].value)]
    if unhealthy:
        summary = _counted(unhealthy, criteria, _MET[kind][len(unhealthy) > 1])
        return question.answer(verdict, summary, unhealthy[0][0].next_step)
    summary = _counted(decisive, criteria, "can be judged in part only", with_basis=True)
    return question.answer(verdict, summary, decisive[0][0].next_step)


def _counted(decisive: Sequence[Judged], criteria: Sequence[Judged], what: str, *, with_basis: bool = False) -> str:
    """``1 of 4 is met: <the criterion>``."""
    texts = [f"{criterion.text} ({found.basis})" if with_basis else criterion.text for criterion, found in decisive]
    return f"{len(decisive)} of {len(criteria)} {what}: {'; '.join(texts)}"


def figure(criterion: Criterion, found: Measurement) -> Quantity | str:
    """``0 duplicate keys``; ``none`` when it could not be had."""
    return "none" if found.value is None else Quantity(found.value, criterion.unit)


def evidence_of(criteria: Sequence[Judged]) -> dict[str, Value]:
    """The figure of each criterion, by its text; where there is none or only part of one, what it was made of."""
    evidence: dict[str, Value] = {}
    for criterion, found in criteria:
        evidence[criterion.text] = found.basis if found.value is None else figure(criterion, found)
        if found.value is not None and found.is_partial:
            evidence[f"{criterion.text}, made of"] = found.basis
    return evidence
