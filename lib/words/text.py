"""Makes text from anywhere harmless: several lines for pages and notebooks, one line for terminals and cells."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any

from lib.words.terminal_text import without_escapes

_LONGEST_CELL = 300
# Control characters, lone surrogates, and marks that change the reading direction.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


def printable(text: str) -> str:
    """Remove terminal escape sequences, and replace characters that pages cannot contain."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", without_escapes(text).replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Return the text as in `printable`, on one line with single spaces."""
    return " ".join(printable(text).split())


def text_of(value: Any) -> str:
    """Format a value for people: one line of limited length without control characters."""
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
    text = one_line(text)
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…"


def first_words(text: str, most: int) -> tuple[str, str]:
    """Split a text into the words that fit `most` characters and the rest; a longer first word is cut."""
    if len(text) <= most:
        return text, ""
    first = text[: most + 1].rpartition(" ")[0].rstrip(" ,;:") or text[:most]
    return first, text[len(first) :]
