"""Sizes in words."""

from __future__ import annotations

_UNITS = (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000))


def spoken_bytes(count: float | None) -> str:
    """``1.4 GB``, ``12.0 kB``, ``0 B``; a dash for None. Units are decimal."""
    if count is None:
        return "-"
    for unit, size in _UNITS:
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count:.0f} B"
