"""Words of the table for which this library was first written, which output about other tables must not contain."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

# Whole words, ignoring case.
WORDS = (
    *("games?", "players?", "picks?", "props?", "points", "bookmakers?", "slates?", "all-star"),
    *("nba", "predict(?:s|ed|ing|ions?)?", r"(?:the )?guide(?:'s)?", r"lines? (?:moved|moves?|that moved)"),
    # Python keeps the parameter's name, and a notebook's plain text contains reprs.
    *("America/New_York", "us-west2", r"game_date(?!=datetime\b)"),
)
# In lower case these are ordinary words, and before a parenthesis SQL has one of them.
CAPITALS = (r"OVER(?! \()", "UNDER", "NO_LINE")
# The older name of an option, which is kept.
_KEPT = ("--date, --game-date", "--date")
_FOREIGN = re.compile(rf"\b(?:(?i:{'|'.join(WORDS)})|{'|'.join(CAPITALS)})\b")
_CONTEXT = 60
_NO_TEXT = (".css", ".js", ".db", ".duckdb", ".sqlite", ".png", ".svg")
_DATA_URI = re.compile(r"data:[\w/+.-]+;base64,[\w+/=]+")


def foreign_words(texts: Iterator[tuple[str, str]]) -> list[str]:
    """Return ``'player' in report.html: ... 3 of 120 players missing ...``, one line per word and place.

    Args:
        texts: Texts with their places.
    """
    found: dict[tuple[str, str], str] = {}
    for place, whole in texts:
        text = _DATA_URI.sub("", whole).replace(*_KEPT)
        for match in _FOREIGN.finditer(text):
            around = text[max(0, match.start() - _CONTEXT) : match.end() + _CONTEXT]
            found.setdefault((match[0].lower(), place), " ".join(around.split()))
    return [f"{word!r} in {place}: ... {around} ..." for (word, place), around in sorted(found.items())]


def texts_below(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the texts that people and programs read in a project's files, with their paths."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in _NO_TEXT:
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # a database
            yield str(path.relative_to(folder)), _READERS.get(path.suffix, str)(text)


def _of_page(text: str) -> str:
    page = _Page()
    page.feed(text)
    return "\n".join(page.texts)


def _of_notebook(text: str) -> str:
    """Yield prose, code and outputs, in each output format that is text."""
    return "\n".join(_strings(json.loads(text)["cells"]))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield _of_page(value) if value.startswith("<") else value
    elif isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        yield from _strings("".join(value))
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


class _Page(HTMLParser):
    """Return a page's text, including that of its attributes."""

    _READ = ("title", "alt", "aria-label", "content", "placeholder")

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._skipped = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._skipped = tag in ("script", "style")
        self.texts += [value for name, value in attributes if value and name in self._READ]

    def handle_endtag(self, tag: str) -> None:
        self._skipped = False

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.texts.append(data)


_READERS = {".html": _of_page, ".ipynb": _of_notebook}
