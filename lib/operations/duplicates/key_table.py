"""The duplicate keys of a date as a table: those of one kind and the same batches together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from lib.consolidation.upkeep.duplicates import DuplicateGroup
from lib.verdict.section import Table
from lib.words.dates import zone
from lib.words.text import text_of

_SHORT, _LONGEST_VALUE, _MOST_COLUMNS = 8, 60, 6


def key_table(caption: str, key: Sequence[str], groups: Sequence[DuplicateGroup], *, cut: int, timezone: str) -> Table:
    """A row for each key; of ids, times and values the first are those of the row that a repair keeps.

    Args:
        caption: What the rows are.
        key: The key columns.
        groups: The duplicate keys.
        cut: How many more there are.
        timezone: In which times are shown.
    """
    has_ids = any(group.keep for group in groups)
    ordered = sorted(groups, key=lambda group: (group.kind, group.batches))
    rows = [
        (
            group.kind,
            group.batches,
            *(_plain(group.key[name]) for name in key),
            group.rows,
            *([_short(group.row_ids)] if has_ids else []),
            tuple(_to_the_millisecond(moment, timezone) for moment in group.created_at),
            differences(group),
        )
        for group in ordered
    ]
    ids = ["Row ids"] if has_ids else []
    columns = ("Kind", "Batches in staging", *key, "Rows", *ids, "Written", "Differs in")
    note = "Of each key a repair keeps the row that is named first."
    return Table(caption, columns, rows, f"{note} {cut:,} more keys were not read." if cut else note, shown=20)


def differences(group: DuplicateGroup) -> str:
    """``quantity: 3 kept, 2 removed``; ``only updated_at``; a dash where the rows are the same."""
    named = [f"{name}: {_versions(group.values[name])}" for name in group.differs[:_MOST_COLUMNS]]
    more = len(group.differs) - _MOST_COLUMNS
    named += [f"{more} more columns"] if more > 0 else []
    if not named and group.written_differs:
        return f"only {', '.join(group.written_differs)}"
    return "; ".join(named) or "-"


def _versions(values: Sequence[Any]) -> str:
    kept, *removed = (text_of(_plain(value))[:_LONGEST_VALUE] for value in values)
    return f"{kept} kept, {', '.join(dict.fromkeys(removed))} removed"


def _plain(value: Any) -> Any:
    """A number as the row has it: of an id nobody groups the digits."""
    return value if value is None or isinstance(value, list | tuple) else str(value)


def _short(row_ids: Sequence[str]) -> tuple[str, ...]:
    """The beginning of each id; as much of it as tells them apart."""
    different = len(set(row_ids))
    longest = max(map(len, row_ids))
    enough = (size for size in range(_SHORT, longest) if len({each[:size] for each in row_ids}) == different)
    length = next(enough, longest)
    return tuple(each[:length] for each in row_ids)


def _to_the_millisecond(moment: datetime | None, timezone: str) -> str:
    if moment is None:
        return "-"
    local = moment.astimezone(zone(timezone))
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03} {local:%Z}"
