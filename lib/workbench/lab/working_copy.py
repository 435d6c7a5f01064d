"""A working copy of a notebook: its cells without outputs, its parameters set, and a mark of what was written.

JupyterLab keeps the mark when it saves the notebook, so it shows later whether a person has changed a source.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from lib.errors import UserError
from lib.runbooks.catalogue import Runbook
from lib.runbooks.parameters import declared_parameters, resolve_values
from lib.words.runbook_commands import text_literal

# Key in the notebook's metadata: its runbook, and a digest of its cells as written.
MARKS = "consolidation_runbooks"
_WRITTEN = "written"

Notebook = dict[str, Any]


def working_copy(runbook: Runbook, values: Mapping[str, object]) -> Notebook:
    """Return the runbook's notebook with these values in its parameters cell.

    Args:
        runbook: The runbook.
        values: Values by name, as text or typed; the others keep their defaults.

    Raises:
        UserError: The original cannot be read, or a value is invalid.
    """
    notebook = deepcopy(runbook.notebook())
    typed = resolve_values(runbook.parameters, values)
    defaults = {parameter.name: parameter.default for parameter in runbook.parameters}
    changed = {name: value for name, value in typed.items() if value != defaults[name]}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    if changed:
        cell = next(cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", ()))
        cell["source"] = with_values(cell["source"], changed, where=runbook.path.name)
    return marked(notebook, runbook.name)


def marked(notebook: Notebook, runbook: str) -> Notebook:
    """Add the mark to a notebook, and return it.

    Args:
        notebook: Changed in place.
        runbook: The name of its runbook; empty if it has none.
    """
    notebook["metadata"][MARKS] = {"runbook": runbook, _WRITTEN: digest_of(notebook)}
    return notebook


def with_values(source: str, values: Mapping[str, Any], *, where: str) -> str:
    """Return the source of a parameters cell with other values, inserted as literals only.

    Args:
        source: The cell's source.
        values: Typed values by name.
        where: Names the notebook in errors.

    Raises:
        UserError: The new source would not give these values.
    """
    lines = source.encode().splitlines(keepends=True)
    statements = [each for each in ast.parse(source).body if isinstance(each, ast.AnnAssign)]
    # From the end, so that no replacement shifts a later one.
    for statement in reversed(statements):
        name = statement.target.id if isinstance(statement.target, ast.Name) else ""
        if name in values:
            _replace(lines, statement, values[name])
    changed = b"".join(lines).decode()
    read = {parameter.name: parameter.default for parameter in declared_parameters(changed, where=where)}
    if any(name not in read or read[name] != value for name, value in values.items()):
        raise UserError(
            f"{where}: cannot set other values in the parameters cell; write each parameter on its own line"
        )
    return changed


def _replace(lines: list[bytes], statement: ast.AnnAssign, value: Any) -> None:
    """Replace a statement's value in the lines, which are bytes because columns of `ast` count bytes."""
    literal = (text_literal(value) if isinstance(value, str) else repr(value)).encode()
    old = statement.value
    first, last = (old or statement.annotation, old or statement.annotation)
    assert last.end_lineno is not None
    start = (first.lineno, first.col_offset) if old else (last.end_lineno, last.end_col_offset or 0)
    before = lines[start[0] - 1][: start[1]]
    after = lines[last.end_lineno - 1][last.end_col_offset :]
    lines[start[0] - 1 : last.end_lineno] = [before + (b"" if old else b" = ") + literal + after]


def digest_of(notebook: Notebook) -> str:
    """Return a SHA-256 digest of what a person writes: the cells' sources, kinds, tags and attachments, not outputs."""
    written = [
        (cell["cell_type"], "".join(cell["source"]), cell["metadata"].get("tags") or [], cell.get("attachments") or {})
        for cell in notebook["cells"]
    ]
    return hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()


def runbook_of(notebook: Notebook) -> str:
    """Return the name of a copy's runbook; empty if it has none."""
    return str(_marks(notebook).get("runbook", ""))


def base_of(notebook: Notebook) -> str:
    """Return the digest of what this library wrote; empty for a person's own notebook."""
    return str(_marks(notebook).get(_WRITTEN, ""))


def is_untouched(notebook: Notebook) -> bool:
    """Return whether no source has changed since this library wrote the notebook."""
    return base_of(notebook) == digest_of(notebook)


def _marks(notebook: Notebook) -> Mapping[str, Any]:
    found = notebook["metadata"].get(MARKS)
    return found if isinstance(found, dict) else {}


def to_bytes(notebook: Notebook) -> bytes:
    """Encode a notebook as its file's content."""
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def from_bytes(content: bytes) -> Notebook:
    """Parse a notebook's file content.

    Raises:
        ValueError: It is damaged.
    """
    try:
        notebook: Notebook = json.loads(content)
        digest_of(notebook)
        _marks(notebook)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a notebook: {error}") from error
    return notebook
