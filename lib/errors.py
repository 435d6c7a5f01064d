"""The root of every error this library raises on purpose.

RunbookError
├── UserError      what was asked for is wrong; nothing was changed        (exit 2)
├── Unavailable    the answer could not be had; says nothing about it      (exit 3)
└── Finding        the question was answered, and the answer is bad news   (exit 1)

What leaves a check UNKNOWN is a `CouldNotLook` too: all that is `Unavailable`, and state that is
damaged or does not fit its settings. A check whose source an environment does not have is left out: `NotAsked`.

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
    """A source does not answer, is damaged, or does not fit its settings: nothing is known about what was asked.

    Attributes:
        remedy: What makes it readable, as the beginning of a sentence.
    """

    remedy = "Make the source readable"


class NotAsked(CouldNotLook):
    """The environment names nothing that could be asked: the question is left out, and leaves no doubt."""


class CorruptState(UserError, CouldNotLook):
    """A file of the state folder is damaged or was not written by this library: only its owner can mend that."""


class Unavailable(CouldNotLook):
    """A service or file could not be reached or read; the truth is unknown."""


class Finding(RunbookError):
    """The work was refused because a check found something bad."""

    exit_code = 1


class SourceUnavailable(Unavailable):
    """A source of evidence could not be read, so nothing is known about it."""


class ChangedMeanwhile(Finding):
    """It is not as it was when it was looked at; nothing was changed."""


_LEAST_BAD_FIRST = (0, 2, 3, 1)


def worst_exit_code(codes: Iterable[int]) -> int:
    """Of many runs: 1 a FAIL verdict, before 3 no answer, before 2 bad input; 0 when there is none.

    A code that is none of ours, such as that of a killed process, is no answer.
    """
    return max((code if code in _LEAST_BAD_FIRST else 3 for code in codes), key=_LEAST_BAD_FIRST.index, default=0)
