"""What each part of the proof reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PartResult:
    """One part of the proof.

    Attributes:
        title: Its heading.
        holds: Whether it found exactly what it should find.
        summary: One line.
        markdown: Its section of ``docs/PROOF.md``, without the heading. It has no dates, durations
            or machine names, so that a rerun with the same findings writes the same text.
    """

    title: str
    holds: bool
    summary: str
    markdown: str
