"""Text that was made for a terminal: its escape sequences, and what a screen would show of it at last."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

# Colours and cursor moves, titles and links (OSC 8) with or without their end, and the short ones.
_ESCAPE = (
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]"
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c\n]*(?:\x1b\\|\x9c)?"
    r"|\x1b[ -/]{0,8}[0-~]?"
)
ESCAPES = re.compile(_ESCAPE)
_PARTS = re.compile(
    r"(?P<line>\r*\n)|(?P<start>\r)|(?P<back>\x08)|\x1b\[(?P<up>\d{0,4})A"
    rf"|(?P<escape>{_ESCAPE})|(?P<text>[^\r\n\x08\x1b\x90-\x9f]+|.)"
)

_MOVE = re.compile(r"[\r\x08]|\x1b\[\d*A")


def without_escapes(text: str) -> str:
    """The text without escape sequences."""
    return ESCAPES.sub("", text)


@dataclass(slots=True)
class Row:
    """One line on a screen, or several that nothing was written over.

    Attributes:
        box: Number of the box that it stands in.
        stream: Who wrote it: ``stdout`` or ``stderr``.
    """

    box: int
    stream: str
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.parts)


def rows_at_last(writes: Sequence[tuple[int, str, str]]) -> list[Row]:
    """What a screen shows at last of what was written: each time to a box, by a stream, a text."""
    if not any(_MOVE.search(text) for _, _, text in writes):
        # Most cells only print lines, and some print millions.
        return [Row(box, stream, [without_escapes(text).removesuffix("\n")]) for box, stream, text in writes]
    screen = Screen()
    for box, stream, text in writes:
        screen.write(text, stream, box)
    return screen.rows


@dataclass
class _Cursor:
    rows: list[Row] = field(default_factory=list)
    at: int = 0
    is_at_start: bool = True


class Screen:
    """What a cell's streams show at last: a progress bar writes hundreds of states over each other.

    Each stream has a cursor of its own, so that a bar and printed lines do not mix. What is written
    at the start of a line replaces all of it, as in Jupyter.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._cursors: dict[str, _Cursor] = defaultdict(_Cursor)

    def write(self, text: str, stream: str, box: int) -> None:
        """Add what a stream wrote; new lines stand in that box."""
        cursor = self._cursors[stream]
        for part in _PARTS.finditer(text):
            match part.lastgroup:
                case "line":
                    self._row(cursor, stream, box)
                    cursor.at, cursor.is_at_start = cursor.at + 1, True
                case "start":
                    cursor.is_at_start = True
                case "up":
                    cursor.at = max(0, cursor.at - int(part["up"] or 1))
                case "back":
                    row = self._row(cursor, stream, box)
                    row.parts[:] = [row.text[:-1]]
                case "text":
                    row = self._row(cursor, stream, box)
                    row.parts[:] = [] if cursor.is_at_start else row.parts
                    row.parts.append(part["text"])
                    cursor.is_at_start = False

    def _row(self, cursor: _Cursor, stream: str, box: int) -> Row:
        while cursor.at >= len(cursor.rows):
            cursor.rows.append(Row(box, stream))
            self.rows.append(cursor.rows[-1])
        return cursor.rows[cursor.at]
