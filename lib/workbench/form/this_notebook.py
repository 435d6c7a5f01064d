"""The kernel's notebook: its runbook, and which of its parameters request a change."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.runbooks.parameters import APPROVALS
from lib.verdict.live import SESSION_VARIABLE
from lib.workbench.form.declared import syntax_tree
from lib.workbench.lab.working_copy import from_bytes, runbook_of

_END_OF_NAME = re.compile(r"[\s.]")


@dataclass(frozen=True)
class ThisNotebook:
    """The kernel's notebook, as last saved.

    Attributes:
        runbook: The name of its runbook.
        sources: Sources of its code cells; empty if the file cannot be read.
    """

    runbook: str
    sources: tuple[str, ...]

    def asking_for_changes(self, names: Iterable[str]) -> frozenset[str]:
        """Return the names that a call takes together with the approval of a change: they define the change."""
        calls = [
            node for tree in map(syntax_tree, self.sources) for node in ast.walk(tree) if isinstance(node, ast.Call)
        ]
        handed_on = [_names(call) for call in calls]
        return frozenset(names) & frozenset().union(*(found for found in handed_on if found.issuperset(APPROVALS)))


def this_notebook() -> ThisNotebook:
    """Return the kernel's notebook; if it was renamed since the kernel started, under its old name."""
    path = Path(os.environ.get(SESSION_VARIABLE, ""))
    name = _END_OF_NAME.split(path.name)[0]
    try:
        notebook = from_bytes(path.read_bytes())
    except (OSError, ValueError):
        return ThisNotebook(name, ())
    sources = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return ThisNotebook(runbook_of(notebook) or name, tuple(sources))


def _names(call: ast.Call) -> frozenset[str]:
    values: list[Any] = [*call.args, *(keyword.value for keyword in call.keywords)]
    return frozenset(value.id for value in values if isinstance(value, ast.Name))
