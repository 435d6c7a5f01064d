"""Small HTML tables for notebooks and reports: escaped, capped, without style of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from html import escape
from typing import Any

_LONGEST_CELL = 300
_LONGEST_WORDS = 48
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Table:
    """Rows to look at. Displaying it in a notebook shows the first few.

    Attributes:
        caption: What the rows are.
        columns: Headings.
        rows: One sequence a row, a value a column.
        note: How to read it; may be empty.
        shown: How many rows are displayed at most.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    shown: int = 50

    def _repr_html_(self) -> str:
        if not self.rows:
            return f"<p><b>{_safe(self.caption)}</b>: none.</p>"
        head = "".join(f"<th>{_safe(column)}</th>" for column in self.columns)
        body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in self.rows[: self.shown])
        return (
            f'<table class="data"><caption>{_safe(self.caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{self._remarks()}"
        )

    def _remarks(self) -> str:
        hidden = len(self.rows) - self.shown
        remarks = [self.note] if self.note else []
        remarks += [f"{hidden:,} more rows are not shown."] if hidden > 0 else []
        return f'<p class="note">{_safe(" ".join(remarks))}</p>' if remarks else ""

    def __repr__(self) -> str:
        return f"{self.caption}: {len(self.rows)} rows"


def facts(caption: str, values: Mapping[str, Any]) -> Table:
    """A table of two columns."""
    return Table(caption, ("Fact", "Value"), list(values.items()))


def text_of(value: Any) -> str:
    """The value as people read it: one line, no control characters, not endless."""
    if value is None:
        text = "-"
    elif isinstance(value, float):
        text = f"{value:,.1f}"
    elif isinstance(value, int) and not isinstance(value, bool | Enum):
        text = f"{value:,}"
    elif isinstance(value, tuple | list | frozenset | set):
        text = ", ".join(map(text_of, value)) or "-"
    else:
        text = str(value)
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…"


def _cell(value: Any) -> str:
    """Numbers stand to the right and long texts may break; the page says how."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'<td class="number">{_safe(value)}</td>'
    text = _safe(value)
    return f'<td class="long">{text}</td>' if len(text) > _LONGEST_WORDS else f"<td>{text}</td>"


def _safe(value: Any) -> str:
    return escape(text_of(value))
