"""Durations in words."""

from __future__ import annotations

from math import isfinite


class Duration(str):
    """A spoken duration that still knows its `seconds`, so that a table can be sorted by it."""

    seconds: float


def spoken_seconds(seconds: float | None) -> str:
    """``19 ms``, ``0.8 s``, ``4 min 10 s``, ``3 h 5 min``, ``2 d 4 h``; a dash for None."""
    if seconds is None:
        return "-"
    spoken = Duration(_spoken(seconds))
    spoken.seconds = seconds
    return spoken


def _spoken(seconds: float) -> str:
    if 0 < abs(seconds) < 0.1:
        return f"{seconds * 1_000:.0f} ms"
    if abs(seconds) < 60 or not isfinite(seconds):
        return f"{seconds:.1f} s"
    for unit, smaller, length, short in (("d", "h", 86_400, 3_600), ("h", "min", 3_600, 60), ("min", "s", 60, 1)):
        if abs(seconds) >= length:
            whole, rest = divmod(int(abs(seconds)), length)
            return f"{'-' if seconds < 0 else ''}{whole} {unit} {rest // short} {smaller}"
    return f"{seconds:.1f} s"
