"""What the people of an environment call its things: ``unit: game``, ``entity: player``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lib.words.nouns import counted

_NOUN = re.compile(r"[^\W\d_](?:[\w -]{0,38}\w)?")


@dataclass(frozen=True)
class Nouns:
    """Words for reports, each in the singular; empty where the environment names none.

    Attributes:
        date: The date column's own name in words, such as ``order date``.
        unit: What a date's rows are about, and is due or not: a game, a store.
        entity: What a unit has several rows for: a player, an article.
    """

    date: str
    unit: str = ""
    entity: str = ""

    @property
    def date_heading(self) -> str:
        """Of a table's column of dates."""
        return f"{self.date[:1].upper()}{self.date[1:]}"

    def units(self, number: float, otherwise: str = "unit") -> str:
        """``1 game``, ``1,200 games``, in the word `otherwise` where there is none."""
        return counted(number, self.unit or otherwise)

    def entities(self, number: float, otherwise: str = "row") -> str:
        """The same of entities."""
        return counted(number, self.entity or otherwise)


def is_noun(text: str) -> bool:
    """Whether it is a word or a few, of at most 40 characters."""
    return bool(_NOUN.fullmatch(text))
