"""Render the HTML report of a run: the verdict and what to do, each check with its step, then the notebook.

The page is one file that needs no font and no network. Its only script copies text, and is optional.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lib.archive.record import RunRecord, RunStatus
from lib.runbooks.next_steps import FirstScreen, Step, first_screen, steps_of
from lib.runbooks.report import INJECTED, LABELS, Cell, answered_by, render_cells, render_output
from lib.runbooks.summary import markdown_summary
from lib.verdict.check import Check
from lib.verdict.head import CELL
from lib.verdict.timeline.data import MEDIA_TYPE as TIMELINE
from lib.words.pages import inline_script, render

_FIGURE = "image/svg+xml"
# The cell of every runbook that shows its queries.
_WHAT_WAS_READ = "what-was-read"
# Cells for JupyterLab, whose content this page shows in its own way.
_ONLY_FOR_NOTEBOOKS = (CELL, "form")


@dataclass(frozen=True)
class Answer:
    """A check with the step that produced it.

    Attributes:
        anchor: Its place in the page.
        check: The check.
        steps: Its next steps, except those on the first screen.
        changes: Other changes that it offers.
        commands: Commands that repeat the check by hand, except those already shown.
        cell: Its step; None if the notebook does not name it, or if another answer shows it.
        beside: That other answer's anchor; empty if there is none.
        beside_name: That other answer's name.
    """

    anchor: str
    check: Check
    steps: tuple[Step, ...]
    changes: tuple[Step, ...]
    commands: tuple[str, ...]
    cell: Cell | None = None
    beside: str = ""
    beside_name: str = ""


def render_report(record: RunRecord, notebook: Mapping[str, Any]) -> str:
    """Return the report of an ended run.

    Args:
        record: How the run ended.
        notebook: The notebook as far as it was executed (nbformat 4). Hostile input.

    Returns:
        A complete HTML page.
    """
    is_complete = record.status is RunStatus.COMPLETED
    first = first_screen(record.checks)
    hoisted = pictures(notebook, first.check) if is_complete else []
    left_out = {*_ONLY_FOR_NOTEBOOKS} - {record.error.cell if record.error else ""}
    shown = {**notebook, "cells": [cell for cell in notebook["cells"] if cell.get("id") not in left_out]}
    cells = render_cells(shown, with_verdicts=not is_complete, shown=[output for output, _ in hoisted])
    answers = answers_of(record.checks, cells, first)
    owners = {id(answer.cell): answer for answer in answers if answer.cell}
    values = {
        "run": record,
        "is_complete": is_complete,
        "first": first,
        "pictures": [render_output(output, cell) for output, cell in hoisted],
        "open": [answer for answer in answers if answer.check.verdict != "PASS"],
        "passed": [answer for answer in answers if answer.check.verdict == "PASS"],
        "cells": [(cell, owners.get(id(cell))) for cell in cells if not (is_complete and _is_about_the_run(cell))],
        "read": [output for cell in cells if is_complete and _is_about_the_run(cell) for output in cell.outputs],
        "markdown": markdown_summary(record),
        "script": inline_script("copy.js"),
    }
    return render("report.html.jinja", values)


def pictures(notebook: Mapping[str, Any], decisive: Check | None = None) -> list[tuple[Mapping[str, Any], str]]:
    """Return the outputs shown below the checks, each with its cell's id.

    That is the timeline of the deciding step, or else the last timeline. Without any timeline, it is the last figure
    of the deciding step, or else the first figure.
    """
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    of_decisive = [cell for cell in cells if decisive and decisive.id in answered_by(cell)]
    for kind, order in ((TIMELINE, [*cells, *of_decisive][::-1]), (_FIGURE, [*of_decisive[::-1], *cells])):
        for cell in order:
            for output in cell["outputs"]:
                if kind in output.get("data", {}):
                    return [(output, cell.get("id", ""))]
    return []


def _is_about_the_run(cell: Cell) -> bool:
    return cell.id == _WHAT_WAS_READ or cell.label == LABELS[INJECTED]


def answers_of(checks: Iterable[Check], cells: Sequence[Cell], first: FirstScreen) -> list[Answer]:
    """Return each check with the last cell that answers its question.

    If one cell answers several questions, the first of them shows it.

    Args:
        checks: Worst first.
        cells: The rendered notebook.
        first: What the first screen shows.
    """
    last = {question: cell for cell in cells for question in cell.answered}
    owners: dict[int, Answer] = {}
    answers = []
    for number, check in enumerate(checks):
        cell = last.get(check.id)
        owner = owners.get(id(cell))
        steps = tuple(step for step in steps_of(check) if not first.shows(step))
        named = {step.command for step in (first.look, *first.changes, *steps) if step}
        changes = tuple(Step("", change, changes=True) for change in check.changes if change not in named)
        commands = tuple(command for command in check.commands if command not in named)
        beside = (None, owner.anchor, owner.check.name) if owner else (cell,)
        answer = Answer(f"check-{number}", check, steps, changes, commands, *beside)
        answers.append(answer)
        if cell and not owner:
            owners[id(cell)] = answer
    return answers
