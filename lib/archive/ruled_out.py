"""Rules out records that cannot contain the words of a search by their bytes, so that most need not be parsed.

The searched texts are in the record's JSON as they are, except numbers, which are formatted for people (1272 s
is "21 min 12 s") with a few words around them. A record that lacks a word's letters or dates is therefore ruled
out, but one without a plain number is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from lib.archive.record import SCHEMA_VERSION, RunStatus

# Letters without y, because "entries" is also shown as "entry"; dates and times, which no number looks like.
_TELLING = re.compile("[a-xz]{3,}|[0-9]+(?:[-_:][0-9]+)+")
_ADDED = "none yes min nan inf"
# Characters that equal i, k or s when case is ignored.
_SAME_LETTERS = tuple(letter.encode() for letter in "\u0130\u0131\u212a\u017f")


def can_hold(text: str) -> Callable[[bytes], bool]:
    """Return a function that says whether a record with these bytes may contain each word of the text.

    False is certain: the record is complete and lacks a word.
    """
    parts = [part.encode() for part in _TELLING.findall(text.lower()) if part not in _ADDED]

    def can(content: bytes) -> bool:
        lowered = content.lower()
        return all(part in lowered for part in parts) or _may_show_others(content)

    return can


def _may_show_others(content: bytes) -> bool:
    """Return whether the searched text may have letters that are not in the bytes as they are."""
    from pydantic_core import from_json

    if _has_other_letters(content):
        return True
    try:
        data = from_json(content, allow_inf_nan=False, cache_strings="none")
    except ValueError:
        return True
    return not (isinstance(data, dict) and _is_plain(data))


def _has_other_letters(content: bytes) -> bool:
    if b"\\" in content and b"\\u" in content:  # searching for one byte is much faster than for two
        return True
    return not content.isascii() and any(letter in content for letter in _SAME_LETTERS)


def _is_plain(data: dict[str, Any]) -> bool:
    """Return whether the record is shown as stored: not for a run that may be abandoned, or parameters with lists."""
    parameters = data.get("parameters")
    return (
        data.get("schema_version") in range(1, SCHEMA_VERSION + 1)
        and data.get("status") != RunStatus.RUNNING
        and isinstance(parameters, dict)
        and not any(isinstance(value, dict | list) for value in parameters.values())
    )
