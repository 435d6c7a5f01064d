"""Where the files of this checkout and its state live."""

from __future__ import annotations

import os
from datetime import MAXYEAR, UTC, datetime
from pathlib import Path

from lib.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
PARAMS = ROOT / "params"


def home() -> Path:
    """State of the embedded platform: ``RUNBOOK_HOME``, or ``.runbook/`` in the checkout.

    Anchored at the checkout, not at the working directory: a kernel started by
    JupyterLab runs in ``notebooks/`` and must see the same state as the shell.
    """
    return Path(os.environ.get("RUNBOOK_HOME") or ROOT / ".runbook").absolute()


def notebooks() -> Path:
    """The runbooks: ``RUNBOOK_NOTEBOOKS``, or ``notebooks/`` in the checkout."""
    return Path(os.environ.get("RUNBOOK_NOTEBOOKS") or ROOT / "notebooks").absolute()


def environments() -> Path:
    """The environments' files: ``RUNBOOK_ENVIRONMENTS``, or ``params/environments`` in the checkout."""
    return Path(os.environ.get("RUNBOOK_ENVIRONMENTS") or PARAMS / "environments").absolute()


def now() -> datetime:
    """The moment that a run looks from (UTC): ``RUNBOOK_NOW``, or the clock's.

    It moves what a runbook reads and judges, never what a lock or the warehouse holds for the time.

    Raises:
        UserError: ``RUNBOOK_NOW`` is not an ISO 8601 moment with its zone, of the years 1970 to 9998.
    """
    told = os.environ.get("RUNBOOK_NOW")
    return moment(told, "RUNBOOK_NOW") if told else datetime.now(UTC)


def moment(text: str, name: str) -> datetime:
    """The moment (UTC) that a text says; `name` is whose text, for errors.

    Raises:
        UserError: It is not an ISO 8601 moment with its zone, of the years 1970 to 9998.
    """
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        told = None
    if told is None or told.tzinfo is None or not 1970 <= told.year < MAXYEAR:
        raise UserError(f"{name} is {text!r:.60}; write a moment such as 2026-01-17T23:30:00-05:00")
    return told.astimezone(UTC)


def outputs() -> str:
    """The archive: ``RUNBOOK_OUTPUTS``, or ``outputs/`` in the checkout.

    A path or an fsspec URL such as ``gs://bucket/prefix``.
    """
    return os.environ.get("RUNBOOK_OUTPUTS") or str(ROOT / "outputs")
