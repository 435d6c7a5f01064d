"""Finds and masks secrets in text.

Secrets are: credentials in well-known formats; credentials in requests and commands; values of secret-sounding
names (``password=…``); matches of an environment's own patterns; and values of environment variables. Nothing is
guessed from how random a text looks, because row ids, digests and run ids look random, too, and must stay readable.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lib.errors import UserError
from lib.words.secrets.anchored import Search, Span
from lib.words.secrets.escapes import layers
from lib.words.secrets.formats import FORMATS
from lib.words.secrets.given_values import GIVEN
from lib.words.secrets.known_values import SHORTEST_VALUE, kinds_of, secrets_in
from lib.words.secrets.names import says_password, says_secret
from lib.words.terminal_text import ESCAPES, without_escapes

MASK = "[masked]"

# Placeholder for masked parts while the search continues; almost no secret contains it.
_OPAQUE = "<" * len(MASK)
_NAMES = ("name", "key", "variable", "header", "field", "setting")
_VALUES = ("value", "default", "content")
_SHORTEST_PIN = 4


@dataclass(frozen=True)
class Redactor:
    """Masks secrets in linear time; masking again changes nothing.

    Attributes:
        patterns: Patterns of further secrets; the secret is the group that matched, or the whole match.
        values: Known secrets, found in any form: escaped, in base64, wrapped.
    """

    patterns: tuple[re.Pattern[str], ...] = ()
    values: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, patterns: Iterable[str] = (), listed: Iterable[str] = (), variables: Mapping[str, str] = os.environ
    ) -> Redactor:
        """Return a redactor for well-known secrets, matches of the patterns, and values of environment variables.

        Args:
            patterns: Regular expressions.
            listed: Variables with secrets. Those with secret-sounding names are always masked.
            variables: The variables with their values; by default this process's.

        Raises:
            UserError: The value of a listed variable is so short that it would occur in ordinary words.
        """
        named = sorted(set(listed))
        for name in named:
            if 0 < len(variables.get(name, "")) < SHORTEST_VALUE:
                raise UserError(f"redact.variables: the value of {name} has fewer than {SHORTEST_VALUE} characters")
        values = secrets_in(value for name, value in variables.items() if name in named or says_secret(name))
        return cls(tuple(map(re.compile, patterns)), values)

    def text(self, text: str) -> str:
        """Replace each secret in the text by `MASK`; without secrets, return the same object."""
        return self.pieces([text])[0]

    def pieces(self, pieces: Sequence[str]) -> list[str]:
        """Mask one text given in pieces, such as a cell's output; a secret may be split between pieces."""
        masked = list(pieces)
        while True:
            found = self._found(masked)
            if found is None:
                return masked
            masked = found

    def data(self, value: Any) -> Any:
        """Mask JSON-like data, keeping its shape; every text under a secret-sounding name is masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self._key(key): self._named(name, item) for key, name, item in _named_items(value)}
        if isinstance(value, list | tuple):
            return type(value)(self._items(value))
        return value

    def _items(self, items: Sequence[Any]) -> list[Any]:
        if len(items) == 2 and isinstance(items[0], str) and says_secret(items[0]):  # a name and its value
            return [items[0], self._named(items[0], items[1])]
        return [self.data(item) for item in items]

    def _key(self, key: Any) -> Any:
        return self.text(key) if isinstance(key, str) else key

    def _named(self, name: Any, value: Any) -> Any:
        if not isinstance(name, str) or not (says_password(name) if " " in name else says_secret(name)):
            return self.data(value)
        return _masked_below(value, says_password(name))

    def _found(self, pieces: list[str]) -> list[str] | None:
        """Mask the secrets in the pieces; return None if there are none."""
        whole = "".join(pieces)
        plain = without_escapes(whole)
        if plain != whole and self._secrets(plain):
            # Colour codes may split a secret, and pages omit them; they are dropped where they hide one.
            pieces, whole = _without_escapes(pieces), plain
        found = self._secrets(whole)
        return list(_with_masks(whole, pieces, found)) if found else None

    def _secrets(self, text: str) -> list[Span]:
        masks = [match.span() for match in re.finditer(re.escape(MASK), text)]
        unmasked = text.replace(MASK, _OPAQUE) if masks else text
        found = [*self._matches(unmasked)]
        for layer in layers(unmasked):
            found += map(layer.origin, self._search.spans(layer.text))
        # A mask inside a secret becomes part of it; separate masks stay.
        old = set(masks)
        return [span for span in _merged([*found, *masks]) if span not in old] if found else []

    def _matches(self, text: str) -> Iterator[Span]:
        for pattern in self.patterns:
            for match in pattern.finditer(text):
                start, end = match.span(match.lastindex or 0)
                if start < end:
                    yield start, end

    @cached_property
    def _search(self) -> Search:
        longest_first = sorted(self.values, key=lambda value: (-len(value), value))
        known = [kind for value in longest_first for kind in kinds_of(value)]
        return Search((*known, *FORMATS, GIVEN))


def _named_items(value: Mapping[Any, Any]) -> Iterator[tuple[Any, Any, Any]]:
    """Yield each key, the name that describes its value, and the value: ``{"name": "DB_PASSWORD", "value": "…"}``."""
    lowered = {key.lower(): item for key, item in value.items() if isinstance(key, str)}
    named = next((lowered[key] for key in _NAMES if isinstance(lowered.get(key), str)), None)
    for key, item in value.items():
        is_value = named is not None and isinstance(key, str) and key.lower() in _VALUES
        yield key, named if is_value else key, item


def _masked_below(value: Any, is_password: bool) -> Any:
    if isinstance(value, Mapping):
        return {key: _masked_below(item, is_password) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_masked_below(item, is_password) for item in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return MASK if is_password and len(str(value)) >= _SHORTEST_PIN else value
    is_secret = isinstance(value, str) and value and (is_password or not value.isdigit())
    return MASK if is_secret else value


def _without_escapes(pieces: Sequence[str]) -> list[str]:
    """Remove escape sequences, including those split between two pieces."""
    whole = "".join(pieces)
    spans = [match.span() for match in ESCAPES.finditer(whole)]
    return list(_with_masks(whole, pieces, spans, mask=""))


def _merged(found: Sequence[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(span for span in found if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _with_masks(whole: str, pieces: Sequence[str], found: Sequence[Span], mask: str = MASK) -> Iterator[str]:
    """Yield the pieces with each secret replaced by the mask, in the piece where it starts."""
    offset = index = 0
    for piece in pieces:
        end, at, kept = offset + len(piece), offset, []
        while index < len(found) and found[index][0] < end:
            start, stop = found[index]
            kept.append(whole[at : max(start, at)] + (mask if start >= offset else ""))
            at = min(stop, end)
            if stop > end:
                break
            index += 1
        yield "".join(kept) + whole[at:end]
        offset = end
