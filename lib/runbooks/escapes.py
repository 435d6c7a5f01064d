"""Text within text: JSON, HTML, addresses and literals of programs read, with the way back to where it stood."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from html import unescape

from lib.runbooks.anchored import Span

# JSON within JSON within a page; more layers nobody writes.
_MOST_LAYERS = 4
_ESCAPE = re.compile(
    r"\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[\\\"'/nrtbf])"
    r"|&(?:amp|lt|gt|quot|apos|nbsp|hellip|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});"
    r"|%(?:[0-7][0-9a-fA-F]|[cCdD][0-9a-fA-F]%[89abAB][0-9a-fA-F]|[eE][0-9a-fA-F](?:%[89abAB][0-9a-fA-F]){2}"
    r"|[fF][0-7](?:%[89abAB][0-9a-fA-F]){3})"
)
# Of a regular expression: a backslash or an ampersand that begins no escape.
PLAIN_BACKSLASH = r"\\(?![\\\"'/nrtbfux])"
PLAIN_AMPERSAND = r"&(?!(?:amp|lt|gt|quot|apos|nbsp|hellip|#\w{1,8});)"
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


class Layer:
    """A text, as it is or with the escapes of another layer read."""

    def __init__(self, text: str, below: Layer | None = None, ends: tuple[list[int], list[int]] = ([], [])) -> None:
        self.text = text
        self._below = below
        self._ends, self._ends_below = ends

    def origin(self, span: Span) -> Span:
        """Where a part of this layer stands in the text that was read first; never within an escape."""
        layer: Layer = self
        while layer._below:
            span = layer._down(span[0]), layer._down(span[1])
            layer = layer._below
        return span

    def _down(self, at: int) -> int:
        index = bisect_right(self._ends, at) - 1
        return at if index < 0 else self._ends_below[index] + at - self._ends[index]

    def read(self) -> Layer | None:
        """The layer above, each escape read once; None: there is none."""
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


def layers(text: str) -> Iterator[Layer]:
    """The text, and above it what it holds in escapes."""
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
