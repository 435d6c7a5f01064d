"""What the pages of a site say."""

from __future__ import annotations

import re
from datetime import datetime
from html import unescape

from lib.archive.archive import Archive
from lib.site.build import build_site
from tests.site.runs import START


def text_of(archive: Archive, name: str = "index.html") -> str:
    """The words of a page, as it lies there."""
    markup = archive.store.read(name).decode()
    return " ".join(unescape(re.sub("<[^>]*>", " ", markup)).split())


def built(archive: Archive, name: str = "index.html", now: datetime = START) -> str:
    """The words of a page of the site, built anew."""
    build_site(archive, now=now)
    return text_of(archive, name)
