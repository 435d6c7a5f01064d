"""The guide's success and rollback criteria: data in ``params/criteria.yaml``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from lib import project
from lib.errors import UserError
from lib.operations.metrics import METRICS, Evidence, Measurement, measure
from lib.operations.section import Section
from lib.operations.tables import Table
from lib.operations.verdict import Check, Verdict

Kind = Literal["success", "rollback"]


@dataclass(frozen=True)
class Criterion:
    """One criterion.

    Attributes:
        id: Its name.
        text: The guide's words.
        metric: Which figure decides (`lib.operations.metrics`).
        healthy: How the figure stands to the threshold when all is well.
        threshold: The limit.
        unit: Of both.
        otherwise: The verdict when it does not hold.
        next_step: What to do then.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    id: str
    text: str
    metric: str
    healthy: Literal["at_most", "below"]
    threshold: float
    otherwise: Literal["WARN", "FAIL"]
    unit: str = ""
    next_step: str = ""

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise UserError(f"criterion {self.id}: there is no metric {self.metric!r}; known are {', '.join(METRICS)}")

    def judge(self, found: Measurement) -> Verdict:
        """Whether it holds; UNKNOWN without a figure."""
        if found.value is None:
            return Verdict.UNKNOWN
        holds = found.value < self.threshold or (self.healthy == "at_most" and found.value == self.threshold)
        return Verdict.PASS if holds else Verdict(self.otherwise)

    @property
    def limit(self) -> str:
        return f"{self.healthy.replace('_', ' ')} {self.threshold:g} {self.unit}".strip()


@cache
def load_criteria(path: Path = project.PARAMS / "criteria.yaml") -> dict[Kind, tuple[Criterion, ...]]:
    """The criteria by kind.

    Raises:
        UserError: The file cannot be read, or does not fit.
    """
    import yaml
    from pydantic import TypeAdapter, ValidationError

    try:
        data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return TypeAdapter(dict[Kind, tuple[Criterion, ...]]).validate_python(data)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{path}: {where}: {first['msg']}") from error


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


def evaluate(kind: Kind, evidence: Evidence) -> Section:
    """Every criterion of the kind with the figure behind it."""
    criteria = load_criteria().get(kind, ())
    judged = [(criterion, measure(criterion.metric, evidence)) for criterion in criteria]
    caption = "Success criteria" if kind == "success" else "Rollback criteria"
    rows = [
        (criterion.judge(found), criterion.text, _figure(criterion, found), criterion.limit, found.basis)
        for criterion, found in judged
    ]
    columns = ("Verdict", "Criterion", "Figure", "Healthy", "Made of")
    return Section((_criteria_check(caption, judged),), (Table(caption, columns, rows),))


def _criteria_check(name: str, judged: Sequence[tuple[Criterion, Measurement]]) -> Check:
    evidence = {
        criterion.text: f"{criterion.judge(found)}: {_figure(criterion, found)} ({found.basis})"
        for criterion, found in judged
    }
    worst = max(judged, key=lambda pair: pair[0].judge(pair[1]).badness, default=None)
    if worst is None:
        return Check(name, Verdict.UNKNOWN, "params/criteria.yaml holds none", {}, "Restore the file.")
    verdict = worst[0].judge(worst[1])
    if verdict is Verdict.PASS:
        return Check(name, verdict, f"all {len(judged)} hold", evidence)
    not_met = [criterion.text for criterion, found in judged if criterion.judge(found) is verdict]
    what = "could not be judged" if verdict is Verdict.UNKNOWN else "do not hold"
    summary = f"{len(not_met)} of {len(judged)} {what}: {'; '.join(not_met)}"
    step = worst[0].next_step if verdict is not Verdict.UNKNOWN else f"Get the figure: {worst[1].basis}."
    return Check(name, verdict, summary, evidence, step)


def _figure(criterion: Criterion, found: Measurement) -> str:
    if found.value is None:
        return "none"
    value = f"{found.value:,.0f}" if float(found.value).is_integer() else f"{found.value:,.1f}"
    return f"{value} {criterion.unit}".strip()
