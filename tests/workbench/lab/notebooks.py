"""Small notebooks in their own folder, and a person's changes to their working copies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PARAMETERS = 'environment: str = "local"  # where\ndate: str = "today"  # which date'


def write_original(path: Path, text: str = "") -> None:
    """Write a runbook with a title, parameters, and a cell with this text."""
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "id": "title", "metadata": {}, "source": f"# {path.stem}?\n\n**Run it** at noon."},
        _code("parameters", PARAMETERS, ["parameters"]),
        _code("step", f"# {text}"),
    ]
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))


def _code(name: str, source: str, tags: list[str] | None = None) -> dict[str, Any]:
    metadata = {"tags": tags} if tags else {}
    return {
        "cell_type": "code",
        "id": name,
        "metadata": metadata,
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def edit(path: Path, text: str) -> None:
    """Save the notebook as JupyterLab does after a person edited the last cell."""
    notebook = json.loads(path.read_text())
    notebook["cells"][-1]["source"] = [f"# {text}"]
    path.write_text(json.dumps(notebook))


def run(path: Path) -> None:
    """Save the notebook as JupyterLab does after a person only ran it."""
    notebook = json.loads(path.read_text())
    output = {"output_type": "stream", "name": "stdout", "text": "seen"}
    notebook["cells"][-1] |= {"outputs": [output], "execution_count": 3}
    notebook["cells"][-1]["metadata"]["execution"] = {"shell.execute_reply": "2026-11-29T13:00:00Z"}
    notebook["metadata"]["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    path.write_text(json.dumps(notebook))


def sources(path: Path) -> tuple[str, ...] | str:
    """Return the code and prose that a person reads; for a damaged file, its text."""
    text = path.read_text()
    try:
        return tuple("".join(cell["source"]) for cell in json.loads(text)["cells"])
    except (ValueError, KeyError, TypeError):
        return text
