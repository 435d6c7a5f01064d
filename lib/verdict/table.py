"""Small HTML tables for notebooks and reports: escaped, capped, without style of their own.

Who works in a notebook sees more rows, and sorts them by a click on a heading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from lib.verdict.live import is_live, sorting, style
from lib.words.quantities import Duration
from lib.words.text import text_of

_MOST_LIVE_ROWS = 1_000
_LONGEST_WORDS = 48


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
