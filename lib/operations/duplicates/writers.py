"""Who wrote the rows of duplicate keys? Two writers are distinguished by the times they wrote at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lib.consolidation.upkeep.duplicates import DuplicateGroup
from lib.words.dates import local_time
from lib.words.nouns import counted
from lib.words.quantities import spoken_seconds

# One job writes its rows in quick succession; a schedule and a backfill rarely start within minutes of each other.
_APART = timedelta(minutes=5)
_MOST_NAMED = 4


@dataclass(frozen=True)
class Write:
    """Rows that were created in quick succession.

    Attributes:
        first_at: When the first row was created (UTC).
        last_at: When the last row was created (UTC).
        rows: Number of rows.
    """

    first_at: datetime
    last_at: datetime
    rows: int


def writes_of(groups: Iterable[DuplicateGroup]) -> list[Write]:
    """Group the rows of duplicate keys into writes, oldest first; rows without a creation time are left out."""
    moments = sorted(moment for group in groups for moment in group.created_at if moment)
    writes: list[Write] = []
    for moment in moments:
        if writes and moment - writes[-1].last_at <= _APART:
            writes[-1] = Write(writes[-1].first_at, moment, writes[-1].rows + 1)
        else:
            writes.append(Write(moment, moment, 1))
    return writes


def doubled_at(groups: Iterable[DuplicateGroup]) -> datetime | None:
    """Return when a key first got a second row (UTC); None if unknown."""
    moments = (sorted(moment for moment in group.created_at if moment) for group in groups)
    return min((found[1] for found in moments if len(found) > 1), default=None)


def of_several_writes(groups: Iterable[DuplicateGroup]) -> list[DuplicateGroup]:
    """Return the keys whose own rows come from several writes. Other keys written at other times prove nothing."""
    return [group for group in groups if len(writes_of([group])) > 1]


def in_words(writes: Sequence[Write], timezone: str) -> str:
    """Return ``written at 2 times: 5 rows from ... and 5 rows from ..., 7 h 0 min apart``; empty for fewer than two."""
    if len(writes) < 2:
        return ""
    apart = spoken_seconds((writes[-1].first_at - writes[0].first_at).total_seconds())
    if len(writes) > _MOST_NAMED:
        return f"written at {len(writes)} times, {apart} apart"
    named = " and ".join(
        f"{counted(write.rows, 'row')} from {local_time(write.first_at, timezone)}" for write in writes
    )
    return f"written at {len(writes)} times: {named}, {apart} apart"
