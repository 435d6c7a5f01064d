"""Records that cannot hold the words of a search, as their bytes show; most need not be read further.

What a search looks through stands in the record's JSON as it is, except for numbers, which are written for
people (1272 s is "21 min 12 s"), and a few words beside them. So letters and dates rule a record out where they
are missing, and bare numbers do not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from lib.archive.record import SCHEMA_VERSION, RunStatus

# Letters without y, since one of the "entries" is an "entry"; dates, times and the like, as no number is written.
_TELLING = re.compile("[a-xz]{3,}|[0-9]+(?:[-_:][0-9]+)+")
_ADDED = "none yes min nan inf"
# The ones that are an i, k or s when case does not matter.
_SAME_LETTERS = tuple(letter.encode() for letter in "\u0130\u0131\u212a\u017f")


def can_hold(text: str) -> Callable[[bytes], bool]:
    """Whether each word of the text may stand in the record of those bytes.

    False is certain: the record is whole, and a word does not stand in it.
    """
    parts = [part.encode() for part in _TELLING.findall(text.lower()) if part not in _ADDED]

    def can(content: bytes) -> bool:
        lowered = content.lower()
        return all(part in lowered for part in parts) or _may_show_others(content)

    return can


def _may_show_others(content: bytes) -> bool:
    """Whether a search may look through letters that do not stand in the bytes as they are."""
    from pydantic_core import from_json

    if _has_other_letters(content):
        return True
    try:
        data = from_json(content, allow_inf_nan=False, cache_strings="none")
    except ValueError:
        return True
    return not (isinstance(data, dict) and _is_plain(data))


def _has_other_letters(content: bytes) -> bool:
    if b"\\" in content and b"\\u" in content:  # one byte is found much faster than two
        return True
    return not content.isascii() and any(letter in content for letter in _SAME_LETTERS)


def _is_plain(data: dict[str, Any]) -> bool:
    """Whether it shows what is in it: not of a run that may be abandoned, nor with parameters that are lists."""
    parameters = data.get("parameters")
    return (
        data.get("schema_version") in range(1, SCHEMA_VERSION + 1)
        and data.get("status") != RunStatus.RUNNING
        and isinstance(parameters, dict)
        and not any(isinstance(value, dict | list) for value in parameters.values())
    )
