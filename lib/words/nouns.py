"""Numbers with nouns and verbs, in singular or plural."""

from __future__ import annotations

import re

_PLURAL_ENDINGS = ((r"ies\b", "y"), (r"(?<=ch|sh)es\b", ""), (r"(?<=\w[^s\W])s\b", ""))
_VERBS = {"is": "are", "was": "were", "has": "have"}


def counted(number: float, noun: str, verb: str = "") -> str:
    """Return a number with its noun and verb, singular only for 1: ``1 row has``, ``1,200 rows have``."""
    words = f"{number:,} {noun if number == 1 else plural(noun)}"
    return f"{words} {agreeing(number, verb)}" if verb else words


def agreeing(number: float, verb: str) -> str:
    """Return the verb, given in the singular, to match the number: ``waits`` or ``wait``."""
    return verb if number == 1 else _VERBS.get(verb) or verb.removesuffix("s")


def plural(noun: str) -> str:
    """Return the plural of a regular English noun."""
    if re.search(r"[^aeiou]y$", noun):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if re.search(r"(s|x|z|ch|sh)$", noun) else f"{noun}s"


def singular(words: str) -> str:
    """Return plural words such as ``rows a table`` in the singular."""
    for ending, replacement in _PLURAL_ENDINGS:
        if re.search(ending, words):
            return re.sub(ending, replacement, words, count=1)
    return words
