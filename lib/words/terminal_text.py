"""Text written for a terminal: its escape sequences, and what a screen finally shows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

# Colours and cursor moves; titles and links (OSC 8), terminated or not; and short sequences.
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
    """Return the text without escape sequences."""
    return ESCAPES.sub("", text)


@dataclass(slots=True)
class Row:
    """A line on a screen, or several lines that were never overwritten.

    Attributes:
        box: Number of the box that contains it.
        stream: The stream that wrote it: ``stdout`` or ``stderr``.
    """

    box: int
    stream: str
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.parts)


def rows_at_last(writes: Sequence[tuple[int, str, str]]) -> list[Row]:
    """Return what a screen finally shows after these writes, each with its box, stream and text."""
    if not any(_MOVE.search(text) for _, _, text in writes):
        # Fast path: most cells only print lines, and some print millions.
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
    """The final state of a cell's streams: a progress bar overwrites itself hundreds of times.

    Each stream has its own cursor, so that a progress bar and printed lines do not mix. Writing at the
    start of a line replaces the whole line, as in Jupyter.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._cursors: dict[str, _Cursor] = defaultdict(_Cursor)

    def write(self, text: str, stream: str, box: int) -> None:
        """Add text from a stream; new lines go to this box."""
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
