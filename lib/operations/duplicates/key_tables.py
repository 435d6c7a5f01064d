"""The duplicate keys of a date as tables: those of one kind and the same batches together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from lib.consolidation.upkeep.duplicates import DuplicateGroup, DuplicateKind, Explanation
from lib.verdict.section import Table
from lib.words.dates import zone
from lib.words.text import text_of

_SHORT, _LONGEST_VALUE, _MOST_COLUMNS, _MOST_TABLES = 8, 60, 6, 8
_NOTE = "Of each key a repair keeps the row that is named first."


def key_tables(explained: Explanation, timezone: str) -> list[Table]:
    """A row for each key; of ids, times and values the first are those of the row that a repair keeps."""
    groups = sorted(explained.groups, key=_together)
    tables = [_table(*together, list(alike), timezone) for together, alike in groupby(groups, key=_together)]
    shown = tables[:_MOST_TABLES]
    left = explained.count.duplicate_keys - sum(len(table.rows) for table in shown)
    more = [Table("More duplicate keys", ("Keys",), [(left,)])] if left else []
    return [*shown, *more] or [Table(f"Duplicate keys of {explained.count.game_date}", (), ())]


def _together(group: DuplicateGroup) -> tuple[DuplicateKind, tuple[str, ...]]:
    return group.kind, group.batches


def _table(kind: DuplicateKind, batches: Sequence[str], groups: Sequence[DuplicateGroup], timezone: str) -> Table:
    has_ids = any(group.keep for group in groups)
    rows = [
        (
            *map(_plain, group.key.values()),
            group.rows,
            *([_short(group.row_ids)] if has_ids else []),
            _written(group.created_at, timezone),
            differences(group),
        )
        for group in groups
    ]
    columns = (*groups[0].key, "Rows", *(["Row ids"] if has_ids else []), "Written", "Differs in")
    caption = f"{kind}: {len(groups):,} keys, {f'in staging of {text_of(batches)}' if batches else 'none in staging'}"
    return Table(f"{caption[0].upper()}{caption[1:]}", columns, rows, _NOTE, shown=20)


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
    """The beginning of each id, once; as much of it as shows them apart."""
    different = tuple(dict.fromkeys(row_ids))
    longest = max(map(len, row_ids))
    enough = (size for size in range(_SHORT, longest) if len({each[:size] for each in different}) == len(different))
    length = next(enough, longest)
    return tuple(each[:length] for each in different)


def _written(moments: Sequence[datetime | None], timezone: str) -> tuple[str, ...]:
    """To the millisecond; the date once, while it is the same."""
    shown, day = [], None
    for moment in moments:
        local = moment.astimezone(zone(timezone)) if moment else None
        if local is None:
            shown.append("-")
            continue
        date = "" if local.date() == day else f"{local:%Y-%m-%d} "
        shown.append(f"{date}{local:%H:%M:%S}.{local.microsecond // 1000:03} {local:%Z}")
        day = local.date()
    return tuple(shown)
