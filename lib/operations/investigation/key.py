"""One key of a date, from its rows to what wrote them.

`explain_key` reads the sources and returns a `KeyStory`, data for programs. `lib.operations.investigation.key_section`
shows it to people as a `Section`. It does not count in a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from lib.consolidation.upkeep.duplicates import DuplicateGroup, group_of
from lib.consolidation.upkeep.one_key import MOST_KEYS, KeyCount, keys_like, rows_of_key
from lib.consolidation.warehouse import Row
from lib.operations.duplicates.key_table import key_texts
from lib.operations.investigation.asked_key import AskedKey, asked_key
from lib.operations.investigation.key_sources import Sources, sources_of
from lib.operations.investigation.likely import most_likely, next_look
from lib.operations.scope import Scope
from lib.verdict.cells import Mark, as_stored
from lib.words.brief import brief
from lib.words.nouns import counted

INACTIVE = "inactive"


@dataclass(frozen=True)
class KeyStory:
    """What is known about one key, or the keys that match part of one.

    Attributes:
        day: The date.
        key: Values by key column, in order; if several keys match, only the given values.
        candidates: The matching keys, those with most rows first; empty if one key was meant.
        columns: The table's columns, the key first.
        rows: Rows that readers see, the one that a repair keeps first; at most 200, with `inactive`.
        inactive: Stored rows that readers do not see.
        group: How the rows differ; None: there are fewer than two.
        sources: What wrote them, as far as staging, the ledger and the logs show.
        likely: What most likely happened, in a sentence.
        next_step: What to check next.
    """

    day: date
    key: Mapping[str, Any]
    candidates: tuple[KeyCount, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    inactive: tuple[Row, ...] = ()
    group: DuplicateGroup | None = None
    sources: Sources = field(default_factory=Sources)
    likely: str = ""
    next_step: str = ""

    __repr__ = brief("day", "key", "rows", "likely")

    @property
    def marked_rows(self) -> list[tuple[Any, ...]]:
        """Each stored row in column order, preceded by what a repair does with it; empty: nothing."""
        is_duplicate = len(self.rows) > 1
        marks = [(Mark.REMOVED if number else Mark.KEPT) if is_duplicate else "" for number in range(len(self.rows))]
        stored = [*zip(marks, self.rows, strict=True), *((INACTIVE, row) for row in self.inactive)]
        return [(mark, *(row[name] for name in self.columns)) for mark, row in stored]

    def as_data(self) -> dict[str, Any]:
        """JSON-ready. Rows, lines and names are hostile input."""
        group, sources = self.group, self.sources
        return {
            "date": self.day.isoformat(),
            "key": _plain(self.key),
            "candidates": [
                {"key": _plain(one.key), "rows": one.rows, "stored_rows": one.stored_rows} for one in self.candidates
            ],
            "rows": [_plain(row) for row in self.rows],
            "inactive_rows": [_plain(row) for row in self.inactive],
            "differs_in": list(group.differs) if group else [],
            "differs_in_times": list(group.written_differs) if group else [],
            "batches": [asdict(writer) for writer in sources.writers],
            "ledger": [_plain(asdict(run)) for run in sources.ledger],
            "lines": [
                {"at": line.at.isoformat(), "meaning": str(line.kind), "message": line.entry.message}
                for line in sources.lines
            ],
            "staging": [
                {"table": one.table, "batch_id": one.batch_id, "rows": one.rows, "is_merged": one.is_merged}
                for one in sources.copies
            ],
            "not_read": dict(sources.not_read),
            "likely": self.likely,
            "next_step": self.next_step,
        }


def explain_key(scope: Scope, /, *values: Any, **named: Any) -> KeyStory:
    """Return everything that is known about one key of the run's date.

    Args:
        scope: The run.
        values: The key's values in the order of the key columns; or one text as the table of duplicates shows it, or
            a row of a `Section.df`. None is NULL.
        named: Values by key column; omitted columns match anything.

    Raises:
        UserError: The column does not exist, or a value is not of its type.
        CouldNotLook: The table cannot be read, or the query would read too much. Other sources that cannot be read
            are in `Sources.not_read`.
    """
    spec, warehouse, day = scope.platform.table, scope.platform.warehouse, scope.game_date
    columns = warehouse.columns(spec.table)
    asked = asked_key(spec, columns, values, named)
    key, candidates = _found(scope, asked)
    if candidates or len(key) < len(spec.key_columns):
        return _of_several(scope, key, candidates)
    rows, inactive = rows_of_key(warehouse, spec, columns, day, key)
    sources = sources_of(scope, key, [*rows, *inactive])
    group = group_of(spec, columns, rows, {}) if len(rows) > 1 else None
    return KeyStory(
        day,
        key,
        columns=tuple(dict.fromkeys([*spec.key_columns, *(column.name for column in columns)])),
        rows=tuple(rows),
        inactive=tuple(inactive),
        group=group,
        sources=sources,
        likely=most_likely(scope, len(rows), len(inactive), group, sources),
        next_step=next_look(scope, len(rows), len(inactive), sources),
    )


def _found(scope: Scope, asked: AskedKey) -> tuple[Mapping[str, Any], list[KeyCount]]:
    """Return the whole key that is meant, or the given part and the keys that match it."""
    platform, day = scope.platform, scope.game_date
    spec, part = platform.table, asked.part
    if asked.text:
        doubled = keys_like(platform.warehouse, spec, day, {}, only_duplicates=True)
        shown = [doubled[number] for number in asked.shown_by(spec, [one.key for one in doubled])]
        if shown:
            return (shown[0].key, []) if len(shown) == 1 else (part, shown)
    if asked.is_whole(spec):
        return part, []
    fitting = keys_like(platform.warehouse, spec, day, part)
    return (fitting[0].key, []) if len(fitting) == 1 else (part, fitting)


def _of_several(scope: Scope, part: Mapping[str, Any], candidates: list[KeyCount]) -> KeyStory:
    given = ", ".join(f"{name}={text}" for name, text in zip(part, key_texts(part, [*part]), strict=True))
    having = f" with {given}" if given else ""
    if not candidates:
        step = "Leave out a value: scope.explain() lists keys of the date."
        return KeyStory(scope.game_date, part, likely=f"{scope.game_date} has no key{having}", next_step=step)
    doubled = sum(one.rows > 1 for one in candidates)
    cut = "the first " if len(candidates) >= MOST_KEYS else ""
    found = f"{cut}{counted(len(candidates), 'key')} of {scope.game_date}{having}"
    likely = f"{found}, {doubled:,} of them with several rows; those with most rows come first"
    step = "Give one of them: its text, or all its values."
    return KeyStory(scope.game_date, part, tuple(candidates), likely=likely, next_step=step)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: as_stored(value) for name, value in values.items()}
