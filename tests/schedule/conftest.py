"""A schedule for a test, with its file, runbooks and archive."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from lib.places import ROOT
from lib.schedule.settings import Schedule, load_schedule

NOTEBOOKS = (Path(__file__).parent / "notebooks", Path(__file__).parents[1] / "runbooks" / "notebooks")

WriteSchedule = Callable[..., Schedule]


@pytest.fixture
def write_schedule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteSchedule:
    """Write a schedule with these entries, and make this process and its children use it."""
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    for folder in (*NOTEBOOKS, ROOT / "notebooks"):
        for notebook in folder.glob("*.ipynb"):
            shutil.copy(notebook, notebooks)
    monkeypatch.setenv("RUNBOOK_NOTEBOOKS", str(notebooks))
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RUNBOOK_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("RUNBOOK_SCHEDULE", str(tmp_path / "schedule.yaml"))

    def write(entries: Mapping[str, Any], **head: Any) -> Schedule:
        (tmp_path / "schedule.yaml").write_text(yaml.safe_dump({**head, "entries": dict(entries)}))
        return load_schedule()

    return write
