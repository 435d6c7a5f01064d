"""Who wrote the rows of duplicate keys? Two writers are told apart by when they wrote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lib.consolidation.upkeep.duplicates import DuplicateGroup
from lib.words.dates import local_time
from lib.words.nouns import counted
from lib.words.quantities import spoken_seconds

# Rows of one job follow each other; a schedule and a backfill seldom begin within minutes of each other.
_APART = timedelta(minutes=5)
_MOST_NAMED = 4


@dataclass(frozen=True)
class Write:
    """Rows that were created one after the other.

    Attributes:
        first_at: When the first of them was created (UTC).
        last_at: When the last was.
        rows: How many.
    """

    first_at: datetime
    last_at: datetime
    rows: int


def writes_of(groups: Iterable[DuplicateGroup]) -> list[Write]:
    """The writes that the rows of duplicate keys came with, oldest first; rows of no known time are left out."""
    moments = sorted(moment for group in groups for moment in group.created_at if moment)
    writes: list[Write] = []
    for moment in moments:
        if writes and moment - writes[-1].last_at <= _APART:
            writes[-1] = Write(writes[-1].first_at, moment, writes[-1].rows + 1)
        else:
            writes.append(Write(moment, moment, 1))
    return writes


def doubled_at(groups: Iterable[DuplicateGroup]) -> datetime | None:
    """When the second row of a key was created for the first time; None: not known."""
    moments = (sorted(moment for moment in group.created_at if moment) for group in groups)
    return min((found[1] for found in moments if len(found) > 1), default=None)


def of_several_writes(groups: Iterable[DuplicateGroup]) -> list[DuplicateGroup]:
    """The keys whose own rows were written apart. That other keys were written at other times shows nothing."""
    return [group for group in groups if len(writes_of([group])) > 1]


def in_words(writes: Sequence[Write], timezone: str) -> str:
    """``written at 2 times: 5 rows from ... and 5 rows from ..., 7 h 0 min apart``; empty: at one time, or unknown."""
    if len(writes) < 2:
        return ""
    apart = spoken_seconds((writes[-1].first_at - writes[0].first_at).total_seconds())
    if len(writes) > _MOST_NAMED:
        return f"written at {len(writes)} times, {apart} apart"
    named = " and ".join(
        f"{counted(write.rows, 'row')} from {local_time(write.first_at, timezone)}" for write in writes
    )
    return f"written at {len(writes)} times: {named}, {apart} apart"
