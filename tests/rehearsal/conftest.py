"""Each test has its own platform."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.platform import Platform, connect


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """The local environment in a fresh state folder."""
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path))
    return connect("local")
