"""Text from anywhere, made harmless: for pages and notebooks in lines, for a terminal or a cell in one."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any

from lib.words.terminal_text import without_escapes

_LONGEST_CELL = 300
# Control characters, halves of surrogate pairs, and marks that turn the reading direction.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


def printable(text: str) -> str:
    """The text without escape sequences of terminals, and with a replacement character for what no page may hold."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", without_escapes(text).replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """The text as `printable` has it, in one line and with single spaces."""
    return " ".join(printable(text).split())


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
    text = one_line(text)
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…"


def first_words(text: str, most: int) -> tuple[str, str]:
    """The words that fit so many characters, and the others; a first word that is longer than that is cut."""
    if len(text) <= most:
        return text, ""
    first = text[: most + 1].rpartition(" ")[0].rstrip(" ,;:") or text[:most]
    return first, text[len(first) :]
