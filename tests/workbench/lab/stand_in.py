"""A stand-in for JupyterLab that prints how it was started, and exits."""

from __future__ import annotations

from pathlib import Path

_CODE = "import os, sys; print(os.environ['RUNBOOK_PROJECT'], os.environ['RUNBOOK_LAB'], *sys.argv[1:])"


def stand_in_for_jupyterlab(folder: Path) -> Path:
    """Return a folder for the search path that contains it."""
    package = folder / "jupyterlab"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(_CODE)
    return folder
