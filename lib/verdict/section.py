"""A step of a runbook: what it asked, what it found, and what to look at.

`section` makes a function such a step. What it found counts in the run's verdict from then on, and
a step whose source cannot be read is UNKNOWN with the reason, while the steps after it go on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from lib.errors import CouldNotLook
from lib.verdict.check import Check, Question
from lib.verdict.conclusion import Conclusion, conclude, marked
from lib.verdict.live import style
from lib.words.text import text_of


@dataclass(frozen=True)
class Section:
    """What one step found. Displaying it in a notebook shows all of it.

    Attributes:
        checks: Its answers; empty for a step that only shows.
        exhibits: Tables and figures, in reading order.
        settles: Ids of earlier questions whose answers count no longer, such as what a repair has mended.
        leads: Whether its first answer is the run's headline when all is well.
    """

    checks: tuple[Check, ...]
    exhibits: tuple[Any, ...] = ()
    settles: tuple[str, ...] = ()
    leads: bool = False

    def _ipython_display_(self) -> None:
        from IPython import display

        show: Any = display.display
        if self.checks:
            show(_Answers(self.checks))
        for exhibit in self.exhibits:
            show(exhibit)


class Findings:
    """What the steps of one run found so far.

    A step that is run again, as people do in JupyterLab, replaces what it found before; so does a
    later answer to the same question.
    """

    def __init__(self) -> None:
        self._sections: dict[str, Section] = {}

    def add(self, step: str, found: Section) -> None:
        """Count what a step found; `step` names it with its arguments."""
        self._sections.pop(step, None)
        self._sections[step] = found

    def conclude(self) -> Conclusion:
        """Draw the conclusion from all of them."""
        answers: dict[str, Check] = {}
        lead = None
        for found in self._sections.values():
            answers.update({check.id: check for check in found.checks})
            for question in found.settles:
                answers.pop(question, None)
            lead = found.checks[0] if found.leads and found.checks else lead
        return conclude(list(answers.values()), lead)


class Asked(Protocol):
    """What a step takes first: the run that it belongs to."""

    @property
    def findings(self) -> Findings: ...


_Run = TypeVar("_Run", bound=Asked)
_P = ParamSpec("_P")
_Step = Callable[Concatenate[_Run, _P], Section]


def section(question: Question) -> Callable[[_Step[_Run, _P]], _Step[_Run, _P]]:
    """Make a function a step: what it finds counts, and it is UNKNOWN when its source cannot be read.

    Args:
        question: Stands for the step when it could not look.
    """

    def decorate(step: _Step[_Run, _P]) -> _Step[_Run, _P]:
        @functools.wraps(step)
        def counted(run: _Run, /, *args: _P.args, **kwargs: _P.kwargs) -> Section:
            try:
                found = step(run, *args, **kwargs)
            except CouldNotLook as error:
                found = Section((question.could_not_look(error),))
            run.findings.add(f"{step.__module__}.{step.__qualname__}{args}{kwargs}", found)
            return found

        return counted

    return decorate


@dataclass(frozen=True)
class _Answers:
    checks: Sequence[Check]

    def _repr_html_(self) -> str:
        return style() + "".join(map(_answer, self.checks))


def _answer(check: Check) -> str:
    said = f"{escape(text_of(check.name))}: {escape(text_of(check.summary))}"
    return f'<p class="check">{marked(check.verdict)} {said}</p>'
