"""An environment's own words for its data: ``unit: game``, ``entity: player``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lib.words.nouns import counted

_NOUN = re.compile(r"[^\W\d_](?:[\w -]{0,38}\w)?")


@dataclass(frozen=True)
class Nouns:
    """Words for reports, each in the singular; empty if the environment does not set one.

    Attributes:
        date: The date column's name in words, such as ``order date``.
        unit: What a date's rows are about, such as a game or a store; units can be due.
        entity: What a unit has several rows for, such as a player or an article.
    """

    date: str
    unit: str = ""
    entity: str = ""

    @property
    def date_heading(self) -> str:
        """The heading of a column of dates."""
        return f"{self.date[:1].upper()}{self.date[1:]}"

    def units(self, number: float, otherwise: str = "unit") -> str:
        """Return ``1 game`` or ``1,200 games``, using `otherwise` if no unit is set."""
        return counted(number, self.unit or otherwise)

    def entities(self, number: float, otherwise: str = "row") -> str:
        """Return the same for entities."""
        return counted(number, self.entity or otherwise)


def is_noun(text: str) -> bool:
    """Return whether the text is one or a few words of at most 40 characters in total."""
    return bool(_NOUN.fullmatch(text))
