"""The success and rollback criteria. They are data: the file that the environment names, or else the shipped one."""

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

# What an unhealthy figure means for each kind, in the singular and the plural.
_MET: Mapping[Kind, tuple[str, str]] = {"success": ("is not met", "are not met"), "rollback": ("is met", "are met")}
_QUESTIONS: Mapping[Kind, Question] = {
    "success": Question(
        "success_criteria",
        "Success criteria",
        affects="the deployed revision: not known to be good",
        can_wait="as long as no rollback criterion is met",
    ),
    "rollback": Question(
        "rollback_criteria",
        "Rollback criteria",
        affects="every consolidation by the deployed revision",
        can_wait="only until you know whether a rollback helps",
    ),
}


@dataclass(frozen=True)
class Criterion:
    """A criterion: a metric compared with a threshold.

    Attributes:
        id: Its name.
        text: What must be true (success) or what must not happen (rollback).
        metric: The metric's name in `lib.operations.criteria.metrics`.
        healthy: How a healthy figure compares with the threshold.
        threshold: The limit.
        unit: The unit of the figure and the threshold.
        otherwise: The verdict when the figure is unhealthy.
        next_step: What to do then.
        remedy: The rollback option that helps: ``lock`` off, or ``traffic`` to another revision; empty when it is
            not a reason to roll back.
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
            raise UserError(f"criterion {self.id}: unknown metric {self.metric!r}; choose one of {', '.join(METRICS)}")

    def judge(self, found: Measurement) -> Verdict:
        """Return PASS for a healthy figure, WARN for a partial one, UNKNOWN for none.

        No figure is still PASS when none was expected.
        """
        if found.value is None:
            return Verdict.PASS if found.is_moot else Verdict.UNKNOWN
        if not self.is_healthy(found.value):
            return Verdict(self.otherwise)
        return Verdict.WARN if found.is_partial else Verdict.PASS

    def is_healthy(self, value: float) -> bool:
        """Return whether a figure is within the limit."""
        return value < self.threshold or (self.healthy == "at_most" and value == self.threshold)

    @property
    def limit(self) -> str:
        unit = self.unit if self.unit == "%" else f" {self.unit}"
        return f"{self.healthy.replace('_', ' ')} {self.threshold:g}{unit}".rstrip()


Judged = tuple[Criterion, Measurement]


def load_criteria(environment: Environment) -> dict[Kind, tuple[Criterion, ...]]:
    """Return the criteria of an environment by kind; the shipped ones, which suit any pipeline, if it names no file.

    Raises:
        UserError: The file cannot be read, or is not valid.
    """
    return _load_criteria(_file_of(environment))


def _file_of(environment: Environment) -> Path:
    return environment.params_file("criteria") or places.shipped() / "params" / "criteria.yaml"


@cache
def _load_criteria(path: Path) -> dict[Kind, tuple[Criterion, ...]]:
    criteria: dict[Kind, tuple[Criterion, ...]] = load_settings(path, dict[Kind, tuple[Criterion, ...]])
    return criteria


def threshold(environment: Environment, criterion_id: str) -> float:
    """Return the limit of a criterion, for steps that judge single consolidations by it.

    Raises:
        UserError: The file has no such criterion.
    """
    for criteria in load_criteria(environment).values():
        for criterion in criteria:
            if criterion.id == criterion_id:
                return criterion.threshold
    raise UserError(f"{_file_of(environment)} has no criterion {criterion_id}; restore it")


def judged(kind: Kind, evidence: Evidence) -> list[Judged]:
    """Return every criterion of the kind with its measurement."""
    criteria = load_criteria(evidence.history.platform.environment).get(kind, ())
    return [(criterion, measure(criterion.metric, evidence)) for criterion in criteria]


@section(
    Question(
        "criteria",
        "Criteria",
        affects="the deployed revision: not known to be good",
        can_wait="as long as no rollback criterion is met",
    )
)
def evaluate(scope: Scope, kind: Kind) -> Section:
    """Judge all criteria of the kind in one check, and list each with its verdict."""
    criteria, question = judged(kind, scope.evidence), _QUESTIONS[kind]
    rows = [
        (criterion.judge(found), criterion.text, figure(criterion, found), criterion.limit, found.basis)
        for criterion, found in criteria
    ]
    columns = ("Verdict", "Criterion", "Figure", "Healthy", "Based on")
    return Section((_criteria_check(kind, question, criteria),), (Table(question.name, columns, rows),))


def _criteria_check(kind: Kind, question: Question, criteria: Sequence[Judged]) -> Check:
    if not criteria:
        return question.unknown(
            f"no {kind} criteria are defined", "Add them to the file that criteria: in the environment names."
        )
    question = question.on(evidence_of(criteria))
    verdict = worst([criterion.judge(found) for criterion, found in criteria])
    if verdict is Verdict.PASS:
        summary = f"none of {len(criteria)} is met" if kind == "rollback" else f"all {len(criteria)} are met"
        return question.passes(summary)
    decisive = [(criterion, found) for criterion, found in criteria if criterion.judge(found) is verdict]
    if verdict is Verdict.UNKNOWN:
        summary = _counted(decisive, criteria, "could not be judged")
        return question.unknown(summary, f"Get the figure: {decisive[0][1].basis}.")
    unhealthy = [pair for pair in decisive if pair[1].value is not None and not pair[0].is_healthy(pair[1].value)]
    if unhealthy:
        summary = _counted(unhealthy, criteria, _MET[kind][len(unhealthy) > 1])
        return question.answer(verdict, summary, unhealthy[0][0].next_step)
    summary = _counted(decisive, criteria, "could be judged only in part", with_basis=True)
    return question.answer(verdict, summary, decisive[0][0].next_step)


def _counted(decisive: Sequence[Judged], criteria: Sequence[Judged], what: str, *, with_basis: bool = False) -> str:
    """``1 of 4 is met: <the criterion>``."""
    texts = [f"{criterion.text} ({found.basis})" if with_basis else criterion.text for criterion, found in decisive]
    return f"{len(decisive)} of {len(criteria)} {what}: {'; '.join(texts)}"


def figure(criterion: Criterion, found: Measurement) -> Quantity | str:
    """Return the figure with its unit, such as ``0 duplicate keys``; ``none`` if there is no figure."""
    return "none" if found.value is None else Quantity(found.value, criterion.unit)


def evidence_of(criteria: Sequence[Judged]) -> dict[str, Value]:
    """Return the figure of each criterion by its text, with its basis where the figure is missing or partial."""
    evidence: dict[str, Value] = {}
    for criterion, found in criteria:
        evidence[criterion.text] = found.basis if found.value is None else figure(criterion, found)
        if found.value is not None and found.is_partial:
            evidence[f"{criterion.text}, based on"] = found.basis
    return evidence
