"""A step of a runbook: what it asked, what it found, and what to look at.

A step whose source cannot be read is UNKNOWN with the reason, and the steps after it go
on. That rule stands here once, as `section`. A source that is damaged, or is not there,
cannot be read either.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, ParamSpec

from lib.consolidation.errors import SpecMismatch, TableNotFound, UnmarkedStaging
from lib.errors import CorruptState, RunbookError, Unavailable
from lib.verdict.live import style
from lib.verdict.verdict import Check, Verdict
from lib.words.text import text_of

# Nothing is known of a source that does not answer, is damaged, lacks its table, does not fit its settings, or could
# be another table's.
COULD_NOT_LOOK = (Unavailable, CorruptState, TableNotFound, SpecMismatch, UnmarkedStaging)

_P = ParamSpec("_P")


@dataclass(frozen=True)
class Section:
    """What one step found. Displaying it in a notebook shows all of it.

    Attributes:
        checks: Its answers; empty for a step that only shows.
        exhibits: Tables and figures, in reading order.
    """

    checks: tuple[Check, ...]
    exhibits: tuple[Any, ...] = ()

    def _ipython_display_(self) -> None:
        from IPython import display

        show: Any = display.display
        if self.checks:
            show(_Answers(self.checks))
        for exhibit in self.exhibits:
            show(exhibit)


@dataclass(frozen=True)
class _Answers:
    checks: Sequence[Check]

    def _repr_html_(self) -> str:
        return style() + "".join(map(_answer, self.checks))


def _answer(check: Check) -> str:
    verdict = escape(check.verdict)
    return (
        f'<p class="check"><span class="verdict {verdict.lower()}"><b>{verdict}</b></span> '
        f"{escape(text_of(check.name))}: {escape(text_of(check.summary))}</p>"
    )


def section(question: str) -> Callable[[Callable[_P, Section]], Callable[_P, Section]]:
    """Make a step UNKNOWN when its source cannot be read.

    Args:
        question: Name of the check that then stands for the step.
    """

    def decorate(step: Callable[_P, Section]) -> Callable[_P, Section]:
        @functools.wraps(step)
        def guarded(*args: _P.args, **kwargs: _P.kwargs) -> Section:
            try:
                return step(*args, **kwargs)
            except COULD_NOT_LOOK as error:
                return Section((could_not_look(question, error),))

        return guarded

    return decorate


def could_not_look(question: str, error: RunbookError) -> Check:
    """The answer when the source could not be read."""
    mend = "Make the source readable"
    if isinstance(error, SpecMismatch):
        mend = "Correct the settings of the table, `table:` in the environment's file"
    return Check(
        question,
        Verdict.UNKNOWN,
        f"could not look: {error}",
        next_step=f"{mend}, and run this runbook again; until then nothing is known.",
    )


def all_checks(sections: Sequence[Section]) -> list[Check]:
    """The answers of all steps, for the verdict."""
    return [check for part in sections for check in part.checks]
