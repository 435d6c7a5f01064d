"""All rows of a table that shows only some, for the file that an archived run has beside its report.

A notebook displays them in a media type of their own. The runner takes them out again: they would make the
notebook large, and each reader of it slow. How many a run may leave is limited, and the page says where that counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lib.verdict.cells import as_stored
from lib.words.brief import brief
from lib.words.quantities import Duration

MEDIA_TYPE = "application/vnd.consolidation-runbooks.rows+json"
MOST_ROWS = 200_000
MOST_CHARACTERS = 50_000_000


@dataclass(frozen=True)
class AllRows:
    """Rows for a file.

    Attributes:
        name: What they are; the file is named so.
        columns: Headings.
        rows: One sequence a row, a value a column.
    """

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    __repr__ = brief("name", "rows")

    def as_data(self) -> dict[str, Any]:
        """The payload stored under `MEDIA_TYPE`: as many rows as a run may leave, and how many there are."""
        rows = Room().take(list(map(as_stored, row)) for row in self.rows)
        return {"name": self.name, "columns": self.headings, "rows": rows, "total": len(self.rows)}

    @property
    def headings(self) -> list[str]:
        """The columns' names; a duration is a number of seconds, and so its heading has the unit."""
        durations = [any(isinstance(row[at], Duration) for row in self.rows) for at in range(len(self.columns))]
        return [f"{name}, s" if is_one else name for name, is_one in zip(self.columns, durations, strict=True)]


class Room:
    """How many more rows may be left, and of how many characters."""

    def __init__(self) -> None:
        self._rows, self._characters = MOST_ROWS, MOST_CHARACTERS

    def take(self, rows: Iterable[list[Any]]) -> list[list[Any]]:
        """The first of the rows, as far as there is room."""
        taken = []
        for row in rows:
            length = sum(len(value) if isinstance(value, str) else 8 for value in row) + len(row)
            if not self._rows or length > self._characters:
                break
            self._rows -= 1
            self._characters -= length
            taken.append(row)
        return taken
