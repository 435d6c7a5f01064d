"""The guide's success and rollback criteria: data in ``params/criteria.yaml``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from lib import places
from lib.errors import UserError
from lib.operations.criteria.metrics import METRICS, Evidence, Measurement, measure
from lib.settings_file import load_settings
from lib.verdict.check import Check
from lib.verdict.section import Section
from lib.verdict.table import Table
from lib.verdict.verdict import Verdict, worst

Kind = Literal["success", "rollback"]

# A success criterion that fails does not hold; a rollback criterion that fails is met. One, and more.
_MET: Mapping[Kind, tuple[str, str]] = {"success": ("does not hold", "do not hold"), "rollback": ("is met", "are met")}


@dataclass(frozen=True)
class Criterion:
    """One criterion.

    Attributes:
        id: Its name.
        text: The guide's words.
        metric: Which figure decides (`lib.operations.criteria.metrics`).
        healthy: How the figure stands to the threshold when all is well.
        threshold: The limit.
        unit: Of both.
        otherwise: The verdict when it does not hold.
        next_step: What to do then.
        remedy: Which option of a rollback helps against it: ``lock`` off, or ``traffic``
            to another revision; empty for what is no reason to roll back.
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


@cache
def load_criteria(path: Path = places.PARAMS / "criteria.yaml") -> dict[Kind, tuple[Criterion, ...]]:
    """The criteria by kind.

    Raises:
        UserError: The file cannot be read, or does not fit.
    """
    criteria: dict[Kind, tuple[Criterion, ...]] = load_settings(path, dict[Kind, tuple[Criterion, ...]])
    return criteria


def threshold(criterion_id: str) -> float:
    """The limit of a criterion, for the steps that judge single consolidations by it.

    Raises:
        UserError: The file holds no such criterion.
    """
    for criteria in load_criteria().values():
        for criterion in criteria:
            if criterion.id == criterion_id:
                return criterion.threshold
    raise UserError(f"params/criteria.yaml has no criterion {criterion_id}; restore it")


def judged(kind: Kind, evidence: Evidence) -> list[Judged]:
    """Every criterion of the kind with the figure behind it."""
    return [(criterion, measure(criterion.metric, evidence)) for criterion in load_criteria().get(kind, ())]


def evaluate(kind: Kind, evidence: Evidence) -> Section:
    """The criteria of the kind as one check, and each with its verdict."""
    criteria = judged(kind, evidence)
    caption = "Success criteria" if kind == "success" else "Rollback criteria"
    rows = [
        (criterion.judge(found), criterion.text, figure(criterion, found), criterion.limit, found.basis)
        for criterion, found in criteria
    ]
    columns = ("Verdict", "Criterion", "Figure", "Healthy", "Made of")
    return Section((_criteria_check(kind, caption, criteria),), (Table(caption, columns, rows),))


def _criteria_check(kind: Kind, name: str, criteria: Sequence[Judged]) -> Check:
    evidence = {
        criterion.text: f"{criterion.judge(found)}: {figure(criterion, found)} ({found.basis})"
        for criterion, found in criteria
    }
    if not criteria:
        return Check(name, Verdict.UNKNOWN, "params/criteria.yaml holds none", {}, "Restore the file.")
    verdict = worst([criterion.judge(found) for criterion, found in criteria])
    if verdict is Verdict.PASS:
        all_well = f"none of {len(criteria)} is met" if kind == "rollback" else f"all {len(criteria)} hold"
        return Check(name, verdict, all_well, evidence)
    told = [(criterion, found) for criterion, found in criteria if criterion.judge(found) is verdict]
    if verdict is Verdict.UNKNOWN:
        step = f"Get the figure: {told[0][1].basis}."
        return Check(name, verdict, _counted(told, criteria, "could not be judged"), evidence, step)
    unhealthy = [pair for pair in told if pair[1].value is not None and not pair[0].is_healthy(pair[1].value)]
    if not unhealthy:
        what = "can be judged in part only"
        return Check(name, verdict, _counted(told, criteria, what, with_basis=True), evidence, told[0][0].next_step)
    what = _MET[kind][len(unhealthy) > 1]
    return Check(name, verdict, _counted(unhealthy, criteria, what), evidence, unhealthy[0][0].next_step)


def _counted(told: Sequence[Judged], criteria: Sequence[Judged], what: str, *, with_basis: bool = False) -> str:
    """``1 of 4 is met: <the criterion>``."""
    texts = [f"{criterion.text} ({found.basis})" if with_basis else criterion.text for criterion, found in told]
    return f"{len(told)} of {len(criteria)} {what}: {'; '.join(texts)}"


def figure(criterion: Criterion, found: Measurement) -> str:
    """``0 duplicate keys``; ``none`` when it could not be had."""
    if found.value is None:
        return "none"
    value = f"{found.value:,.0f}" if float(found.value).is_integer() else f"{found.value:,.1f}"
    return f"{value} {criterion.unit}".strip()
