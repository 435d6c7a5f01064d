"""The parameters of a notebook as a form, for those who work in it."""

from __future__ import annotations


def form() -> None:
    """Show the parameters as widgets, where there are some."""
