"""Text as HTML that wraps only between words, so that no date, id, batch or command is split.

CSS alone cannot do this: browsers may wrap after any hyphen. The style sheet defines how words are shown that are
wider than their place.
"""

from __future__ import annotations

import re
from html import escape, unescape

_WORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d\S*(?: [A-Z]{2,5}\b)?|\S+")  # a time with its zone is one word
_BREAKABLE = re.compile(r"[^\s\w.,:;'\"()<>][^\s\w]{0,9}\w")


def unbroken(text: str) -> str:
    """Return any text as escaped HTML."""
    return with_whole_words(escape(text))


def with_whole_words(html: str) -> str:
    """Return text that is already escaped and has no tags as HTML."""
    return _WORD.sub(_kept, html)


def _kept(word: re.Match[str]) -> str:
    return f'<span class="whole">{word[0]}</span>' if _BREAKABLE.search(unescape(word[0])) else word[0]
