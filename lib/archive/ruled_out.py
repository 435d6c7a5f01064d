"""Rules out records that cannot contain the words of a search by their bytes, so that most need not be parsed.

The searched texts are in the record's JSON as they are, except numbers, which are formatted for people (1272 s is
"21 min 12 s") with a few words around them. A record that lacks a word's letters or dates is ruled out. One that
lacks a plain number is ruled out only if all of its numbers are counts, which keep their digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from lib.archive.record import SCHEMA_VERSION, RunStatus

# Letters without y, because "entries" is also shown as "entry"; dates and times, which no number looks like.
_TELLING = re.compile("[a-xz]{3,}|[0-9]+(?:[-_:][0-9]+)+")
_ADDED = "none yes min nan inf"
# Larger numbers are shown with the digits of the nearest float.
_INEXACT = 2**53
# Characters that equal i, k or s when case is ignored.
_SAME_LETTERS = tuple(letter.encode() for letter in "\u0130\u0131\u212a\u017f")


def can_hold(text: str) -> Callable[[bytes], bool]:
    """Return a function that says whether a record with these bytes may contain each word of the text.

    False is certain: the record is complete and lacks a word.
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
    """Return a pattern for the word; for a number such as 1234 also as shown on pages: 1,234."""
    return ",?".join(word) if _is_number(word) else re.escape(word)


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit()


def _may_show_others(content: bytes, shows_its_own: Callable[[dict[str, Any]], bool]) -> bool:
    """Return whether the searched text may have parts that are not in the bytes as they are."""
    from pydantic_core import from_json

    if _has_other_letters(content):
        return True
    try:
        data = from_json(content, allow_inf_nan=False, cache_strings="none")
    except ValueError:
        return True
    return not (isinstance(data, dict) and shows_its_own(data))


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


def _has_only_counts(data: dict[str, Any]) -> bool:
    """Return whether all numbers are shown with their own digits, apart from commas."""
    checks = data.get("checks")
    if not _is_plain(data) or data["schema_version"] != SCHEMA_VERSION or not isinstance(checks, list):
        return False
    shown = [data["parameters"], *(check.get("evidence") if isinstance(check, dict) else None for check in checks)]
    return all(isinstance(values, dict) and all(map(_keeps_digits, values.values())) for values in shown)


def _keeps_digits(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_keeps_digits, value))
    return value is None or isinstance(value, str) or (isinstance(value, int) and abs(value) < _INEXACT)
