"""Unescapes text within text (JSON, HTML, URLs, string literals) and maps positions back to the original."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from html import unescape

from lib.words.secrets.anchored import Span

# JSON within JSON within a page; more layers do not occur in practice.
_MOST_LAYERS = 4
_ESCAPE = re.compile(
    r"\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[\\\"'/nrtbf])"
    r"|&(?:amp|lt|gt|quot|apos|nbsp|hellip|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});"
    r"|%(?:[0-7][0-9a-fA-F]|[cCdD][0-9a-fA-F]%[89abAB][0-9a-fA-F]|[eE][0-9a-fA-F](?:%[89abAB][0-9a-fA-F]){2}"
    r"|[fF][0-7](?:%[89abAB][0-9a-fA-F]){3})"
)
# Regular expressions for a backslash or an ampersand that does not start an escape.
PLAIN_BACKSLASH = r"\\(?![\\\"'/nrtbfux])"
PLAIN_AMPERSAND = r"&(?!(?:amp|lt|gt|quot|apos|nbsp|hellip|#\w{1,8});)"
# The end of a string in JSON: another string, or the end of the list or object, follows.
_FOLLOWS = r"[,:]\s{0,9}[\"\[{]|[\]}]"
_END_OF_STRING = re.compile(rf"(?<!\\)(?:\\\\)*(?P<quote>\")\s{{0,9}}(?:{_FOLLOWS})")
# In escaped text, the last quote of all ends a string, too.
_LAST_OF_STRING = re.compile(rf"(?<!\\)(?:\\\\)*(?P<quote>\")\s{{0,9}}(?:{_FOLLOWS}|$)")
_BETWEEN_STRINGS = re.compile(r"\"\s{0,9}[,:]\s{0,9}[\"\[{]")
_LOOK_AHEAD = 24
# This many punctuation characters in a row are a separator, not a secret.
_LOOK_LIKE_TEXT = 6
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


class Layer:
    """A text as it is, or with the escapes of the layer below resolved."""

    def __init__(self, text: str, below: Layer | None = None, ends: tuple[list[int], list[int]] = ([], [])) -> None:
        self.text = text
        self._below = below
        self._ends, self._ends_below = ends

    def origin(self, span: Span) -> Span:
        """Return the position of a part of this layer in the original text.

        The span never splits an escape and never leaves the JSON string where it starts; empty if nothing is left.
        """
        layer, span = self, _within_string(self.text, span)
        while layer._below:
            span = layer._down(span[0]), layer._down(span[1])
            layer = layer._below
            span = _within_string(layer.text, span, is_below=True)
        return span

    def _down(self, at: int) -> int:
        index = bisect_right(self._ends, at) - 1
        return at if index < 0 else self._ends_below[index] + at - self._ends[index]

    def read(self) -> Layer | None:
        """Return the layer above, with each escape resolved once; None if there are no escapes."""
        pieces: list[str] = []
        ends: tuple[list[int], list[int]] = ([], [])
        done = length = 0
        for match in _ESCAPE.finditer(self.text):
            start, end = match.span()
            char = _char(match[0])
            pieces += (self.text[done:start], char)
            length += start - done + len(char)
            ends[0].append(length)
            ends[1].append(end)
            done = end
        return Layer("".join((*pieces, self.text[done:])), self, ends) if pieces else None


def _within_string(text: str, span: Span, is_below: bool = False) -> Span:
    start, stop = span
    if start >= stop or _BETWEEN_STRINGS.match(text, max(0, start - 1), stop + _LOOK_AHEAD):
        return start, start
    end = (_LAST_OF_STRING if is_below else _END_OF_STRING).search(text, start, stop + _LOOK_AHEAD)
    if end and end.start("quote") < stop:
        stop = end.start("quote")
    is_punctuation = stop - start < _LOOK_LIKE_TEXT and not any(map(str.isalnum, text[start:stop]))
    return (start, start) if is_punctuation else (start, stop)


def layers(text: str) -> Iterator[Layer]:
    """Yield the text, then each layer with more escapes resolved."""
    layer: Layer | None = Layer(text)
    for _ in range(_MOST_LAYERS):
        if layer is None:
            return
        yield layer
        layer = layer.read()


def _char(escape: str) -> str:
    if escape[0] == "&":
        return unescape(escape)
    if escape[0] == "%":
        return bytes.fromhex(escape.replace("%", "")).decode("utf-8", "replace")
    if escape[1] in "ux":
        return chr(int(escape[2:], 16))
    return _LETTERS.get(escape[1], escape[1])
