"""A separate schedule for each test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from lib.schedule.settings import Schedule, load_schedule

ScheduleOf = Callable[..., Schedule]


@pytest.fixture
def schedule_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScheduleOf:
    """Return a function that writes these entries to the schedule file that commands use."""

    def written(environment: str, entries: dict[str, dict[str, Any]], **shared: Any) -> Schedule:
        file = tmp_path / "schedule.yaml"
        file.write_text(yaml.safe_dump({"environment": environment, "entries": entries, **shared}), encoding="utf-8")
        monkeypatch.setenv("RUNBOOK_SCHEDULE", str(file))
        return load_schedule()

    return written
