"""What reports call the things of a table: by its environment's nouns, or else by its columns' names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lib.consolidation.upkeep.day_profiles import Groups
from lib.environment.nouns import Nouns
from lib.words.brief import brief
from lib.words.nouns import counted, plural

_ID = re.compile(r"_(id|key|code|no|number|name)$", re.IGNORECASE)


def noun_of(column: str) -> str:
    """What a column names: ``store`` for ``store_id``, ``sales channel`` for ``sales_channel``."""
    return _ID.sub("", column).replace("_", " ")


@dataclass(frozen=True)
class Words:
    """The words of one table.

    Attributes:
        nouns: What the environment names.
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
        """``store and channel``; either where the rules name no other; empty: neither."""
        named = {"unit": self.unit, "source": self.source}
        return " and ".join(word for name, word in named.items() if getattr(self.groups, name))

    @property
    def subjects(self) -> str:
        """What readers see or do not see, in the plural: ``articles``, ``players and systems``; else ``keys``."""
        if not self.nouns.entity:
            return "keys"
        by_source = f" and {plural(self.source)}" if self.groups.source in self.subject else ""
        return f"{plural(self.nouns.entity)}{by_source}"

    def rows_of(self, rows: int, units: int, sources: int) -> str:
        """``72 rows of 3 stores by 2 channels``, as far as there are such columns."""
        of = f" of {counted(units, self.unit)}" if self.groups.unit else ""
        by = f" by {counted(sources, self.source)}" if self.groups.source else ""
        return f"{counted(rows, 'row')}{of}{by}"
