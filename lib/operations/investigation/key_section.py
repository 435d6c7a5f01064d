"""The story of one key as tables: how its rows differ, their batches, the ledger, the log, staging, the cause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lib.consolidation.upkeep.one_key import MOST_ROWS
from lib.operations.duplicates.key_table import key_texts, versions
from lib.operations.investigation.key import KeyStory
from lib.operations.scope import Scope
from lib.operations.staging.ledger_answers import ledger_table
from lib.verdict.all_rows import AllRows
from lib.verdict.section import Section, Table, facts
from lib.words.dates import local_time
from lib.words.nouns import counted

# The table with the likely cause is below the keys.
_MOST_KEYS = 30
_SAID: Mapping[bool | None, str] = {True: "yes", False: "no", None: "not known"}


def key_section(scope: Scope, story: KeyStory) -> Section:
    """Return the section to display, without a check; its first table is the rows, all of them in `Section.df`."""
    end = facts("What most likely happened", {"most likely": f"{story.likely}.", "next": story.next_step})
    if not story.columns:
        return Section((), (*([_candidates(story)] if story.candidates else []), end))
    sources = story.sources
    is_known = story.rows or story.inactive or sources.copies or sources.not_read
    return Section((), (_rows(scope, story), *(_sources(scope, story) if is_known else ()), end))


def _candidates(story: KeyStory) -> Table:
    names = list(story.candidates[0].key)
    counts = [(one.rows, one.stored_rows - one.rows) for one in story.candidates]
    whole = [(*one.key.values(), *count) for one, count in zip(story.candidates, counts, strict=True)]
    first = zip(story.candidates[:_MOST_KEYS], counts, strict=False)
    rows = [(*key_texts(one.key, names), *count) for one, count in first]
    caption, columns = f"Keys of {story.day}", (*names, "Rows", "Inactive rows")
    note = f"The first {_MOST_KEYS} of {len(whole):,}." if len(whole) > _MOST_KEYS else ""
    return Table(caption, columns, rows, note, file=AllRows(caption, columns, whole))


def _rows(scope: Scope, story: KeyStory) -> Table:
    """The rows, with a line for each column of the table; differing columns come first."""
    key = ", ".join(key_texts(story.key, list(story.key)))
    number = len(story.rows) + len(story.inactive)
    differing = _differing(scope, story)
    names = list(dict.fromkeys([*differing, *story.columns])) if number else []
    headings = ("Column", *(["Value"] if story.rows else []), *(["Inactive rows"] if story.inactive else []))
    groups = {0: "The rows differ in", len(differing): "They agree in"}
    if not differing:
        groups = {0: "The rows agree in every column"} if len(story.rows) > 1 else {}
    return Table(
        f"{'the first ' if number >= MOST_ROWS else ''}{counted(number, 'row')} of {key}"
        if number
        else f"Rows of {key}",
        headings,
        [(name, *_values(story, name, differing)) for name in names],
        "A repair backs up all of these rows, keeps the first, then removes the ones struck out." if differing else "",
        shown=100,
        groups=groups,
        file=AllRows(f"Rows of {key}", ("A repair has it", *story.columns), story.marked_rows),
    )


def _differing(scope: Scope, story: KeyStory) -> list[str]:
    """The columns that differ: content first, then write times, then the row id."""
    group = story.group
    if group is None:
        return []
    ids = [scope.platform.table.row_id_column] if len(set(group.row_ids)) > 1 else []
    return [*group.differs, *group.written_differs, *ids]


def _values(story: KeyStory, name: str, differing: Sequence[str]) -> Iterator[Any]:
    if story.rows:
        values = [row[name] for row in story.rows]
        yield versions(values) if name in differing else _text(values)
    if story.inactive:
        yield _text([row[name] for row in story.inactive])


def _text(values: Sequence[Any]) -> str:
    """Each value once."""
    return ", ".join(dict.fromkeys(key_texts({"value": value}, ["value"])[0] for value in values))


def _sources(scope: Scope, story: KeyStory) -> Iterator[Table]:
    sources, zone = story.sources, scope.platform.environment.timezone
    writers = [(one.batch_id, "not known" if one.rows is None else one.rows, one.known_by) for one in sources.writers]
    yield Table("Batches that wrote them", ("Batch", "Rows", "Known by"), writers)
    caption = "Ledger of these batches"
    if why := sources.not_read.get("ledger"):
        yield _not_read(caption, why)
    elif sources.ledger:
        yield ledger_table(scope.platform, caption, sources.ledger)
    else:
        yield facts(caption, {"no row": "a logged MERGE without a ledger row was not made by this library: no fence"})
    if why := sources.not_read.get("logs"):
        yield _not_read("Log lines of these batches", why)
    else:
        lines = [
            (local_time(line.at, zone), line.kind, line.entry.instance or "not logged", line.entry.message)
            for line in sources.lines
        ]
        yield Table("Log lines of these batches", ("Logged", "Means", "Instance", "Line"), lines, shown=40)
    if why := sources.not_read.get("staging"):
        yield _not_read("Left in staging", why)
    else:
        left = [(one.table, one.batch_id or "not known", one.rows, _SAID[one.is_merged]) for one in sources.copies]
        yield Table("Left in staging", ("Staging table", "Batch", "Rows of the key", "Merged, by the ledger"), left)


def _not_read(caption: str, why: str) -> Table:
    return facts(caption, {"not read": why})
