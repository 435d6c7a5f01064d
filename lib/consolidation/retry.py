"""Retry after a rival has won.

In BigQuery two transactions that update one table conflict even if their dates differ, so a rival has to wait for about
the duration of a transaction. The wait is therefore derived from the duration of the failed attempt instead of a fixed
scale: 31 dates of ten seconds that start together need a fraction of the transactions that a backoff of at most two
seconds needs (`make bench` simulates it).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay

from lib.consolidation.errors import TransactionConflict

T = TypeVar("T")

_LONGEST_IN_ATTEMPTS = 8


def until_no_conflict(
    attempt: Callable[[], T],
    *,
    patience_seconds: float,
    retried: tuple[type[Exception], ...] = (TransactionConflict,),
) -> tuple[T, int]:
    """Call `attempt` until no rival wins; return its result and the number of attempts.

    When the time is up, the last attempt's error is raised. The wait after the n-th attempt is random, up to
    2^n times that attempt's duration and at most 8 times.

    Args:
        attempt: Called at least once. It must have no effect if it raises.
        patience_seconds: How long to retry; at least one second.
        retried: The errors after which it is called again.
    """
    patience_seconds = max(patience_seconds, 1.0)
    backoff = _Backoff(patience_seconds)
    retrying = Retrying(
        retry=retry_if_exception_type(retried),
        before=backoff.begins,
        wait=backoff.wait,
        stop=stop_after_delay(patience_seconds),
        reraise=True,
    )
    result = retrying(attempt)
    return result, int(retrying.statistics.get("attempt_number", 1))


class _Backoff:
    def __init__(self, patience_seconds: float) -> None:
        self._give_up_at = time.monotonic() + patience_seconds
        self._began_at = 0.0

    def begins(self, state: RetryCallState) -> None:
        self._began_at = time.monotonic()

    def wait(self, state: RetryCallState) -> float:
        """Return the wait in seconds, limited to the time left, so that a last attempt is made when the time is up."""
        now = time.monotonic()
        longest = (now - self._began_at) * min(2**state.attempt_number, _LONGEST_IN_ATTEMPTS)
        return min(random.uniform(0, longest), max(self._give_up_at - now, 0.0))  # noqa: S311
