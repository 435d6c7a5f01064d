"""After a conflict, the wait for the next attempt depends on the duration of attempts."""

from __future__ import annotations

from statistics import mean

import pytest

from lib.consolidation.errors import TransactionConflict
from lib.consolidation.retry import until_no_conflict
from tests.consolidation.rivals import consolidated_at_once


def test_many_dates_at_once_all_finish_with_few_conflicts() -> None:
    """A month at once; waits of at most two seconds need 500 transactions, or 1,000 if the loser is cancelled early."""
    played = [consolidated_at_once(31, seed=seed) for seed in range(20)]
    assert [one.gave_up for one in played] == [0] * len(played)
    assert mean(one.transactions for one in played) <= 220
    told_early = consolidated_at_once(31, seed=0, cancelled_after_seconds=4.0)
    assert (told_early.gave_up, told_early.transactions <= 400) == (0, True)


def test_patience_ends_with_a_last_attempt() -> None:
    """No attempt begins after that time, and none is omitted before."""
    alone = consolidated_at_once(1, seed=0)
    assert (alone.transactions, alone.gave_up, alone.seconds) == (1, 0, 10.0)
    impatient = consolidated_at_once(31, seed=0, patience_seconds=60.0)
    assert impatient.seconds <= 70
    assert impatient.gave_up > 0


def test_only_conflicts_are_retried() -> None:
    attempts = []

    def attempt() -> None:
        attempts.append(1)
        raise (TransactionConflict("a rival") if len(attempts) == 1 else ValueError("ours"))

    with pytest.raises(ValueError, match="ours"):
        until_no_conflict(attempt, patience_seconds=60)
    assert len(attempts) == 2
