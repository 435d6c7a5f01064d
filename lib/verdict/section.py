"""A step of a runbook: what it asked, what it found, and the tables to look at.

`section` makes a function such a step. What it found counts in the run's verdict from then on, and
a step whose source cannot be read is UNKNOWN with the reason, while the steps after it go on.
Tables are small HTML: escaped, capped, without style of their own; those who work in a notebook
see more rows, and sort them by a click on a heading.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from lib.errors import CouldNotLook
from lib.verdict.check import Check, Question
from lib.verdict.conclusion import Conclusion, conclude, marked
from lib.verdict.live import is_live, sorting, style
from lib.words.quantities import Duration
from lib.words.text import text_of

_MOST_LIVE_ROWS = 1_000
_LONGEST_WORDS = 48


@dataclass(frozen=True)
class Section:
    """What one step found. Displaying it in a notebook shows all of it.

    Attributes:
        checks: Its answers; empty for a step that only shows.
        exhibits: Tables and figures, in reading order.
        settles: Ids of questions whose earlier answers count no longer, such as what a repair has mended.
        leads: Whether its first answer is the run's headline when all is well.

    Raises:
        ValueError: Two of its answers are to one question.
    """

    checks: tuple[Check, ...]
    exhibits: tuple[Any, ...] = ()
    settles: tuple[str, ...] = ()
    leads: bool = False

    def __post_init__(self) -> None:
        ids = [check.id for check in self.checks]
        if len(set(ids)) < len(ids):
            raise ValueError(f"a step answers each question once, got {', '.join(ids)}")

    def _ipython_display_(self) -> None:
        from IPython import display

        show: Any = display.display
        if self.checks:
            show(_Answers(self.checks))
        for exhibit in self.exhibits:
            show(exhibit)


class Findings:
    """What the steps of one run found so far.

    A step that is run again, as people do in JupyterLab, replaces what it found before. No other
    answer is ever replaced, unless a later step settles its question: a PASS hides no FAIL by chance.
    """

    def __init__(self) -> None:
        self._sections: dict[str, Section] = {}

    def add(self, step: str, found: Section) -> None:
        """Count what a step found; `step` names it with its arguments."""
        self._sections.pop(step, None)
        self._sections[step] = found

    def conclude(self) -> Conclusion:
        """Draw the conclusion from all of them."""
        answers: list[Check] = []
        lead = None
        for found in self._sections.values():
            answers = [check for check in answers if check.id not in found.settles]
            # A step may hand on what the steps that it asked have found.
            answers += [check for check in found.checks if check not in answers]
            lead = found.checks[0] if found.leads and found.checks else lead
        return conclude(answers, lead)


class Asked(Protocol):
    """What a step takes first: the run that it belongs to."""

    @property
    def findings(self) -> Findings: ...


_Run = TypeVar("_Run", bound=Asked)
_Found = TypeVar("_Found")
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


def or_fault(look: Callable[[], _Found]) -> tuple[_Found | None, str]:
    """What a further source of a step holds, and no fault; or None, and why it could not be read."""
    try:
        return look(), ""
    except CouldNotLook as error:
        return None, str(error)


@dataclass(frozen=True)
class _Answers:
    checks: Sequence[Check]

    def _repr_html_(self) -> str:
        return style() + "".join(map(_answer, self.checks))


def _answer(check: Check) -> str:
    said = f"{escape(text_of(check.name))}: {escape(text_of(check.summary))}"
    return f'<p class="check">{marked(check.verdict)} {said}</p>'


@dataclass(frozen=True)
class Table:
    """Rows to look at. Displaying it in a notebook shows the first few.

    Attributes:
        caption: What the rows are.
        columns: Headings.
        rows: One sequence a row, a value a column.
        note: How to read it; may be empty.
        shown: How many rows are displayed at most, but to those who work in the notebook.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    shown: int = 50

    def _repr_html_(self) -> str:
        if not self.rows:
            return f"<p><b>{_safe(self.caption)}</b>: none.</p>"
        rows = self.rows[: self._displayed]
        head = "".join(_heading(column, [row[at : at + 1] for row in rows]) for at, column in enumerate(self.columns))
        body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
        return (
            f'{style()}<table class="data"><caption>{_safe(self.caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{self._remarks()}"
            f"{sorting()}"
        )

    @property
    def _displayed(self) -> int:
        return max(self.shown, _MOST_LIVE_ROWS) if is_live() else self.shown

    def _remarks(self) -> str:
        hidden = len(self.rows) - self._displayed
        remarks = [self.note] if self.note else []
        remarks += [f"{hidden:,} more rows are not shown."] if hidden > 0 else []
        return f'<p class="note">{_safe(" ".join(remarks))}</p>' if remarks else ""

    def __repr__(self) -> str:
        return f"{self.caption}: {len(self.rows)} rows"


def facts(caption: str, values: Mapping[str, Any]) -> Table:
    """A table of two columns."""
    return Table(caption, ("Fact", "Value"), list(values.items()))


def not_asked(question: Question, why: str) -> Section:
    """A step whose premise a table or its settings lack: one sentence, and no answer that counts in the verdict."""
    return Section((), (facts(question.name, {"answer": f"not asked: {why}"}),))


def _heading(column: str, cells: Sequence[Sequence[Any]]) -> str:
    """Over numbers it stands to the right, as they do."""
    is_of_numbers = all(_is_number(value) for cell in cells for value in cell)
    return f'<th class="number">{_safe(column)}</th>' if is_of_numbers else f"<th>{_safe(column)}</th>"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    """Numbers stand to the right and long texts may break; the page says how. Sorted is by what is meant."""
    if isinstance(value, Duration):
        return f'<td data-sort="{value.seconds}">{_safe(value)}</td>'
    if _is_number(value):
        return f'<td class="number" data-sort="{value}">{_safe(value)}</td>'
    text = _safe(value)
    return f'<td class="long">{text}</td>' if len(text) > _LONGEST_WORDS else f"<td>{text}</td>"


def _safe(value: Any) -> str:
    return escape(text_of(value))
