"""The HTML report of a run: the verdict first, then what it rests on, then the notebook.

One file that needs nothing else: no script, no font, no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib.archive.record import RunRecord, RunStatus
from lib.runbooks.cells import render_cells
from lib.words.pages import render


def render_report(record: RunRecord, notebook: Mapping[str, Any]) -> str:
    """The report of a run that has ended.

    Args:
        record: What became of the run.
        notebook: The notebook as far as it was executed (nbformat 4). Hostile input.

    Returns:
        A whole HTML page.
    """
    is_complete = record.status is RunStatus.COMPLETED
    cells = render_cells(notebook, with_verdicts=not is_complete)
    return render("report.html.jinja", {"run": record, "is_complete": is_complete, "cells": cells})
