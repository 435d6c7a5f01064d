"""Verdicts: what a runbook concludes, with its evidence and the next step.

A check is one question with one answer. A runbook's verdict is that of its worst
check, and a check that could not look is UNKNOWN, never PASS. The conclusion is
displayed by the last cell of a notebook as HTML for people and, under
`MEDIA_TYPE`, as data for the runner, the archive and the report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from html import escape
from typing import Any

from lib.verdict.commands import Changing, Looking
from lib.verdict.live import style
from lib.verdict.next_runbook import as_html
from lib.words.text import one_line

MEDIA_TYPE = "application/vnd.consolidation-runbooks.verdict+json"
SCHEMA_VERSION = 1


class Verdict(StrEnum):
    """From best to worst; the order of definition is the order of badness."""

    PASS = "PASS"
    WARN = "WARN"
    UNKNOWN = "UNKNOWN"
    FAIL = "FAIL"

    @property
    def badness(self) -> int:
        """0 for PASS up to 3 for FAIL."""
        return list(Verdict).index(self)


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The worst of the verdicts; nothing looked at is UNKNOWN."""
    return max(verdicts, key=lambda verdict: verdict.badness, default=Verdict.UNKNOWN)


@dataclass(frozen=True)
class Check:
    """One question, its answer, why, and what to do.

    Attributes:
        name: The question in a few words, e.g. ``Duplicates today``.
        verdict: The answer.
        summary: One line with the deciding figure, e.g. ``5 duplicate keys of 587``.
        evidence: Label to value: the figures that the verdict rests on.
        next_step: What the operator should do now; empty when nothing is to be done.
        commands: The same question asked by hand (``gcloud``, ``bq``, ``runbook``).
        changes: Commands that do something about the answer; shown apart from `commands`.

    Raises:
        TypeError: A command is in the field of the other kind, or is not text.
    """

    name: str
    verdict: Verdict
    summary: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    next_step: str = ""
    commands: Sequence[Looking] = ()
    changes: Sequence[Changing] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "commands", Looking.all_of(self.commands, "Check.commands"))
        object.__setattr__(self, "changes", Changing.all_of(self.changes, "Check.changes"))

    def as_data(self) -> dict[str, Any]:
        """JSON-ready: evidence values are rendered as text."""
        data = asdict(self)
        data["verdict"] = str(self.verdict)
        data["evidence"] = {label: str(value) for label, value in self.evidence.items()}
        data["commands"], data["changes"] = list(self.commands), list(self.changes)
        return data


@dataclass(frozen=True)
class Conclusion:
    """What a runbook found. Displaying it in a notebook records the verdict."""

    checks: tuple[Check, ...]
    headline: str

    @property
    def verdict(self) -> Verdict:
        return worst([check.verdict for check in self.checks])

    def as_data(self) -> dict[str, Any]:
        """The payload stored under `MEDIA_TYPE`."""
        return {
            "schema_version": SCHEMA_VERSION,
            "verdict": str(self.verdict),
            "headline": self.headline,
            "checks": [check.as_data() for check in self.checks],
        }

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {
            MEDIA_TYPE: self.as_data(),
            "text/html": self._repr_html_(),
            "text/plain": f"{self.verdict}: {self.headline}",
        }

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{_marked(check.verdict)}</td><td>{escape(one_line(check.name))}</td>"
            f"<td>{escape(one_line(check.summary))}</td><td>{as_html(check.next_step)}</td></tr>"
            for check in self.checks
        )
        return (
            f"{style()}<h2>{_marked(self.verdict)}: {escape(one_line(self.headline))}</h2>"
            '<table class="verdicts"><tr><th>Verdict</th><th>Check</th><th>Found</th><th>Next step</th></tr>'
            f"{rows}</table>"
        )


def _marked(verdict: Verdict) -> str:
    return f'<span class="verdict {verdict.lower()}"><b>{verdict}</b></span>'


def conclude(checks: Sequence[Check]) -> Conclusion:
    """Draw the conclusion; the headline is that of the worst check, or tells that all passed."""
    if not checks:
        return Conclusion((), "No check was made")
    ordered = sorted(checks, key=lambda check: -check.verdict.badness)
    lead = ordered[0]
    if lead.verdict is Verdict.PASS and len(checks) > 1:
        return Conclusion(tuple(checks), f"All {len(checks)} checks passed")
    return Conclusion(tuple(ordered), f"{lead.name}: {lead.summary}")
