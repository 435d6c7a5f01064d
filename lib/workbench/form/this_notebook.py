"""The notebook of this kernel: which runbook it is, and which of its parameters ask for a change."""

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
    """The notebook of this kernel, as its file was last saved.

    Attributes:
        runbook: The name of the runbook that it is, or is a copy of.
        sources: Of its code cells; none: the file is not where it was.
    """

    runbook: str
    sources: tuple[str, ...]

    def asking_for_changes(self, names: Iterable[str]) -> frozenset[str]:
        """Those that are handed on together with what approves a change: they name what is changed."""
        calls = [
            node for tree in map(syntax_tree, self.sources) for node in ast.walk(tree) if isinstance(node, ast.Call)
        ]
        handed_on = [_names(call) for call in calls]
        return frozenset(names) & frozenset().union(*(found for found in handed_on if found.issuperset(APPROVALS)))


def this_notebook() -> ThisNotebook:
    """The notebook of this kernel. It may have been renamed since the kernel began: then its name is that of before."""
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
