"""The runbooks there are: every notebook of a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

from lib import project
from lib.errors import UserError
from lib.runbooks.parameters import Parameter, declared_parameters


@dataclass(frozen=True)
class Runbook:
    """A notebook that can be run.

    Attributes:
        path: The notebook's file; its stem is the runbook's name.
    """

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def title(self) -> str:
        """The first heading; the name when there is none."""
        headings = (line for line in self._prose if line.startswith("#"))
        return next(headings, self.name).lstrip("#").strip()

    @property
    def purpose(self) -> str:
        """The first line of prose below the title; empty when there is none."""
        return next((line for line in self._prose if not line.startswith("#")), "")

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the cell tagged ``parameters`` declares, in its order.

        Raises:
            UserError: The notebook or that cell cannot be read.
        """
        for cell in self._cells:
            if "parameters" in cell.get("metadata", {}).get("tags", []):
                return declared_parameters(_source(cell), where=self.path.name)
        return ()

    @property
    def _prose(self) -> list[str]:
        for cell in self._cells:
            if cell.get("cell_type") == "markdown":
                return [line.strip() for line in _source(cell).splitlines() if line.strip()]
        return []

    @cached_property
    def _cells(self) -> list[Mapping[str, Any]]:
        # Not nbformat: its import takes longer than `runbook list` may.
        try:
            return list(json.loads(self.path.read_text(encoding="utf-8"))["cells"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{self.path} is not a notebook: {' '.join(str(error).split())}") from error


def runbooks(folder: Path | None = None) -> list[Runbook]:
    """All runbooks of a folder, by name; by default of `lib.project.notebooks`."""
    return [Runbook(path) for path in sorted((folder or project.notebooks()).glob("*.ipynb"))]


def find_runbook(name: str, folder: Path | None = None) -> Runbook:
    """The runbook of that name.

    Raises:
        UserError: There is none; names the nearest and all there are.
    """
    known = {runbook.name: runbook for runbook in runbooks(folder)}
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else "."
    raise UserError(f"there is no runbook {name!r:.80}{hint} Known are: {', '.join(known) or 'none'}")


def _source(cell: Mapping[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)
