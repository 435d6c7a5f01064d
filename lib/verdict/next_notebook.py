"""The notebook of a next step with its parameters, in a folder of working copies.

A link cannot carry parameters, and this package does not know the notebooks, so the caller that can write one registers
here.
"""

from __future__ import annotations

from collections.abc import Callable

from lib.words.runbook_commands import NextRunbook

Link = Callable[[NextRunbook], str | None]

_link: Link | None = None


def carry_parameters_by(link: Link | None) -> None:
    """Let next steps link to what this function returns: a path relative to the open notebook, or empty for none."""
    global _link
    _link = link


def notebook_with_parameters(following: NextRunbook) -> str | None:
    """Return the relative path to a notebook with the parameters; empty if there is none, None if it is this one."""
    return _link(following) if _link else ""
