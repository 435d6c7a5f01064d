"""Renders the pages of the site; each depends only on its arguments."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby, islice
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from lib.schedule.expected import Expected
from lib.site.changes import Part, entries
from lib.site.days import in_words, strips
from lib.site.groups import History, Shard, statuses
from lib.site.index import Row, iso
from lib.site.plots import Frame, followed
from lib.verdict.verdict import Verdict
from lib.words.pages import in_zone, render
from lib.words.text import printable

_STATIC = Path(__file__).parent / "static"
_RECENT_RUNS = 5
_LAST_CHANGES = 3
_CHANGES_BEFORE_THE_REST = 50
_RUNS_BEFORE_THE_SEARCH = 50
_ENTRIES = 50
_NEVER = "1970-01-01T00:00:00Z"


def status_page(
    rows: Sequence[Row], histories: Sequence[History], expected: Expected, now: datetime, timezone: str
) -> str:
    """Render ``index.html``: the status of each environment, why, and what to do; then recent changes and runs.

    Args:
        rows: All runs, newest first.
        now: The time of the page (UTC).
        timezone: Time zone of the page's times.
    """
    found = statuses(histories, expected)
    values = {
        "here": "status",
        "up": "",
        "verdict": found[0].verdict if found else str(Verdict.UNKNOWN) if expected.problem else "",
        "statuses": found,
        "strips": strips(rows, histories, now),
        "in_words": in_words,
        "changes": list(islice(entries(rows), _LAST_CHANGES)),
        "problem": expected.problem,
        "built_at": iso(now),
        "expected_at": iso(expected.next_at) if expected.next_at else "",
        "is_overdue": expected.next_at is not None and expected.next_at < now,
        "expected": _minute(expected.next_at, timezone, now),
        "rows": rows[:_RECENT_RUNS],
        "total": len(rows),
        "now": in_zone(now, timezone),
        "timezone": timezone,
        "as_of": _minute(now, timezone, now),
    }
    return render("index.html.jinja", values)


def runs_page(rows: Sequence[Row], shards: Sequence[Shard], now: datetime, timezone: str) -> str:
    """Render ``_site/runs.html``: the search of all runs; without scripts, the newest runs and the months."""
    values = {
        "here": "runs",
        "up": "../",
        "verdict": "",
        "rows": rows[:_RUNS_BEFORE_THE_SEARCH],
        "total": len(rows),
        "shards": shards,
        "runbooks": sorted({row.runbook for row in rows}),
        "environments": sorted({row.environment for row in rows}),
        "now": in_zone(now, timezone),
    }
    return render("runs.html.jinja", values)


def changes_page(parts: Sequence[Part], now: datetime, timezone: str) -> str:
    """Render ``_site/changes.html``: the newest changes of each environment, with links to older ones."""
    found = []
    for name, group in groupby(parts, key=lambda part: part.environment):
        of_one = list(group)
        newest = islice((entry for part in of_one for entry in part.entries), _CHANGES_BEFORE_THE_REST)
        found.append((name, list(newest), sum(len(part.entries) for part in of_one), of_one))
    values = {"here": "changes", "up": "../", "verdict": "", "environments": found, "now": in_zone(now, timezone)}
    return render("changes.html.jinja", values)


def part_page(part: Part) -> str:
    """Render one page of an environment's changes."""
    return render("part.html.jinja", {"here": "", "up": "../../../", "verdict": "", "part": part})


def shard_page(shard: Shard) -> str:
    """Render the runs of a month, or of a part of it."""
    return render("shard.html.jinja", {"here": "", "up": "../../", "verdict": "", "shard": shard})


def shard_script(shard: Shard) -> str:
    """Render the same runs for the search, as a script: a page opened from a folder can load nothing else."""
    lines = ",\n".join(json.dumps(_searched(row)) for row in shard.rows)
    return f"showRuns([\n{lines}\n]);\n"


def runbook_page(history: History) -> str:
    """Render the verdicts of a runbook in an environment, and its figures over time."""
    values = {
        "here": "",
        "up": "../../../../",
        "verdict": history.lead.verdict,
        "lead": history.lead,
        "is_outstanding": history.is_outstanding,
        "rows": history.rows,
        "total": history.total,
        "tally": Counter(row.verdict for row in sorted(history.rows, key=lambda row: -row.badness)).items(),
        "followed": followed(history.rows, history.marks),
        "marks": history.marks,
        "frame": Frame,
    }
    return render("runbook.html.jinja", values)


def feed(rows: Sequence[Row], address: str) -> str:
    """Render ``_site/feed.xml``: the newest 50 runs that have ended, as Atom (RFC 4287).

    Args:
        rows: All runs, newest first.
        address: Address of the archive, from which the feed's id is derived. Ids of entries are derived
            from their runs and stay the same when the archive moves.
    """
    ended = sorted((row for row in rows if row.ended_at), key=lambda row: row.ended_at, reverse=True)[:_ENTRIES]
    values = {
        "feed_id": uuid5(NAMESPACE_URL, address).urn,
        "updated": ended[0].ended_at if ended else _NEVER,
        "entries": [(uuid5(NAMESPACE_URL, row.place).urn, row) for row in ended],
    }
    return render("feed.xml.jinja", values)


def style() -> str:
    """Return ``_site/style.css``: the style of reports and additions for the site."""
    return render("style.css", {}) + (_STATIC / "site.css").read_text("utf-8")


def script(name: str) -> str:
    """Return ``_site/ages.js``, ``_site/copy.js`` or ``_site/search.js``; the pages work without them."""
    return (_STATIC / name).read_text("utf-8")


def _searched(row: Row) -> list[Any]:
    texts = (row.place, row.link, row.verdict, row.status, row.headline, row.where, row.parameters, row.when, row.took)
    changed = [
        [*map(printable, (change.what, change.undo, change.note, "CHANGED" if change.is_certain else "CHANGED?"))]
        for change in row.changed
    ]
    return [*map(printable, (*texts, row.about, row.by)), *([changed] if changed else [])]


def _minute(moment: datetime | None, timezone: str, now: datetime) -> str:
    """Format a time as ``14:53 EST``, with the date before it unless that is today."""
    date, _, rest = in_zone(moment, timezone).partition(" ")
    clock = f"{rest[:5]}{rest[8:]}"
    return clock if date == in_zone(now, timezone)[:10] else f"{date} {clock}"
