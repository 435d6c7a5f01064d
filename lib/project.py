"""Where the files of this checkout and its state live."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
PARAMS = ROOT / "params"


def home() -> Path:
    """State of the embedded platform: ``RUNBOOK_HOME``, or ``.runbook/`` in the checkout.

    Anchored at the checkout, not at the working directory: a kernel started by
    JupyterLab runs in ``notebooks/`` and must see the same state as the shell.
    """
    return Path(os.environ.get("RUNBOOK_HOME") or ROOT / ".runbook").absolute()


def outputs() -> str:
    """The archive: ``RUNBOOK_OUTPUTS``, or ``outputs/`` in the checkout.

    A path or an fsspec URL such as ``gs://bucket/prefix``.
    """
    return os.environ.get("RUNBOOK_OUTPUTS") or str(ROOT / "outputs")
