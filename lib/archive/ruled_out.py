"""Records that cannot hold the words of a search, as their bytes show; most need not be read further.

What a search looks through stands in the record's JSON as it is, except for numbers, which are written for
people (1272 s is "21 min 12 s"), and a few words beside them. So letters and dates rule a record out where they
are missing, and bare numbers where all of its numbers are counts, which keep their digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from lib.archive.record import SCHEMA_VERSION, RunStatus

# Letters without y, since one of the "entries" is an "entry"; dates, times and the like, as no number is written.
_TELLING = re.compile("[a-xz]{3,}|[0-9]+(?:[-_:][0-9]+)+")
_ADDED = "none yes min nan inf"
# From here on a number is shown with the digits of the nearest float.
_INEXACT = 2**53
# The ones that are an i, k or s when case does not matter.
_SAME_LETTERS = tuple(letter.encode() for letter in "\u0130\u0131\u212a\u017f")


def can_hold(text: str) -> Callable[[bytes], bool]:
    """Whether each word of the text may stand in the record of those bytes.

    False is certain: the record is whole, and a word does not stand in it.
    """
    parts = [part.encode() for part in _TELLING.findall(text.lower()) if part not in _ADDED]
    numbers = [re.compile(as_written(word).encode()) for word in text.split() if _is_number(word)]

    def can(content: bytes) -> bool:
        lowered = content.lower()
        if not all(part in lowered for part in parts):
            return _may_show_others(content, _is_plain)
        return all(number.search(content) for number in numbers) or _may_show_others(content, _has_only_counts)

    return can


def as_written(word: str) -> str:
    """A pattern of the word; of a number, such as 1234, also as pages show it: 1,234."""
    return ",?".join(word) if _is_number(word) else re.escape(word)


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit()


def _may_show_others(content: bytes, shows_its_own: Callable[[dict[str, Any]], bool]) -> bool:
    """Whether a search may look through what does not stand in the bytes as it is."""
    from pydantic_core import from_json

    if _has_other_letters(content):
        return True
    try:
        data = from_json(content, allow_inf_nan=False, cache_strings="none")
    except ValueError:
        return True
    return not (isinstance(data, dict) and shows_its_own(data))


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


def _has_only_counts(data: dict[str, Any]) -> bool:
    """Whether it shows no number in other digits than its own, commas aside."""
    checks = data.get("checks")
    if not _is_plain(data) or data["schema_version"] != SCHEMA_VERSION or not isinstance(checks, list):
        return False
    shown = [data["parameters"], *(check.get("evidence") if isinstance(check, dict) else None for check in checks)]
    return all(isinstance(values, dict) and all(map(_keeps_digits, values.values())) for values in shown)


def _keeps_digits(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_keeps_digits, value))
    return value is None or isinstance(value, str) or (isinstance(value, int) and abs(value) < _INEXACT)
