"""The conclusion of a runbook: the verdict of its worst check.

The last cell of a notebook displays it as HTML and, under `MEDIA_TYPE`, as data for the runner, the archive and the
report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any
from urllib.parse import quote

from lib.verdict.check import Check
from lib.verdict.live import is_live, style
from lib.verdict.next_notebook import notebook_with_parameters
from lib.verdict.verdict import Verdict, worst
from lib.words.brief import brief
from lib.words.nouns import counted
from lib.words.quantities import spoken_bytes
from lib.words.runbook_commands import NextRunbook, parts_of
from lib.words.text import one_line

MEDIA_TYPE = "application/vnd.consolidation-runbooks.verdict+json"
SCHEMA_VERSION = 2


@dataclass(frozen=True)
class RunCost:
    """What a run cost the warehouse.

    Attributes:
        queries: Number of queries, including refused and failed ones.
        read_bytes: The bytes that they read; None if reading is not billed.
    """

    queries: int
    read_bytes: int | None = None

    def __str__(self) -> str:
        read = "" if self.read_bytes is None else f", {spoken_bytes(self.read_bytes)}"
        return f"{counted(self.queries, 'query')}{read}"


@dataclass(frozen=True)
class Conclusion:
    """What a runbook found. Displaying it in a notebook records the verdict.

    Attributes:
        checks: Worst first.
        headline: One line.
        cost: What the run cost; None if it was not counted.
    """

    checks: tuple[Check, ...]
    headline: str
    cost: RunCost | None = None

    __repr__ = brief("verdict", "headline")

    @property
    def verdict(self) -> Verdict:
        return worst([check.verdict for check in self.checks])

    def as_data(self) -> dict[str, Any]:
        """Return the payload stored under `MEDIA_TYPE`."""
        return {
            "schema_version": SCHEMA_VERSION,
            "verdict": str(self.verdict),
            "headline": self.headline,
            "checks": [check.as_data() for check in self.checks],
            "cost": asdict(self.cost) if self.cost else None,
        }

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {
            MEDIA_TYPE: self.as_data(),
            "text/html": self._repr_html_(),
            "text/plain": f"{self.verdict}: {self.headline}",
        }

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{marked(check.verdict)}</td><td>{escape(one_line(check.name))}</td>"
            f"<td>{escape(one_line(check.summary))}</td><td>{next_step_html(check.next_step)}</td></tr>"
            for check in self.checks
        )
        return (
            f"{style()}<h2>{marked(self.verdict)}: {escape(one_line(self.headline))}</h2>"
            '<table class="verdicts"><tr><th>Verdict</th><th>Check</th><th>Found</th><th>Next step</th></tr>'
            f"{rows}</table>"
        )


def marked(verdict: Verdict) -> str:
    """Return the verdict as HTML; it is coloured in JupyterLab."""
    return f'<span class="verdict {verdict.lower()}"><b>{verdict}</b></span>'


def conclude(checks: Sequence[Check], lead: Check | None = None) -> Conclusion:
    """Draw the conclusion. Its headline is the worst check, or the number of checks if all passed.

    Args:
        checks: The answers.
        lead: The check that comes first among equals, and is the headline if all passed; may be None.
    """
    if not checks:
        return Conclusion((), "No checks were made")
    ordered = sorted(checks, key=lambda check: (-check.verdict.badness, check is not lead))
    first = ordered[0]
    if first.verdict is Verdict.PASS and lead is None and len(checks) > 1:
        return Conclusion(tuple(ordered), f"All {len(checks)} checks passed")
    return Conclusion(tuple(ordered), f"{first.name}: {first.summary}")


def deciding(checks: Sequence[Check]) -> Check | None:
    """Return the check whose next step to take: the worst, or the first that names a command if all passed.

    Args:
        checks: Worst first.
    """
    return next((check for check in checks if check.verdict != Verdict.PASS or _names_command(check)), None)


def _names_command(check: Check) -> bool:
    is_of_runbook = any(isinstance(part, NextRunbook) for part in parts_of(check.next_step))
    return is_of_runbook or any(command in check.next_step for command in (*check.commands, *check.changes))


def next_step_html(text: str) -> str:
    """Return the sentence as HTML with its commands marked and, in JupyterLab, a link to each runbook in it.

    In a working copy the link opens the runbook with its parameters. Elsewhere a link cannot carry parameters, so the
    lines for its parameters cell follow the link.
    """
    parts = [part for part in parts_of(text) if part]
    sentence = "".join(
        f"<code>{escape(one_line(part.command))}</code>"
        if isinstance(part, NextRunbook)
        else escape(_within_sentence(part))
        for part in parts
    )
    ways = "".join(_way_to(part) for part in parts if isinstance(part, NextRunbook)) if is_live() else ""
    return sentence + ways


def _way_to(following: NextRunbook) -> str:
    carried = notebook_with_parameters(following)
    if carried is None:
        return ""
    if carried:
        return f'<br>Or open <a href="{escape(quote(carried))}">{escape(carried.removesuffix(".ipynb"))}</a>.'
    link = f'<a href="{following.notebook}">{following.notebook}</a>'
    if not following.parameters:
        return f"<br>Or open {link}."
    assignments = escape("\n".join(map(one_line, following.parameters)))
    return f"<br>Or open {link} and paste this below its parameters:<pre>{assignments}</pre>"


def _within_sentence(text: str) -> str:
    """One line, which keeps the spaces around it."""
    return " " * text[:1].isspace() + one_line(text) + " " * text[-1:].isspace()
