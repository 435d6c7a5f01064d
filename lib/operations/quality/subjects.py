"""The names of subjects and their sources. They come from the rows, so they are bounded."""

from __future__ import annotations

from collections.abc import Sequence

from lib.consolidation.upkeep.subjects import Subject, subject_columns, subjects_of_date
from lib.operations.quality.night import Night
from lib.verdict.section import Table
from lib.words.nouns import counted
from lib.words.text import text_of

_MOST_LISTED, _MOST_NAMED, _LONGEST_NAME = 500, 3, 60


def subjects(night: Night, *, several: bool) -> list[Subject]:
    """Return the first few hundred subjects of the date with several active rows, or with none."""
    platform = night.platform
    if not subject_columns(platform.table):
        return []
    return subjects_of_date(platform.warehouse, platform.table, night.game_date, several=several, most=_MOST_LISTED)


def named(night: Night, found: Sequence[Subject], subjects: int) -> str:
    """Name a few subjects with their sources, such as ``article1 (2 channels), article2 (web)``.

    Args:
        night: The date and its past.
        found: The subjects that were read.
        subjects: The number of all such subjects.
    """
    sources: dict[str, dict[str, None]] = {}
    for subject in found:
        who, source = _names(night, subject)
        sources.setdefault(who, {})[source] = None
    shown = list(sources.items())[:_MOST_NAMED]
    listed = [f"{who} ({_of(night, list(names))})" if any(names) else who for who, names in shown]
    is_all = len(sources) <= _MOST_NAMED and len(found) == subjects
    return ", ".join(listed) + ("" if is_all else " and others")


def _of(night: Night, sources: Sequence[str]) -> str:
    return sources[0] if len(sources) == 1 else counted(len(sources), night.words.source)


def table_of(night: Night, caption: str, found: Sequence[Subject]) -> Table:
    """Return a table of subjects.

    Args:
        night: The date and its past.
        caption: The table's caption.
        found: The subjects that were read.
    """
    columns = subject_columns(night.platform.table)
    rows = [(*(subject.key[name] for name in columns), subject.rows, subject.active_rows) for subject in found]
    note = f"The first {_MOST_LISTED}." if len(found) == _MOST_LISTED else ""
    return Table(caption, (*columns, "Rows", "Active rows"), rows, note, shown=20)


def _names(night: Night, subject: Subject) -> tuple[str, str]:
    """The subject's name and its source; if the key is only unit and source, the unit's name."""
    key = {name: text_of(None if value is None else str(value)) for name, value in subject.key.items()}
    groups = night.groups.columns
    others = [name for name in key if name not in groups] or [name for name in groups if name in key][:1]
    who = " ".join(key[name][:_LONGEST_NAME] for name in others)
    by_source = night.groups.source in key and night.groups.source not in others
    return who, key[night.groups.source][:_LONGEST_NAME] if by_source else ""
