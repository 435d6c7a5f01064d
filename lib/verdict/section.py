"""A step of a runbook: what it asked, what it found, and the tables to look at.

`section` makes a function such a step. What it found counts in the run's verdict from then on, and
a step whose source cannot be read is UNKNOWN with the reason, while the steps after it go on.
Tables are small HTML: escaped, capped, without style of their own; those who work in a notebook
see more rows, and sort them by a click on a heading. An archived run has all rows in a file.
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

# Which questions a display answers, by their ids: so a report joins a check to its step.
ANSWERS_TYPE = "application/vnd.consolidation-runbooks.answers+json"
_MOST_LIVE_ROWS = 1_000
_FACTS = ("Fact", "Value")


@dataclass(frozen=True)
class Section:
    """What one step found. Displaying it in a notebook shows all of it.

    Attributes:
        checks: Its answers; empty for a step that only shows.
        exhibits: Tables and figures, in reading order.
        settles: Ids of questions whose earlier answers count no longer, such as what a repair has mended.
        leads: Whether its first answer is the run's headline when all is well.
        changed: What it changed, for the record of the run.
        offer: By which someone who works in the notebook may have done what was only planned.

    Raises:
        ValueError: Two of its answers are to one question.
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
            raise ValueError(f"a step answers each question once, got {', '.join(ids)}")

    @property
    def df(self) -> pandas.DataFrame:
        """All rows of its first table, with real types: moments aware and in UTC, numbers as numbers.

        Raises:
            UserError: It shows no table.
        """
        table = next((each for each in self.exhibits if isinstance(each, Table)), None)
        if table is None:
            raise UserError("this step shows no table; its answers are in .checks")
        return table.df

    def __getitem__(self, name: str) -> Any:
        """The table with that caption, or the check with that id or name; a beginning is enough, in any case.

        Raises:
            NoSuchName: None has it, or several do. It is a `KeyError` and a `UserError`.
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
        """In one piece, for what holds nothing but HTML; a notebook displays the parts."""
        parts = (_Answers(self.checks, self.changed), *self.exhibits)
        return "".join(part._repr_html_() for part in parts)


class Offer(Protocol):
    """How someone who works in the notebook may have a step do what it has only planned. Displaying it shows it."""

    def then(self, heard: Callable[[Section], object]) -> None:
        """Call this with what is found when it was done; at once if that is known already."""


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

    Without such a source in the environment it is not asked, and shows that.

    Args:
        question: Stands for the step when it could not look.
    """

    def decorate(step: _Step[_Run, _P]) -> _Step[_Run, _P]:
        @functools.wraps(step)
        def counted(run: _Run, /, *args: _P.args, **kwargs: _P.kwargs) -> Section:
            try:
                found = step(run, *args, **kwargs)
            except NotAsked as error:
                found = Section((), (facts(question.name, {"not asked": str(error)}),))
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
    """What a further source of a step holds, and no fault; or None, and why it could not be read."""
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
    """Rows to look at. Displaying it in a notebook shows the first few.

    A column of numbers, of spoken durations or of quantities stands to the right, so its unit belongs in its heading.
    A cell may be an `Id`, a `Difference` or a `Mark`, see `lib.verdict.cells`.

    Attributes:
        caption: What the rows are.
        columns: Headings.
        rows: One sequence a row, a value a column.
        note: How to read it; may be empty.
        shown: How many rows are displayed at most, but to those who work in the notebook.
        groups: What the rows from that one on have in common, by a row's number from 0; a heading before it.
        file: What an archived run has in a file beside its report; None: all rows, if not all are displayed.
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
        """All rows with real types; where the file of an archived run has more than the table, those of the file."""
        whole = self.file or AllRows(self.caption, self.columns, self.rows)
        return frame_of(whole.headings, whole.rows)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """Beside the HTML, which IPython asks for as well."""
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
    """A table of two columns."""
    return Table(caption, _FACTS, list(values.items()))


def not_asked(question: Question, why: str) -> Section:
    """A step whose premise a table or its settings lack: one sentence, and no answer that counts in the verdict."""
    return Section((), (facts(question.name, {"answer": f"not asked: {why}"}),))


def _safe(value: Any) -> str:
    return escape(text_of(value))
