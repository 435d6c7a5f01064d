"""Verdicts, from best to worst."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """The answer to one question. The order of definition is the order of badness."""

    PASS = "PASS"
    WARN = "WARN"
    UNKNOWN = "UNKNOWN"
    FAIL = "FAIL"

    @property
    def badness(self) -> int:
        """0 for PASS up to 3 for FAIL."""
        return list(Verdict).index(self)

    @property
    def exit_code(self) -> int:
        """0 for PASS and WARN, 1 for FAIL, 3 for UNKNOWN: a question without an answer."""
        return {Verdict.FAIL: 1, Verdict.UNKNOWN: 3}.get(self, 0)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of the verdicts; UNKNOWN without any."""
    return max(verdicts, key=lambda verdict: verdict.badness, default=Verdict.UNKNOWN)
