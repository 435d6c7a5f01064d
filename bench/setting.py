"""Where and how large a group of benchmarks measures."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from lib.places import ROOT


@dataclass(frozen=True)
class Setting:
    """For one group.

    Attributes:
        folder: Empty, and removed afterwards.
        quick: Smaller sizes and fewer rounds.
    """

    folder: Path
    quick: bool

    def rounds(self, full: int) -> int:
        """How often each side is measured."""
        return min(full, 2) if self.quick else full

    @property
    def variables(self) -> dict[str, str]:
        """For child processes: a state, an archive and imports of their own."""
        return {
            "RUNBOOK_HOME": str(self.folder / "home"),
            "RUNBOOK_OUTPUTS": str(self.folder / "outputs"),
            "PYTHONPATH": str(ROOT),
        }


RUNBOOK = str(Path(sys.executable).parent / "runbook")
