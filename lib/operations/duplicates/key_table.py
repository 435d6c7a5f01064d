"""The duplicate keys of a date as a table, grouped by kind and batches."""

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
    """Return a table with a row for each key: what a repair keeps, next to what it removes.

    Args:
        explained: The duplicate keys.
        key: The key columns.
        timezone: The zone in which times are shown.
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
    follow = ' To explain one of them: scope.explain("its text").' if is_live() and explained.groups else ""
    note = f"A repair backs up all of these rows, then removes the ones struck out.{more}{follow}"
    caption = ", ".join([f"Duplicate keys of {explained.count.game_date}", *map(" ".join, shared.items())])
    return Table(caption, shown.head(explained), rows, note, shown=20, groups=groups, file=file)


def shared_columns(keys: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> dict[str, str]:
    """Return the columns in which all keys have one value, with that value as text; empty for a single key."""
    texts = {name: {text for key in keys for text in key_texts(key, [name])} for name in columns}
    return {name: found.pop() for name, found in texts.items() if len(found) == 1 and len(keys) > 1}


def key_texts(key: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    """Return the values of a key as the table shows them."""
    return [text_of(_plain(key[name])) for name in columns]


@dataclass(frozen=True)
class _Columns:
    """The columns that the table shows for each key; values that all keys share are in the caption."""

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
    """Return the kept and the removed values of each column that differs; if none does, the times that do."""
    if not group.differs:
        only = f"only {', '.join(group.written_differs)}" if group.written_differs else "nothing"
        return Differences({}, only)
    more = len(group.differs) - _MOST_COLUMNS
    found = {name: versions([row[name] for row in group.members]) for name in group.differs[:_MOST_COLUMNS]}
    return Differences(found, counted(more, "more column") if more > 0 else "")


def versions(values: Sequence[Any]) -> Difference:
    """Return the first value, which a repair keeps, and the others."""
    kept, *removed = (text_of(_plain(value))[:_LONGEST_VALUE] for value in values)
    return Difference(kept, ", ".join(dict.fromkeys(removed)))


def _plain(value: Any) -> Any:
    """A number as it is in the row, without digit grouping, as it may be an id; a decimal without trailing zeros."""
    if isinstance(value, Decimal) and value.is_finite():
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return value if value is None or isinstance(value, list | tuple) else str(value)


def _time(moment: datetime | None, timezone: str) -> str:
    return "-" if moment is None else f"{moment.astimezone(zone(timezone)):%H:%M:%S.%f}"[:-3]


def _abbreviation(explained: Explanation, timezone: str) -> str:
    """The first day and the zone's short name on it."""
    moments = (moment for group in explained.groups for moment in group.created_at if moment)
    first = next(moments, None)
    return f"{first.astimezone(zone(timezone)):%d %b, %Z}" if first else timezone
