"""What each part of the proof reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PartResult:
    """One part of the proof.

    Attributes:
        title: Its heading.
        holds: Whether it found what it had to find, and nothing else.
        summary: One line.
        markdown: Its section of ``docs/PROOF.md``, without the heading. No dates, no durations,
            no names of machines: a rerun that finds the same writes the same.
    """

    title: str
    holds: bool
    summary: str
    markdown: str
