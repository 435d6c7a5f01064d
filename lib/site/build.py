"""Builds the site: ``index.html`` at the archive's root, everything else below ``_site/``.

Only pages affected by a run are written. Each build checks for new runs afterwards, so that the last of
several concurrent builds has seen every run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from lib.archive.archive import Archive
from lib.archive.record import RunStatus, utc_now
from lib.archive.store import Store
from lib.schedule.expected import expected_runs
from lib.site.changes import Part, parts
from lib.site.groups import History, Shard, followed_places, histories, shards
from lib.site.index import ROWS, Row, keep, kept_rows, row_of
from lib.site.pages import (
    changes_page,
    feed,
    part_page,
    runbook_page,
    runs_page,
    script,
    shard_page,
    shard_script,
    status_page,
    style,
)

INDEX = "index.html"
SITE = "_site"
# Upper bound on rebuilds while runs keep ending.
_MOST_ROUNDS = 50

# What a page depends on, and the function that renders it.
_Page = tuple[object, Callable[[], str]]


def build_site(archive: Archive, *, fresh: bool = False, now: datetime | None = None) -> str:
    """Write the pages that have changed.

    Args:
        archive: The archive.
        fresh: Read every run, write every page and delete all others.
        now: The time of the pages (UTC); by default the current time.

    Returns:
        Path or URL of the index, for people.

    Raises:
        Unavailable: The archive cannot be read or written.
    """
    store = archive.store
    now = now or utc_now()
    kept = kept_rows(store)
    is_fresh = fresh or kept is None
    kept = kept or []
    rows = current_rows(archive, [] if is_fresh else kept)
    for _ in range(_MOST_ROUNDS):
        _write(store, kept, rows, now, is_fresh=is_fresh)
        kept, rows, is_fresh = rows, current_rows(archive, rows), False
        if rows == kept:
            break
    return store.address(INDEX)


def current_rows(archive: Archive, kept: Sequence[Row]) -> list[Row]:
    """Return every run in its present state, newest first, with figures only where a page plots them.

    A run that has ended is not read again, unless it was closed as abandoned: its runner may only have been asleep.
    """
    abandoned = RunStatus.ABANDONED.words
    ended = {row.place: row for row in kept if row.ended_at and row.status != abandoned}
    places = archive.places()
    followed = followed_places(places)
    return [_row(archive, place, ended.get(place), with_figures=place in followed) for place in places]


def _row(archive: Archive, place: str, kept: Row | None, *, with_figures: bool) -> Row:
    if kept is None or (with_figures and kept.figures is None):
        return row_of(archive.read(place), with_figures=with_figures)
    return kept if with_figures or kept.figures is None else kept._replace(figures=None)


def _write(store: Store, kept: Sequence[Row], rows: Sequence[Row], now: datetime, *, is_fresh: bool) -> None:
    """Write the pages, then the rows kept for the next build, which redoes what an interrupted build missed.

    A slow build may replace a newer page of another build by an older one, until one of the page's runs
    changes or a fresh build.
    """
    before = _pages(shards(kept), histories(kept), parts(kept))
    of_months, of_runbooks, of_changes = shards(rows), histories(rows), parts(rows)
    pages = _pages(of_months, of_runbooks, of_changes)
    timezone = rows[0].timezone if rows else "UTC"
    expected = expected_runs(store, now)
    of_all = {
        f"{SITE}/runs.html": runs_page(rows, of_months, now, timezone),
        f"{SITE}/changes.html": changes_page(of_changes, now, timezone),
        f"{SITE}/feed.xml": feed(rows, store.address()),
        INDEX: status_page(rows, of_runbooks, expected, now, timezone),
    }
    for name, (source, made) in pages.items():
        if is_fresh or name not in before or before[name][0] != source:
            _write_text(store, name, made())
    for name, text in of_all.items():
        _write_text(store, name, text)
    keep(store, rows)
    known = {*store.names(SITE)} if is_fresh else {*before}
    for name in known - {*pages, *of_all, ROWS}:
        store.delete(name)


def _pages(of_months: Sequence[Shard], of_runbooks: Sequence[History], of_changes: Sequence[Part]) -> dict[str, _Page]:
    """Return the pages that depend on some of the runs, or on none."""
    pages: dict[str, _Page] = {f"{SITE}/style.css": (None, style)}
    for name in ("ages.js", "copy.js", "search.js"):
        pages[f"{SITE}/{name}"] = None, partial(script, name)
    for shard in of_months:
        pages[shard.page] = shard, partial(shard_page, shard)
        pages[shard.script] = shard, partial(shard_script, shard)
    for part in of_changes:
        pages[part.page] = part, partial(part_page, part)
    for history in of_runbooks:
        pages[history.page] = history, partial(runbook_page, history)
    return pages


def _write_text(store: Store, name: str, text: str) -> None:
    store.write(name, text.encode("utf-8", "replace"))
