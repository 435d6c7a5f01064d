"""A step of a runbook: its question, its answers, and tables.

`section` turns a function into a step. Its answers count in the run's verdict. If its source cannot be read, the step
is UNKNOWN with the reason, and the following steps still run. Tables are small HTML: escaped, capped, without their own
styles. In JupyterLab they show more rows and can be sorted by a click on a heading; an archived run has all rows in a
file.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

from lib.errors import CouldNotLook, NotAsked, UserError
from lib.verdict import all_rows
from lib.verdict.all_rows import AllRows
from lib.verdict.cells import cell, heading, is_of_numbers, marked_as
from lib.verdict.change import MEDIA_TYPE, Change
from lib.verdict.check import Check, Question
from lib.verdict.conclusion import marked
from lib.verdict.frames import frame_of
from lib.verdict.live import is_archived, is_live, sorting, style
from lib.verdict.lookup import by_name, names_of
from lib.words.brief import brief
from lib.words.nouns import counted
from lib.words.text import text_of
from lib.words.unbroken import unbroken

if TYPE_CHECKING:
    import pandas

    from lib.verdict.findings import Findings

# The ids of the questions that a display answers, by which a report links a check to its step.
ANSWERS_TYPE = "application/vnd.consolidation-runbooks.answers+json"
_MOST_LIVE_ROWS = 1_000
_FACTS = ("Fact", "Value")


@dataclass(frozen=True)
class Section:
    """What one step found. Displaying it in a notebook shows all of it.

    Attributes:
        checks: Its answers; empty for a step that only shows something.
        exhibits: Tables and figures, in reading order.
        settles: Ids of questions whose earlier answers no longer count, such as after a repair.
        leads: Whether its first answer is the run's headline if all checks pass.
        changed: What it changed, for the record of the run.
        offer: A form in the notebook that carries out what was only planned.

    Raises:
        ValueError: Two answers are to the same question.
    """

    checks: tuple[Check, ...]
    exhibits: tuple[Any, ...] = ()
    settles: tuple[str, ...] = ()
    leads: bool = False
    changed: tuple[Change, ...] = ()
    offer: Offer | None = field(default=None, compare=False, repr=False)

    __repr__ = brief("checks", "exhibits")

    def __post_init__(self) -> None:
        ids = [check.id for check in self.checks]
        if len(set(ids)) < len(ids):
            raise ValueError(f"a step must answer each question once, got {', '.join(ids)}")

    @property
    def df(self) -> pandas.DataFrame:
        """All rows of its first table with real types: aware datetimes in UTC, numbers as numbers.

        Raises:
            UserError: It has no table.
        """
        table = next((each for each in self.exhibits if isinstance(each, Table)), None)
        if table is None:
            raise UserError("this step has no table; its answers are in .checks")
        return table.df

    def __getitem__(self, name: str) -> Any:
        """Return the table with this caption, or the check with this id or name; a prefix in any case is enough.

        Raises:
            NoSuchName: None or several have it. It is a `KeyError` and a `UserError`.
        """
        return by_name(self._named, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ipython_key_completions_())

    def _ipython_key_completions_(self) -> list[str]:
        return list(dict.fromkeys(name for group in self._named for name in group))

    @property
    def _named(self) -> tuple[Mapping[str, Any], ...]:
        return names_of([each for each in self.exhibits if isinstance(each, Table)], self.checks)

    def _ipython_display_(self) -> None:
        from IPython import display

        show: Any = display.display
        answers = None
        if self.checks:
            answers = show(_Answers(self.checks, self.changed), display_id=True if self.offer else None)
        for exhibit in (*self.exhibits, *((self.offer,) if self.offer else ())):
            show(exhibit)
        if self.offer and answers:
            self.offer.then(lambda found: answers.update(_Answers(found.checks, found.changed)))

    def _repr_html_(self) -> str:
        """Everything in one piece, for displays of plain HTML; a notebook displays the parts."""
        parts = (_Answers(self.checks, self.changed), *self.exhibits)
        return "".join(part._repr_html_() for part in parts)


class Offer(Protocol):
    """A form that carries out what a step has only planned. Displaying it shows the form."""

    def then(self, heard: Callable[[Section], object]) -> None:
        """Call this with the section once it was carried out; immediately if that is known already."""


class Asked(Protocol):
    """The first argument of a step: the run that it belongs to."""

    @property
    def findings(self) -> Findings: ...


_Run = TypeVar("_Run", bound=Asked)
_Found = TypeVar("_Found")
_P = ParamSpec("_P")
_Step = Callable[Concatenate[_Run, _P], Section]


def section(question: Question) -> Callable[[_Step[_Run, _P]], _Step[_Run, _P]]:
    """Turn a function into a step: its answers count, and it is UNKNOWN if its source cannot be read.

    It is skipped, and shows why, if the environment has no such source.

    Args:
        question: The question that is UNKNOWN if the source cannot be read.
    """

    def decorate(step: _Step[_Run, _P]) -> _Step[_Run, _P]:
        @functools.wraps(step)
        def counted(run: _Run, /, *args: _P.args, **kwargs: _P.kwargs) -> Section:
            try:
                found = step(run, *args, **kwargs)
            except NotAsked as error:
                found = not_asked(question, str(error))
            except CouldNotLook as error:
                found = Section((question.could_not_look(error),))
            count = functools.partial(run.findings.add, (f"{step.__module__}.{step.__qualname__}", args, kwargs))
            count(found)
            if found.offer:
                found.offer.then(count)
            return found

        return counted

    return decorate


def or_fault(look: Callable[[], _Found]) -> tuple[_Found | None, str]:
    """Return the contents of an additional source and an empty fault, or None and why it could not be read."""
    try:
        return look(), ""
    except CouldNotLook as error:
        return None, str(error)


@dataclass(frozen=True)
class _Answers:
    checks: Sequence[Check]
    changed: Sequence[Change]

    def _repr_html_(self) -> str:
        return style() + "".join(map(_answer, self.checks))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        bundle = {"text/html": self._repr_html_(), ANSWERS_TYPE: [check.id for check in self.checks]}
        return {**bundle, MEDIA_TYPE: [change.as_data() for change in self.changed]} if self.changed else bundle


def _answer(check: Check) -> str:
    said = f"{escape(text_of(check.name))}: {escape(text_of(check.summary))}"
    return f'<p class="check">{marked(check.verdict)} {said}</p>'


@dataclass(frozen=True)
class Table:
    """A table of rows. Displaying it in a notebook shows the first few.

    A column of numbers, durations or quantities is right-aligned, so its unit belongs in the heading. A cell may be an
    `Id`, a `Difference` or a `Mark`; see `lib.verdict.cells`.

    Attributes:
        caption: What the rows are.
        columns: Headings.
        rows: One sequence per row, with one value per column.
        note: How to read it; may be empty.
        shown: Maximum number of rows displayed in an archived run.
        groups: Group headings by row number (from 0); each goes before that row.
        file: What an archived run stores in a file next to its report; None stores all rows if some are not displayed.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    shown: int = 50
    groups: Mapping[int, str] = field(default_factory=dict)
    file: AllRows | None = None

    @property
    def df(self) -> pandas.DataFrame:
        """All rows with real types: those of `file` if it has one."""
        whole = self.file or AllRows(self.caption, self.columns, self.rows)
        return frame_of(whole.headings, whole.rows)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """The rows for a file; IPython asks for the HTML separately."""
        file = self.file or (AllRows(self.caption, self.columns, self.rows) if self._hidden > 0 else None)
        return {all_rows.MEDIA_TYPE: file.as_data()} if file and is_archived() else {}

    def _repr_html_(self) -> str:
        if not self.rows:
            return f"<p><b>{_safe(self.caption)}</b>: none.</p>"
        rows = self.rows[: self._displayed]
        are_numbers = [is_of_numbers([row[at] for row in rows]) for at in range(len(self.columns))]
        head = "".join(heading(name, is_number=each) for name, each in zip(self.columns, are_numbers, strict=True))
        kind = " grouped" if self.groups else " facts" if tuple(self.columns) == _FACTS else ""
        return (
            f'{style()}<table class="data{kind}"><caption>{_safe(self.caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(self._body(rows, are_numbers))}</tbody></table>"
            f"{self._remarks()}{sorting()}"
        )

    def _body(self, rows: Sequence[Sequence[Any]], are_numbers: Sequence[bool]) -> Iterator[str]:
        for number, row in enumerate(rows):
            if number in self.groups:
                before = "</tbody><tbody>" if number else ""
                words = f"<span>{unbroken(text_of(self.groups[number]))}</span>"
                yield f'{before}<tr class="group"><th colspan="{len(row)}" scope="rowgroup">{words}</th></tr>'
            cells = (cell(value, is_number=each) for value, each in zip(row, are_numbers, strict=True))
            yield f"<tr{marked_as(row)}>{''.join(cells)}</tr>"

    @property
    def _displayed(self) -> int:
        return max(self.shown, _MOST_LIVE_ROWS) if is_live() else self.shown

    @property
    def _hidden(self) -> int:
        return len(self.rows) - self._displayed

    def _remarks(self) -> str:
        remarks = [self.note] if self.note else []
        remarks += [f"{counted(self._hidden, 'more row', 'is')} not shown."] if self._hidden > 0 else []
        return f'<p class="note">{unbroken(" ".join(map(text_of, remarks)))}</p>' if remarks else ""

    def __repr__(self) -> str:
        return f"{text_of(self.caption)}: {counted(len(self.rows), 'row')}"


def facts(caption: str, values: Mapping[str, Any]) -> Table:
    """Return a table of labels and values."""
    return Table(caption, _FACTS, list(values.items()))


def not_asked(question: Question, why: str) -> Section:
    """Return the section of a step that does not apply to the table or settings: one sentence, without a check."""
    return Section((), (facts(question.name, {"answer": f"skipped: {why}"}),))


def _safe(value: Any) -> str:
    return escape(text_of(value))
