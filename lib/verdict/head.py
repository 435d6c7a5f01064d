"""The verdict at the head of a notebook, as its steps find it."""

from __future__ import annotations


def verdict_so_far() -> None:
    """Show at this place what the steps have found so far."""
