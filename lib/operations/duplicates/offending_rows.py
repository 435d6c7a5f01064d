"""The full rows of duplicate keys, and what a repair does to each, for a file."""

from __future__ import annotations

from collections.abc import Iterator

from lib.consolidation.upkeep.duplicates import Explanation
from lib.verdict.all_rows import AllRows
from lib.verdict.cells import Mark
from lib.words.nouns import counted


def offending_rows(explained: Explanation) -> AllRows | None:
    """Return each row of each duplicate key, the one that a repair keeps first; None if there are none."""
    if not explained.groups:
        return None
    day = explained.count.game_date
    left_out = f", {counted(explained.keys_left_out, 'key')} left out" if explained.keys_left_out else ""
    rows = list(_rows(explained))
    return AllRows(f"Rows of duplicate keys of {day}{left_out}", ("A repair has it", *explained.columns), rows)


def _rows(explained: Explanation) -> Iterator[tuple[object, ...]]:
    for group in explained.groups:
        for number, row in enumerate(group.members):
            mark = Mark.REMOVED if number else Mark.KEPT
            yield (mark, *(row[name] for name in explained.columns))
