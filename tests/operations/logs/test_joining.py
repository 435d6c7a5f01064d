"""However consolidations interleave in one instance, each line goes to the run that logged it."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.operations.logs.dialects import load_dialects
from lib.operations.logs.joining import build_timeline
from lib.operations.logs.lines import parse_events
from lib.operations.logs.timeline import Consolidation
from rehearsal.service_nights import DAY, DIALECTS, Night, delayed, night

ALL = load_dialects(["library", *DIALECTS])
KINDS = ("clean", "waited_120s", "five_duplicates", "lock_not_acquired", "bad_request", "merge_zero_rows")


def joined(*nights: Night) -> list[Consolidation]:
    entries = sorted((entry for lines in nights for entry in lines), key=lambda entry: entry.timestamp)
    return build_timeline(parse_events(entries, ALL))


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=25)
@given(offsets=st.lists(st.floats(0, 300), min_size=2, max_size=4), instances=st.sampled_from(["i-1", "i-{}"]))
def test_dates_that_are_consolidated_at_once_are_kept_apart(dialect: str, offsets: list[float], instances: str) -> None:
    days = [DAY + timedelta(days=number) for number in range(len(offsets))]
    # All in one night, for different dates.
    nights = [
        delayed(night(dialect, "clean", day=day, instance=instances.format(number)), offset - 86_400 * number)
        for number, (day, offset) in enumerate(zip(days, offsets, strict=True))
    ]
    runs = joined(*nights)
    assert {(run.batch_id, run.game_date) for run in runs} == {(f"batch_{day}_1768622400", day) for day in days}
    assert len(runs) == len(days)
    for run in runs:
        assert (run.missing, run.rows, run.duplicates) == ((), 587, 0)
        assert run.merge_seconds == pytest.approx(8.2)


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=25)
@given(kind=st.sampled_from(KINDS), chance=st.randoms(use_true_random=False))
def test_lines_of_one_moment_come_in_any_order(dialect: str, kind: str, chance: random.Random) -> None:
    lines = night(dialect, kind)
    shuffled = chance.sample(lines, len(lines))
    assert [set(run.events) for run in joined(shuffled)] == [set(run.events) for run in joined(lines)]
    assert [run.is_in_order for run in joined(shuffled)] == [True]


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=25)
@given(kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=6))
def test_runs_one_after_the_other_keep_their_ends(dialect: str, kinds: list[str]) -> None:
    """All for one date and instance, as when an event is redelivered repeatedly."""
    alone = {kind: [(list(run.events), run.batch_id) for run in joined(night(dialect, kind))] for kind in KINDS}
    nights = [delayed(night(dialect, kind), 400 * number) for number, kind in enumerate(kinds)]
    assert [(list(run.events), run.batch_id) for run in joined(*nights)] == [
        run for kind in kinds for run in alone[kind]
    ]
