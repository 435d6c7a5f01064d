"""The duplicate keys of a date as a table: those of one kind and the same batches below one heading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from lib.consolidation.upkeep.duplicates import DuplicateGroup, Explanation
from lib.verdict.all_rows import AllRows
from lib.verdict.cells import Difference, Differences, Id
from lib.verdict.live import is_live
from lib.verdict.section import Table
from lib.words.dates import zone
from lib.words.nouns import counted
from lib.words.quantities import spoken_seconds
from lib.words.text import text_of

_LONGEST_VALUE, _MOST_COLUMNS = 60, 6


def key_table(explained: Explanation, key: Sequence[str], *, timezone: str, file: AllRows | None) -> Table:
    """A row for each key; what a repair keeps beside what it removes.

    Args:
        explained: The duplicate keys.
        key: The key columns.
        timezone: In which times are shown.
        file: The rows themselves.
    """
    shared = shared_columns([group.key for group in explained.groups], key)
    shown = _Columns(
        tuple(name for name in key if name not in shared),
        has_rows=any(group.rows > 2 for group in explained.groups),
        has_ids=any(group.keep for group in explained.groups),
        timezone=timezone,
    )
    groups: dict[int, str] = {}
    rows: list[Sequence[Any]] = []
    for _, alike in groupby(sorted(explained.groups, key=_what_they_share), key=_what_they_share):
        members = list(alike)
        groups[len(rows)] = _heading(members)
        rows += map(shown.row, members)
    more = f" {counted(explained.keys_left_out, 'more key', 'was')} not read." if explained.keys_left_out else ""
    follow = ' To follow one of them: scope.explain("its text").' if is_live() and explained.groups else ""
    note = f"A repair keeps the row named first, and removes what is struck out; it backs up both before.{more}{follow}"
    caption = ", ".join([f"Duplicate keys of {explained.count.game_date}", *map(" ".join, shared.items())])
    return Table(caption, shown.head(explained), rows, note, shown=20, groups=groups, file=file)


def shared_columns(keys: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> dict[str, str]:
    """By column the value that all of several keys have in it, in words."""
    texts = {name: {text for key in keys for text in key_texts(key, [name])} for name in columns}
    return {name: found.pop() for name, found in texts.items() if len(found) == 1 and len(keys) > 1}


def key_texts(key: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    """The values of a key as the table shows them."""
    return [text_of(_plain(key[name])) for name in columns]


@dataclass(frozen=True)
class _Columns:
    """What the table shows of each key: what all of them share stands above it."""

    key: Sequence[str]
    has_rows: bool
    has_ids: bool
    timezone: str

    def head(self, explained: Explanation) -> tuple[str, ...]:
        rows, ids = ["Rows"] if self.has_rows else [], ["Row ids"] if self.has_ids else []
        return (*self.key, *rows, *ids, f"Written, {_abbreviation(explained, self.timezone)}", "Differs in")

    def row(self, group: DuplicateGroup) -> tuple[Any, ...]:
        return (
            *(_plain(group.key[name]) for name in self.key),
            *([group.rows] if self.has_rows else []),
            *([Difference(*map(Id, group.row_ids[:2]))] if self.has_ids else []),
            versions([_time(moment, self.timezone) for moment in group.created_at]),
            differences(group),
        )


def _what_they_share(group: DuplicateGroup) -> tuple[str, tuple[str, ...]]:
    return group.kind, group.batches


def _heading(members: Sequence[DuplicateGroup]) -> str:
    """``5 keys · same id twice · batch_1 and batch_2, 0.4 s apart``."""
    first = members[0]
    batches = " and ".join(first.batches) or "batches no longer in staging"
    gaps = [group.gap_ms / 1000 for group in members if group.gap_ms]
    longest = f", up to {spoken_seconds(max(gaps))} apart" if gaps else ""
    return f"{len(members)} {'key' if len(members) == 1 else 'keys'} · {first.kind} · {batches}{longest}"


def differences(group: DuplicateGroup) -> Differences:
    """The kept value of each column, and those that are removed; or that only the times differ, or nothing does."""
    if not group.differs:
        only = f"only {', '.join(group.written_differs)}" if group.written_differs else "nothing"
        return Differences({}, only)
    more = len(group.differs) - _MOST_COLUMNS
    found = {name: versions([row[name] for row in group.members]) for name in group.differs[:_MOST_COLUMNS]}
    return Differences(found, counted(more, "more column") if more > 0 else "")


def versions(values: Sequence[Any]) -> Difference:
    """The first value, which a repair keeps, and the others."""
    kept, *removed = (text_of(_plain(value))[:_LONGEST_VALUE] for value in values)
    return Difference(kept, ", ".join(dict.fromkeys(removed)))


def _plain(value: Any) -> Any:
    """A number as the row has it: of an id nobody groups the digits. A decimal without the zeros at its end."""
    if isinstance(value, Decimal) and value.is_finite():
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return value if value is None or isinstance(value, list | tuple) else str(value)


def _time(moment: datetime | None, timezone: str) -> str:
    return "-" if moment is None else f"{moment.astimezone(zone(timezone)):%H:%M:%S.%f}"[:-3]


def _abbreviation(explained: Explanation, timezone: str) -> str:
    """The zone's short name on the first of the days."""
    moments = (moment for group in explained.groups for moment in group.created_at if moment)
    first = next(moments, None)
    return f"{first.astimezone(zone(timezone)):%d %b, %Z}" if first else timezone
