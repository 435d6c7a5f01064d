"""The text of a site's pages."""

from __future__ import annotations

import re
from datetime import datetime
from html import unescape

from lib.archive.archive import Archive
from lib.site.build import build_site
from tests.site.runs import START


def text_of(archive: Archive, name: str = "index.html") -> str:
    """Return the text of an existing page."""
    markup = archive.store.read(name).decode()
    return " ".join(unescape(re.sub("<[^>]*>", " ", markup)).split())


def built(archive: Archive, name: str = "index.html", now: datetime = START) -> str:
    """Rebuild the site and return the text of a page."""
    build_site(archive, now=now)
    return text_of(archive, name)
