"""Text as HTML whose lines end between words: no date, id, batch or command stands in two of them.

No style can say so: a browser ends a line after any hyphen. The style sheet says what becomes of a word that is wider
than its place.
"""

from __future__ import annotations

import re
from html import escape, unescape

_WORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d\S*(?: [A-Z]{2,5}\b)?|\S+")  # a moment with its zone is one
_BREAKABLE = re.compile(r"[^\s\w.,:;'\"()<>][^\s\w]{0,9}\w")


def unbroken(text: str) -> str:
    """Any text, escaped."""
    return with_whole_words(escape(text))


def with_whole_words(html: str) -> str:
    """The same of what is escaped already, and holds no tag."""
    return _WORD.sub(_kept, html)


def _kept(word: re.Match[str]) -> str:
    return f'<span class="whole">{word[0]}</span>' if _BREAKABLE.search(unescape(word[0])) else word[0]
