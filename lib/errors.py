"""The root of every error this library raises on purpose.

RunbookError
├── UserError      the request is wrong; nothing was changed               (exit 2)
├── Unavailable    no answer, so nothing is known either way               (exit 3)
└── Finding        the question was answered, and the answer is bad news   (exit 1)

An error that leaves a check UNKNOWN is also a `CouldNotLook`: every `Unavailable`, and state that is damaged or
does not match its settings. A check is skipped if the environment does not have its source: `NotAsked`.

Each message is one line: what was wrong, where, and what to do. Packages add
their own leaves (`lib.locking.errors`, `lib.consolidation.errors`), so a caller
can catch either the exact error or one of these three.
"""

from __future__ import annotations

from collections.abc import Iterable


class RunbookError(Exception):
    """Base of all errors raised by this library."""

    exit_code = 3


class UserError(RunbookError):
    """The request was wrong; nothing was changed."""

    exit_code = 2


class CouldNotLook(RunbookError):
    """A source does not answer, is damaged or does not match its settings, so the question has no answer.

    Attributes:
        remedy: How to make it readable; begins a sentence.
    """

    remedy = "Make the source readable"


class NotAsked(CouldNotLook):
    """The environment does not name this source, so the question is skipped and does not count."""


class CorruptState(UserError, CouldNotLook):
    """A file in the state folder is damaged or was not written by this library; only its owner can repair it."""


class Unavailable(CouldNotLook):
    """A service or file could not be reached or read; the truth is unknown."""


class Finding(RunbookError):
    """The work was refused because a check found something bad."""

    exit_code = 1


class SourceUnavailable(Unavailable):
    """A source of evidence could not be read, so nothing is known about it."""


class ChangedMeanwhile(Finding):
    """It has changed since it was read; nothing was written."""


_LEAST_BAD_FIRST = (0, 2, 3, 1)


def worst_exit_code(codes: Iterable[int]) -> int:
    """Return the worst exit code of several runs: 1 (FAIL) over 3 (no answer) over 2 (bad input) over 0.

    Any other code, such as that of a killed process, counts as 3.
    """
    return max((code if code in _LEAST_BAD_FIRST else 3 for code in codes), key=_LEAST_BAD_FIRST.index, default=0)
