"""A schedule that has started to run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from lib.archive.archive import Archive
from lib.schedule.firings import Ledger
from lib.schedule.settings import load_schedule

_SCHEDULE = """
timezone: America/New_York
entries:
  hourly_watch:
    runbook: day1_monitoring
    cron: "0 * * * *"
    {settings}
"""


def begin_hourly_schedule(
    archive: Archive, folder: Path, since: datetime, patch: pytest.MonkeyPatch, settings: str = ""
) -> None:
    """Write a schedule entry, ``hourly_watch``, whose runs are expected after a time."""
    path = folder / "schedule.yaml"
    path.write_text(_SCHEDULE.format(settings=settings), encoding="utf-8")
    patch.setenv("RUNBOOK_SCHEDULE", str(path))
    Ledger(archive.store).expect(load_schedule().entries["hourly_watch"], since)
