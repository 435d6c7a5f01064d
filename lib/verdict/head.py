"""The verdict at the head of a notebook: what the steps have found so far, updated after each step.

It is about the newest run of the notebook, as its setup may be run again. In an archived run the runner writes the
result into the head (`lib.runbooks.notebook_head`), and the kernel shows nothing there.
"""

from __future__ import annotations

import re
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from lib.errors import RunbookError
from lib.verdict.conclusion import Conclusion, deciding, marked, next_step_html
from lib.verdict.head_widget import HeadWidget, head_widget
from lib.verdict.live import is_archived, style
from lib.verdict.timeline.drawing import Picture, drawn
from lib.words.nouns import counted
from lib.words.text import text_of
from lib.words.unbroken import unbroken

if TYPE_CHECKING:
    from lib.verdict.findings import Findings

CELL = "head"
# With fixed ids the head is updated wherever it is displayed, in copied cells too.
_VERDICT, _TIMELINE = "runbook-verdict", "runbook-timeline"
_NOT_YET = "The verdict will appear here once the first step has run."
_LONGEST_NEXT_STEP = 1_000
# The ids that JupyterLab and nbformat give to unnamed cells.
_RANDOM_ID = re.compile(r"[0-9a-f]{8}[0-9a-f-]*")


@dataclass(frozen=True)
class Head:
    """The head of a notebook.

    Attributes:
        conclusion: The conclusion so far; None before the first step. Hostile input, like all texts here.
        steps: Number of steps run so far; None if the conclusion is final.
        stopped: Why a cell stopped with an error; empty if none did.
        is_offered: Whether a plan below can be carried out with its form.
        at: When this was true, as a page may show a head that is no longer updated; None if it stays true.
    """

    conclusion: Conclusion | None = None
    steps: int | None = None
    stopped: str = ""
    is_offered: bool = False
    at: datetime | None = None

    def as_bundle(self) -> dict[str, Any]:
        """Return a notebook's output by media type. It does not record the verdict; the last cell does."""
        kind = " stopped" if self.stopped else f" {self.conclusion.verdict.lower()}" if self.conclusion else ""
        lines = "".join(f"<div>{line}</div>" for line in self._lines())
        html = f'{style()}<div class="on-top{kind}">{lines}</div>'
        return {"text/html": html, "text/plain": "\n".join(filter(None, (text_of(self.stopped), self._words)))}

    def _lines(self) -> Iterator[str]:
        """Lines of HTML, the most important first."""
        if self.stopped:
            yield f"<b>{escape(text_of(self.stopped))}</b>"
        found = self.conclusion
        if found is None:
            yield f'<span class="muted">{_NOT_YET}</span>'
            return
        yield f"{marked(found.verdict)}{self._so_far}: <b>{unbroken(text_of(found.headline))}</b>"
        check = deciding(found.checks)
        if check and check.next_step:
            yield f"<b>Next</b>: {_next_step(check.next_step)}"
        if self.is_offered:
            yield "Or fill in the form below the plan."
        if self.at:
            yield f'<span class="muted">as of {self.at.astimezone():%Y-%m-%d %H:%M:%S %Z}</span>'

    @property
    def _words(self) -> str:
        found = self.conclusion
        return f"{found.verdict}{self._so_far}: {text_of(found.headline)}" if found else _NOT_YET

    @property
    def _so_far(self) -> str:
        return "" if self.steps is None else f" so far, {counted(self.steps, 'step')}"


def _next_step(text: str) -> str:
    """A truncated command must not look like a command."""
    return next_step_html(text) if len(text) <= _LONGEST_NEXT_STEP else escape(text_of(text))


def timeline_bundle(html: str) -> dict[str, Any]:
    """Return the output by media type, without the timeline's data: its own step has them, and pages draw it once."""
    return {"text/html": html, "text/plain": ""}


def verdict_so_far() -> None:
    """Show here what the steps have found so far, and update it after each step.

    Does nothing outside IPython and in an archived run.
    """
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    if shell is not None and not is_archived():
        HEAD.show_in(shell)


class _LiveHead:
    """The head of this process's notebook; until it is shown, it only remembers the newest run."""

    def __init__(self) -> None:
        self._shell: Any = None
        self._newest: Callable[[], Findings | None] = lambda: None
        self._stopped: dict[str, str] = {}
        self._drawn: Picture | None = None
        self._widget: HeadWidget | None = None

    def show_in(self, shell: Any) -> None:
        """Display it in the cell that IPython's shell is running."""
        self._shell, self._drawn = shell, None
        shell.events.register("post_run_cell", self.cell_ended)
        self._widget = self._widget or head_widget()
        self._display(self._now().as_bundle(), _VERDICT, update=False)
        self._display(timeline_bundle(""), _TIMELINE, update=False)
        if self._widget:
            shell.display_pub.publish(self._widget.bundle)
        self._draw()

    def begin(self, findings: Findings) -> None:
        """Show these findings from now on, of a new run."""
        self._newest = weakref.ref(findings)
        self._stopped.clear()
        self._renew()

    def changed(self, findings: Findings) -> None:
        """Update the head, unless the findings are of an older run."""
        if findings is self._newest():
            self._renew()

    def cell_ended(self, result: Any) -> None:
        """Show a cell's error until that cell runs without one; IPython calls it as ``post_run_cell``."""
        if result is None:  # its coroutine was cancelled
            return
        # A display error fails the cell in a kernel, but IPython does not report it in the result.
        is_hidden = getattr(self._shell, "_last_traceback_during_displayhook", False)
        error = result.error_before_exec or result.error_in_exec or (sys.last_value if is_hidden else None)
        cell = result.info.cell_id or str(result.info.raw_cell)
        known = self._stopped.pop(cell, "")
        if error is not None:
            self._stopped[cell] = _in_words(error, result.info.cell_id)
        if known or error is not None:
            self._renew()

    def _now(self) -> Head:
        findings = self._newest()
        stopped = next(reversed(self._stopped.values()), "")
        if findings is None or not (findings.steps or findings.is_final):
            return Head(stopped=stopped)
        steps = None if findings.is_final else findings.steps
        return Head(findings.conclude(), steps, stopped, findings.is_offered, datetime.now(UTC))

    def _renew(self) -> None:
        if self._shell is not None:
            self._display(self._now().as_bundle(), _VERDICT, update=True)
            self._draw()

    def _draw(self) -> None:
        findings = self._newest()
        picture = findings.picture if findings else None
        if picture is not self._drawn:
            self._drawn = picture
            self._display(timeline_bundle(_drawn(picture)), _TIMELINE, update=True)
        if self._widget:
            self._widget.renew(self._now().as_bundle()["text/html"] + _drawn(picture))

    def _display(self, bundle: dict[str, Any], display_id: str, *, update: bool) -> None:
        self._shell.display_pub.publish(bundle, transient={"display_id": display_id}, update=update)


HEAD = _LiveHead()


def _drawn(picture: Picture | None) -> str:
    return drawn(picture.timeline) if picture else ""


def _in_words(error: BaseException, cell: str | None) -> str:
    """Errors of this library have messages for people."""
    if isinstance(error, RunbookError) and str(error):
        return f"Stopped: {error}"
    where = f" in {cell}" if cell and not _RANDOM_ID.fullmatch(cell) else ""
    return f"Stopped by {type(error).__name__}{where}{f': {error}' if str(error) else ''}"
