"""The HTML report of a run: the verdict first, then what it rests on, then the notebook's cells.

One file that needs nothing else: no script, no font, no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lib.archive.record import RunRecord, RunStatus
from lib.runbooks.markup import markdown, shortening
from lib.runbooks.outputs import render_outputs
from lib.words.pages import render
from lib.words.terminal_text import without_escapes
from lib.words.text import printable

if TYPE_CHECKING:
    from markupsafe import Markup

_MAX_TRACEBACK = 50_000
_LABELS = {"parameters": "Parameters and their defaults", "injected-parameters": "Parameters of this run"}
# papermill marks the cell that failed with banners of its own; the report has a better one.
_BANNER = "papermill-error-cell-tag"


@dataclass(frozen=True)
class Failure:
    """The error that a cell ended with."""

    name: str
    message: str
    traceback: str


@dataclass(frozen=True)
class Cell:
    """One cell, ready for the template.

    Attributes:
        prose: HTML of a markdown cell; None for code.
        code: Highlighted source; None for prose.
        label: What kind of code it is.
        was_run: False for code that the run did not reach.
        outputs: HTML of each output but an error.
    """

    id: str
    prose: Markup | None = None
    code: Markup | None = None
    label: str = "Code"
    was_run: bool = True
    outputs: tuple[Markup, ...] = ()
    failure: Failure | None = None


def render_report(record: RunRecord, notebook: Mapping[str, Any]) -> str:
    """The report of a run that has ended.

    Args:
        record: How the run ended.
        notebook: The notebook as far as it was executed (nbformat 4). Hostile input.

    Returns:
        A whole HTML page.
    """
    is_complete = record.status is RunStatus.COMPLETED
    cells = render_cells(notebook, with_verdicts=not is_complete)
    return render("report.html.jinja", {"run": record, "is_complete": is_complete, "cells": cells})


def render_cells(notebook: Mapping[str, Any], *, with_verdicts: bool) -> list[Cell]:
    """Every cell that has something to show, as safe HTML; verdicts are left out where they are shown elsewhere."""
    cells = (cell for cell in notebook["cells"] if _BANNER not in cell["metadata"].get("tags", []))
    return [_render(cell, with_verdicts) for cell in cells if cell["source"].strip()]


def _render(cell: Mapping[str, Any], with_verdicts: bool) -> Cell:
    if cell["cell_type"] != "code":
        return Cell(cell.get("id", ""), prose=markdown(cell["source"], cell.get("attachments")))
    tags = cell["metadata"].get("tags", [])
    return Cell(
        cell.get("id", ""),
        code=_highlighted(cell["source"]),
        label=next((_LABELS[tag] for tag in tags if tag in _LABELS), "Code"),
        was_run=bool(cell["metadata"].get("papermill", {}).get("start_time")),
        outputs=tuple(render_outputs(cell, with_verdicts=with_verdicts)),
        failure=next((_failure(output) for output in cell["outputs"] if output["output_type"] == "error"), None),
    )


def _failure(output: Mapping[str, Any]) -> Failure:
    message, traceback = without_escapes(output["evalue"]), without_escapes("\n".join(output.get("traceback", [])))
    return Failure(output["ename"], _shortened(message, 2_000), _shortened(traceback, _MAX_TRACEBACK))


def _highlighted(source: str) -> Markup:
    from markupsafe import Markup
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return Markup(highlight(printable(source), PythonLexer(), HtmlFormatter(nowrap=True)))  # noqa: S704 - pygments escapes


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}\n{shortening(len(text), limit)}"
