"""A smaller version of the proof for tables where a moved line supersedes the old one."""

from __future__ import annotations

import pytest

from proof.campaign import broken_promises, tally
from proof.moving_lines import MOVING_OFF
from proof.variant import OURS_MOVING

_FIRST_SEED = 1_000_000  # seeds that `make proof` does not use


@pytest.mark.parametrize("part", range(4))
def test_no_schedule_of_ours_breaks_a_promise(part: int) -> None:
    first = _FIRST_SEED + 20 * part
    assert tally(OURS_MOVING.name, range(first, first + 20)).broken == []


@pytest.mark.parametrize("name", [variant.name for variant in MOVING_OFF])
def test_without_a_defence_a_player_gets_two_active_lines(name: str) -> None:
    assert "one active" in broken_promises(name, 0, 5)
