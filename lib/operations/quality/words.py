"""The nouns that reports use for a table: its environment's, or else taken from column names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lib.consolidation.upkeep.day_profiles import Groups
from lib.environment.nouns import Nouns
from lib.words.brief import brief
from lib.words.nouns import counted, plural

_ID = re.compile(r"_(id|key|code|no|number|name)$", re.IGNORECASE)


def noun_of(column: str) -> str:
    """Return the noun in a column's name: ``store`` for ``store_id``, ``sales channel`` for ``sales_channel``."""
    return _ID.sub("", column).replace("_", " ")


@dataclass(frozen=True)
class Words:
    """The nouns of one table.

    Attributes:
        nouns: The environment's nouns.
        groups: The columns that rows are counted by.
        subject: The columns of a subject: see `lib.consolidation.upkeep.subjects`.
    """

    nouns: Nouns
    groups: Groups
    subject: tuple[str, ...]

    __repr__ = brief()

    @property
    def date(self) -> str:
        """The date column, as a heading."""
        return self.nouns.date.capitalize()

    @property
    def unit(self) -> str:
        return self.nouns.unit or noun_of(self.groups.unit)

    @property
    def source(self) -> str:
        return noun_of(self.groups.source)

    @property
    def groups_named(self) -> str:
        """``store and channel``, or the only one that the rules name; empty if they name none."""
        named = {"unit": self.unit, "source": self.source}
        return " and ".join(word for name, word in named.items() if getattr(self.groups, name))

    @property
    def subjects(self) -> str:
        """The subjects in the plural: ``articles``, ``players and systems``; ``keys`` without a noun for them."""
        if not self.nouns.entity:
            return "keys"
        by_source = f" and {plural(self.source)}" if self.groups.source in self.subject else ""
        return f"{plural(self.nouns.entity)}{by_source}"

    def rows_of(self, rows: int, units: int, sources: int) -> str:
        """Return a phrase such as ``72 rows of 3 stores by 2 channels``, with the groups that the table has.

        Args:
            rows: Number of rows.
            units: Number of units.
            sources: Number of sources.
        """
        of = f" of {counted(units, self.unit)}" if self.groups.unit else ""
        by = f" by {counted(sources, self.source)}" if self.groups.source else ""
        return f"{counted(rows, 'row')}{of}{by}"
