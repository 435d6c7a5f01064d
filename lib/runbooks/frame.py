"""Create a new runbook: its notebook and the file of its first step."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from lib import places
from lib.errors import UserError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}", re.ASCII)

_STEP = '''"""{title}"""

from __future__ import annotations

from lib.operations.scope import Scope
from lib.verdict.check import Question
from lib.verdict.section import Section, section

# Never change the id: runs are compared by it.
FIRST = Question("{id}", "{title}")


@section(FIRST)
def first_step(scope: Scope) -> Section:
    """Check one thing, and answer the question with the figure that decides."""
    platform = scope.platform
    question = FIRST.on({{platform.environment.nouns.date: scope.day}}, [platform.commands.run("{name}")])
    return Section((question.unknown("this step has not been written yet", "Write it: lib/operations/{name}.py"),))
'''

_PARAMETERS = """\
environment: str = "local"  # name of a file in params/environments
date: str = "today"  # date to check: YYYY-MM-DD, today or yesterday
hours: float = 24  # how far back logs are read, in hours
timezone: str = ""  # time zone that defines a day, such as Europe/Berlin; empty: the environment's"""

_HEAD = """\
from lib.verdict.head import verdict_so_far

verdict_so_far()"""

# People look at what these cells show, not at their code.
_FOLDED = {"jupyter": {"source_hidden": True}}
_FORM = """\
from lib.workbench.form import form

form()"""

_SETUP = """\
from lib.operations.scope import scope_of
from lib.platform import connect

scope = scope_of(connect(environment), date=date, hours=hours, timezone=timezone)
scope"""

_READ = """\
from lib.operations.scope import what_was_read

what_was_read(scope)"""


def write_frame(name: str, title: str) -> tuple[Path, Path]:
    """Write the notebook and its first step, which is UNKNOWN until someone writes it.

    Args:
        name: The runbook's name.
        title: The question that it answers, used as its heading.

    Returns:
        The notebook's file and the step's file.

    Raises:
        UserError: The name or the title is not usable, or the name is taken; nothing was written.
    """
    if not _NAME.fullmatch(name):
        raise UserError(f"{name!r:.80} is not a valid runbook name; use lower-case letters, digits and underscores")
    if not title.isprintable() or not title.strip() or set(title) & set('"\\'):
        raise UserError(f"--title {title!r:.80} must be one line of text without quotes and backslashes")
    rooms = places.ROOT / "lib" / "operations"
    if not places.is_checkout():
        raise UserError(f"{places.ROOT} is not a checkout; `runbook new` writes steps to lib/operations of a checkout")
    files = (places.notebooks()[0] / f"{name}.ipynb", rooms / f"{name}.py")
    for path in (*files, rooms / name):
        if path.exists():
            raise UserError(f"{path} already exists; choose another name")
    for path, text in zip(files, (json.dumps(notebook(name, title), indent=1) + "\n", step(name, title)), strict=True):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return files


def step(name: str, title: str) -> str:
    """Return the Python source of the first step."""
    question = re.sub(r"[^a-z]+", "_", name).strip("_") or "first_step"
    return _STEP.format(name=name, title=title.strip(), id=question)


def notebook(name: str, title: str) -> dict[str, Any]:
    """Return the notebook (nbformat 4), in the form described in CONTRIBUTING.md."""
    cells = [
        _prose(
            "title",
            f"# {title.strip()}\n\nSay in one sentence what it checks.\n\n**Run it** when. **It changes nothing.**",
        ),
        {**_code("head", _HEAD), "metadata": _FOLDED},
        _prose("parameters-help", "## Parameters\n\nThe defaults change nothing."),
        {**_code("parameters", _PARAMETERS), "metadata": {"tags": ["parameters"]}},
        {**_code("form", _FORM), "metadata": _FOLDED},
        _prose("setup-how", "## What this run does\n\nAn invalid parameter ends the run here."),
        _code("setup", _SETUP),
        _prose("step-1-how", "## Step 1\n\nSay what the step checks, and what a bad answer means."),
        _code("step-1", f"from lib.operations.{name} import first_step\n\nfirst_step(scope)"),
        _prose("what-was-read-how", "## What this run read\n\nOn BigQuery, each query's cost is estimated first."),
        _code("what-was-read", _READ),
        _prose("verdict-how", "## Verdict\n\nThe worst answer of the steps above."),
        _code("verdict", "scope.verdict()"),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _prose(cell_id: str, text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": cell_id, "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(cell_id: str, text: str) -> dict[str, Any]:
    return {**_prose(cell_id, text), "cell_type": "code", "execution_count": None, "outputs": []}
