"""The port to what queries read, on a platform that bills for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class QueryCost:
    """One query that a run asked.

    Attributes:
        statement: Its text.
        estimated_bytes: What a dry run said that it would read at most.
        read_bytes: What it read; None: it was refused or failed, and read nothing that is known.
    """

    statement: str
    estimated_bytes: int
    read_bytes: int | None
