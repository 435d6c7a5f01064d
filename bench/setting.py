"""Folder and size of a group of benchmarks."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from lib.places import ROOT


@dataclass(frozen=True)
class Setting:
    """The setting of one group.

    Attributes:
        folder: An empty folder, which is removed afterwards.
        quick: Whether to use smaller sizes and fewer rounds.
    """

    folder: Path
    quick: bool

    def rounds(self, full: int) -> int:
        """Return how often to measure each side."""
        return min(full, 2) if self.quick else full

    @property
    def variables(self) -> dict[str, str]:
        """Return environment variables that give child processes their own state, archive and imports."""
        return {
            "RUNBOOK_HOME": str(self.folder / "home"),
            "RUNBOOK_OUTPUTS": str(self.folder / "outputs"),
            "PYTHONPATH": str(ROOT),
        }


RUNBOOK = str(Path(sys.executable).parent / "runbook")
