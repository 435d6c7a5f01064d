"""Verdicts, from best to worst."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """The answer to one question, defined in order of badness."""

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
        """The exit code: 0 for PASS and WARN, 1 for FAIL, 3 for UNKNOWN."""
        return {Verdict.FAIL: 1, Verdict.UNKNOWN: 3}.get(self, 0)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of the verdicts; UNKNOWN if there are none."""
    return max(verdicts, key=lambda verdict: verdict.badness, default=Verdict.UNKNOWN)
