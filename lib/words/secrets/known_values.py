"""Finds secrets with known values in every encoding that a program may have used."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import unquote

from lib.words.secrets.anchored import Kind, Span, lowered
from lib.words.secrets.names import says_secret

SHORTEST_VALUE = 6
# A value cut by an ellipsis is found if at least this many characters, or half of it, remain.
_SHOWN_OF_CUT = 8
# Longer values are found in pieces of at most this many characters.
_LONGEST_PIECE = 96
# A line may be wrapped anywhere, and the next one indented.
_BREAK = r"(?:=?[ \t]{0,80}+\r?\n[ \t]{0,80}+)?"
_LONGEST_BREAK = 200
_PASSWORD_OF_ADDRESS = re.compile(r"[a-zA-Z][\w+.-]*://[^\s/:]*:([^\s]+)@[^@\s]*")


def secrets_in(values: Iterable[str]) -> frozenset[str]:
    """Return the secrets in these values: the values themselves, or passwords and keys inside them."""
    return frozenset(
        part for value in values for part in _parts(value.strip()) if len(part) >= SHORTEST_VALUE and part.strip()
    )


def _parts(value: str) -> Iterator[str]:
    try:
        content = json.loads(value)
    except (ValueError, RecursionError):
        content = None
    if isinstance(content, dict):  # for example a service account, which has more than its key
        keys = [item.strip() for name, item in content.items() if says_secret(name) and isinstance(item, str)]
        yield from keys or [value]
        return
    yield value
    if address := _PASSWORD_OF_ADDRESS.fullmatch(value):
        yield from (address[1], unquote(address[1]))


@lru_cache(maxsize=1024)
def kinds_of(value: str) -> tuple[Kind, ...]:
    """Return the kinds that find a secret: plain, in base64 or hexadecimal; whole, wrapped, or cut by an ellipsis."""
    pieces = -(-len(value) // _LONGEST_PIECE)
    size = -(-len(value) // pieces)
    return tuple(kind for at in range(0, len(value), size) for kind in _piece_kinds(value[at : at + size]))


def _piece_kinds(piece: str) -> Iterator[Kind]:
    shown = min(max((len(piece) + 1) // 2, SHORTEST_VALUE), _SHOWN_OF_CUT)
    ends = "".join(char for char in "\"'<>" if char not in piece)
    cut = _broken(piece[:shown]) + rf"[^\r\n{ends}]{{0,{len(piece)}}}?(?:…|\.\.\.)"
    yield from _kinds(f"{_broken(piece)}|{cut}", piece)
    content = piece.encode("utf-8", "surrogatepass")
    yield from _kinds(f"(?i){_broken(content.hex())}", content.hex())
    for code in sorted(set(_base64(content))):
        yield from _kinds(_broken(code), code)


def _broken(text: str) -> str:
    return _BREAK.join(map(re.escape, text))


def _kinds(pattern: str, text: str) -> Iterator[Kind]:
    """Return kinds for a wrapped text: with one break, either its beginning or its end is in one piece."""
    compiled = re.compile(pattern)
    half = (len(text) + 1) // 2
    width = len(text) + _LONGEST_BREAK

    def from_beginning(text: str, at: int) -> Span | None:
        match = compiled.match(text, at)
        return match.span() if match else None

    def from_end(text: str, at: int) -> Span | None:
        # Wide enough to cover every match with an anchor in the next `width` characters, so none is searched twice.
        match = compiled.search(text, max(0, at - width), at + 2 * width)
        return match.span() if match else (at + width, at + width)

    yield Kind((lowered(text[: min(half, _SHOWN_OF_CUT)]),), from_beginning)
    yield Kind((lowered(text[half:]),), from_end)


def _base64(content: bytes) -> Iterator[str]:
    """Yield the base64 text that depends only on the content, for each of three offsets; also in the URL alphabet."""
    for before in range(3):
        code = b64encode(bytes(before) + content).decode().rstrip("=")
        inner = code[(0, 2, 3)[before] : (before + len(content)) * 8 // 6]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")
