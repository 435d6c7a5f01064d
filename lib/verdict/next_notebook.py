"""The notebook of a next step, with its parameters: for those who work in a folder of working copies.

A link cannot carry parameters, and this room knows no notebooks: what can write one says so here.
"""

from __future__ import annotations

from collections.abc import Callable

from lib.words.runbook_commands import NextRunbook

Link = Callable[[NextRunbook], str | None]

_link: Link | None = None


def carry_parameters_by(link: Link | None) -> None:
    """From now on next steps link to what this returns: a path from the open notebook; empty where there is none."""
    global _link
    _link = link


def notebook_with_parameters(following: NextRunbook) -> str | None:
    """The path from the open notebook to one that has the parameters; empty: there is none; None: it is open."""
    return _link(following) if _link else ""
