"""All rows of a table that shows only some, for a file next to the report of an archived run.

A notebook displays them in their own media type, and the runner removes them again, since they would make the notebook
large and slow to read. The number of rows of a run is limited, and the page says so when the limit is reached.
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
        name: What they are, and the name of the file.
        columns: Headings.
        rows: One sequence per row, with one value per column.
    """

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    __repr__ = brief("name", "rows")

    def as_data(self) -> dict[str, Any]:
        """Return the payload stored under `MEDIA_TYPE`: as many rows as a run may store, and the total."""
        rows = Room().take(list(map(as_stored, row)) for row in self.rows)
        return {"name": self.name, "columns": self.headings, "rows": rows, "total": len(self.rows)}

    @property
    def headings(self) -> list[str]:
        """The columns' names; durations are stored in seconds, so their headings have the unit."""
        durations = [any(isinstance(row[at], Duration) for row in self.rows) for at in range(len(self.columns))]
        return [f"{name}, s" if is_one else name for name, is_one in zip(self.columns, durations, strict=True)]


class Room:
    """How many more rows and characters a run may store."""

    def __init__(self) -> None:
        self._rows, self._characters = MOST_ROWS, MOST_CHARACTERS

    def take(self, rows: Iterable[list[Any]]) -> list[list[Any]]:
        """Return the first rows, as far as there is room."""
        taken = []
        for row in rows:
            length = sum(len(value) if isinstance(value, str) else 8 for value in row) + len(row)
            if not self._rows or length > self._characters:
                break
            self._rows -= 1
            self._characters -= length
            taken.append(row)
        return taken
