"""A run's origin, given on the command line by a scheduler."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lib.archive.archive import Archive, Run
from lib.archive.record import Origin

Shell = Callable[..., "subprocess.CompletedProcess[str]"]


def test_a_planned_run_and_its_retry_are_recorded(shell: Shell, tmp_path: Path) -> None:
    """A date given as a word is that of the planned time, in the environment's zone."""
    planned = ("--planned-at", "2026-01-18T04:30:00+00:00", "--schedule", "quality")
    assert shell("run", "daily_quality", *planned).returncode == 3
    archive = Archive(tmp_path / "outputs")
    [first] = archive.runs()
    assert isinstance(first, Run)
    assert "for 2026-01-16 or the 28 days before" in first.record.headline  # yesterday, in New York

    assert shell("run", "daily_quality", *planned, "--retry-of", first.run_id).returncode == 3
    [second] = [run for run in archive.runs() if run != first]
    assert isinstance(second, Run)
    assert second.record.origin == Origin(
        schedule="quality",
        planned_at=datetime(2026, 1, 18, 4, 30, tzinfo=UTC),
        retry_of=first.run_id,
        attempt=2,
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--planned-at", "2026-01-18T09:00:00"), "must be a time such as"),
        (("--retry-of", "nothing"), "there is no run 'nothing'"),
        (("--planned-at", "2026-01-18T09:00:00Z", "--over", "game_date=2026-01-17"), "are for one run"),
    ],
)
def test_invalid_origins_are_refused(words: tuple[str, ...], expected: str, shell: Shell, tmp_path: Path) -> None:
    result = shell("run", "daily_quality", *words)
    assert (result.returncode, list(Archive(tmp_path / "outputs").runs())) == (2, [])
    assert expected in result.stderr
