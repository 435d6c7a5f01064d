"""Subjects by name: which players, by which systems. Their names come from the rows, so they are bounded."""

from __future__ import annotations

from collections.abc import Sequence

from lib.consolidation.upkeep.subjects import Subject, subject_columns, subjects_of_date
from lib.operations.quality.night import Night
from lib.verdict.section import Table
from lib.words.text import text_of

_MOST_LISTED, _MOST_NAMED, _LONGEST_NAME = 500, 3, 60


def subjects(night: Night, *, several: bool) -> list[Subject]:
    """The subjects of the date with several active rows, or with none; the first few hundred."""
    platform = night.platform
    if not subject_columns(platform.table):
        return []
    return subjects_of_date(platform.warehouse, platform.table, night.game_date, several=several, most=_MOST_LISTED)


def named(night: Night, found: Sequence[Subject], subjects: int) -> str:
    """A few of them, the systems of one player together: ``player1 (2 systems), player2 (ensemble)``."""
    systems: dict[str, dict[str, None]] = {}
    for subject in found:
        who, system = _names(night, subject)
        systems.setdefault(who, {})[system] = None
    shown = list(systems.items())[:_MOST_NAMED]
    told = [f"{who} ({_of(list(names))})" if any(names) else who for who, names in shown]
    is_all = len(systems) <= _MOST_NAMED and len(found) == subjects
    return ", ".join(told) + ("" if is_all else " and others")


def _of(systems: Sequence[str]) -> str:
    return systems[0] if len(systems) == 1 else f"{len(systems)} systems"


def table_of(night: Night, caption: str, found: Sequence[Subject]) -> Table:
    """All that were found."""
    columns = subject_columns(night.platform.table)
    rows = [(*(subject.key[name] for name in columns), subject.rows, subject.active_rows) for subject in found]
    note = f"The first {_MOST_LISTED}." if len(found) == _MOST_LISTED else ""
    return Table(caption, (*columns, "Rows", "Active rows"), rows, note, shown=20)


def _names(night: Night, subject: Subject) -> tuple[str, str]:
    """Who it is, and by which system; a key of game and system alone is the game's."""
    rules, key = night.rules, subject.key
    system = key.get(rules.system_column)
    others = [name for name in key if name not in (rules.game_column, rules.system_column)] or [rules.game_column]
    who = " ".join(text_of(key.get(name))[:_LONGEST_NAME] for name in others)
    return who, text_of(system)[:_LONGEST_NAME] if rules.system_column in key else ""
