"""What is kept of the runs between two builds: ``_site/rows.json``, a row for each.

A run that has ended is read once. Any other is read each time: so is a damaged one, and one that
was closed as abandoned, since its runner may only have slept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

from lib.archive import compare_with, record
from lib.archive.archive import Archive
from lib.archive.record import RunStatus
from lib.archive.store import Store
from lib.site.groups import histories
from lib.site.rows import Row, from_json, row_of
from lib.words import dates, pages, quantities, runbook_commands, text
from lib.words.pages import TEMPLATES

ROWS = "_site/rows.json"
_ABANDONED = RunStatus.ABANDONED.words
# What else than this package makes them.
_READERS = (compare_with, dates, pages, quantities, record, runbook_commands, text)


def kept_rows(store: Store) -> list[Row] | None:
    """The runs as the last build saw them, newest first.

    Returns:
        None when there is no site, or when its pages were made by other code than this:
        all of them are to be made anew.

    Raises:
        Unavailable: The archive cannot be read.
    """
    try:
        kept = json.loads(store.read(ROWS))
        return [from_json(values) for values in kept["rows"]] if kept["made_by"] == _this_code() else None
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def keep(store: Store, rows: Sequence[Row]) -> None:
    """Keep them for the next build, once its pages are written."""
    store.write(ROWS, json.dumps({"made_by": _this_code(), "rows": rows}, separators=(",", ":")).encode())


def observe(archive: Archive, kept: Sequence[Row]) -> list[Row]:
    """Every run as it is now, newest first; figures only where a page follows them.

    Raises:
        Unavailable: The archive cannot be read.
    """
    ended = {row.place: row for row in kept if row.ended_at and row.status != _ABANDONED}
    rows = [ended.get(place) or row_of(archive.read(place)) for place in archive.places()]
    followed = {row.place for history in histories(rows) for row in history.rows}
    return list(_with_figures_of(followed, rows, archive))


def _with_figures_of(followed: set[str], rows: Sequence[Row], archive: Archive) -> Iterator[Row]:
    for row in rows:
        if (row.figures is not None) == (row.place in followed):
            yield row
        elif row.figures is None:
            yield row_of(archive.read(row.place))
        else:
            yield row._replace(figures=None)


@cache
def _this_code() -> str:
    """A digest of what makes rows of runs, and pages of rows."""
    folders = (*TEMPLATES, Path(__file__).parent, Path(__file__).parent / "static")
    files = sorted(path for folder in folders for path in folder.iterdir() if path.is_file())
    files += [Path(str(module.__file__)) for module in _READERS]
    return sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
