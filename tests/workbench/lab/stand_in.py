"""In place of JupyterLab, where only its start is of interest: it prints how it was started, and ends."""

from __future__ import annotations

from pathlib import Path

_CODE = "import os, sys; print(os.environ['RUNBOOK_PROJECT'], os.environ['RUNBOOK_LAB'], *sys.argv[1:])"


def stand_in_for_jupyterlab(folder: Path) -> Path:
    """A folder for the search path that holds it."""
    package = folder / "jupyterlab"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(_CODE)
    return folder
