"""The audit page: the changes made by runs of each environment, newest first, split into parts.

Parts are filled from the oldest change on, so that old pages stay the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lib.site.index import Row
from lib.verdict.change import Change

_CHANGES_IN_PART = 200


class Entry(NamedTuple):
    """A change, and the run that made it."""

    row: Row
    change: Change


class Part(NamedTuple):
    """One page of an environment's changes.

    Attributes:
        number: 1 for the page with the oldest changes.
        entries: Newest first, 200 at most.
    """

    environment: str
    number: int
    entries: tuple[Entry, ...]
    has_newer: bool

    @property
    def page(self) -> str:
        """Path of its page, relative to the archive's root."""
        return f"_site/changes/{self.environment}/{self.number}.html"


def entries(rows: Sequence[Row]) -> Iterator[Entry]:
    """Yield the changes of all runs, newest first, in the order of the rows."""
    for row in rows:
        if row.changed:
            # A page of changes does not plot figures.
            shown = row._replace(figures=None)
            yield from (Entry(shown, change) for change in reversed(row.changed))


def parts(rows: Sequence[Row]) -> list[Part]:
    """Return all changes by environment in alphabetical order, each with its newest part first."""
    by_environment: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries(rows):
        by_environment[entry.row.environment].append(entry)
    return [part for name, found in sorted(by_environment.items()) for part in _parted(name, found)]


def _parted(environment: str, found: Sequence[Entry]) -> Iterator[Part]:
    oldest_first = found[::-1]
    last = (len(found) - 1) // _CHANGES_IN_PART
    for number in range(last, -1, -1):
        part = oldest_first[number * _CHANGES_IN_PART : (number + 1) * _CHANGES_IN_PART]
        yield Part(environment, number + 1, tuple(reversed(part)), number < last)
