"""Two writers of the same keys are distinguished by the times they wrote at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lib.consolidation.upkeep.duplicates import DuplicateGroup, DuplicateKind
from lib.operations.duplicates.writers import in_words, of_several_writes, writes_of

CRON = datetime(2026, 4, 11, 10, tzinfo=UTC)
MINUTES = st.lists(st.none() | st.integers(0, 2_000), max_size=30)


def group(minutes: list[int | None]) -> DuplicateGroup:
    created = tuple(None if each is None else CRON + timedelta(minutes=each) for each in minutes)
    return DuplicateGroup({}, len(created), DuplicateKind.DIFFERENT_IDS, (), created, None, (), (), "")


@given(st.lists(MINUTES, max_size=4))
def test_every_row_with_a_time_belongs_to_one_write_and_writes_are_apart(rows: list[list[int | None]]) -> None:
    writes = writes_of(map(group, rows))
    assert sum(write.rows for write in writes) == sum(each is not None for minutes in rows for each in minutes)
    for earlier, later in pairwise(writes):
        assert later.first_at - earlier.last_at > timedelta(minutes=5)


def test_a_cron_and_a_backfill_are_two_writes_and_a_race_is_one() -> None:
    both = in_words(writes_of([group([0, 450]), group([1, 451])]), "America/New_York")
    assert both == (
        "written at 2 times: 2 rows from 2026-04-11 06:00:00 EDT and 2 rows from 2026-04-11 13:30:00 EDT, "
        "7 h 30 min apart"
    )
    assert in_words(writes_of([group([0, 0]), group([1, 1])]), "UTC") == ""
    assert of_several_writes([group([0, 1]), group([90, 91]), group([7, 99])]) == [group([7, 99])]
    assert (
        in_words(writes_of([group([10 * number for number in range(9)])]), "UTC")
        == "written at 9 times, 1 h 20 min apart"
    )
