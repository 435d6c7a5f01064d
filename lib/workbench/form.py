"""The parameters of a notebook as a form, for those who work in it."""

from __future__ import annotations

from lib.verdict.live import is_live


def form() -> None:
    """Show the parameters as widgets, where there are some."""
    if is_live():
        from lib.workbench.next_notebook import link_next_notebooks

        link_next_notebooks()
