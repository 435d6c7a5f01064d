"""The Atom feed of runs that ended (RFC 4287)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import NAMESPACE_URL, uuid5

from lib.site.rows import Row
from lib.words.pages import render

_ENTRIES = 50
_NEVER = "1970-01-01T00:00:00Z"


def feed(rows: Sequence[Row], address: str) -> str:
    """The newest 50 that ended.

    Args:
        rows: Newest first.
        address: Of the archive. The feed's id comes of it; those of entries come of their runs, and
            stay when the archive moves.
    """
    ended = sorted((row for row in rows if row.ended_at), key=lambda row: row.ended_at, reverse=True)[:_ENTRIES]
    values = {
        "feed_id": uuid5(NAMESPACE_URL, address).urn,
        "updated": ended[0].ended_at if ended else _NEVER,
        "entries": [(uuid5(NAMESPACE_URL, row.place).urn, row) for row in ended],
    }
    return render("feed.xml.jinja", values)
