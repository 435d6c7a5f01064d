"""Words of the one table that this library was written for, which no output about another one may hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

# Each is a whole word in any case.
WORDS = (
    *("games?", "players?", "picks?", "props?", "points", "bookmakers?", "slates?", "all-star"),
    *("nba", "predict(?:s|ed|ing|ions?)?", r"(?:the )?guide(?:'s)?", r"lines? (?:moved|moves?|that moved)"),
    # In Python the parameter's name stays, and a notebook's plain text holds a repr.
    *("America/New_York", "us-west2", r"game_date(?!=datetime\b)"),
)
# In small letters these are everybody's, and SQL has a word of its own before a parenthesis.
CAPITALS = (r"OVER(?! \()", "UNDER", "NO_LINE")
# The older name of an option, which stays beside the new one.
_KEPT = ("--date, --game-date", "--date")
_FOREIGN = re.compile(rf"\b(?:(?i:{'|'.join(WORDS)})|{'|'.join(CAPITALS)})\b")
_CONTEXT = 60
_NO_TEXT = (".css", ".js", ".db", ".duckdb", ".sqlite", ".png", ".svg")
_DATA_URI = re.compile(r"data:[\w/+.-]+;base64,[\w+/=]+")


def foreign_words(texts: Iterator[tuple[str, str]]) -> list[str]:
    """``'player' in report.html: ... 3 of 120 players missing ...``, a line for each word of each place.

    Args:
        texts: Each text with the place that it is from.
    """
    found: dict[tuple[str, str], str] = {}
    for place, whole in texts:
        text = _DATA_URI.sub("", whole).replace(*_KEPT)
        for match in _FOREIGN.finditer(text):
            around = text[max(0, match.start() - _CONTEXT) : match.end() + _CONTEXT]
            found.setdefault((match[0].lower(), place), " ".join(around.split()))
    return [f"{word!r} in {place}: ... {around} ..." for (word, place), around in sorted(found.items())]


def texts_below(folder: Path) -> Iterator[tuple[str, str]]:
    """What people and programs read of the files of a project, each with its path."""
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
    """Prose, code and outputs; of an output's formats each that is text."""
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
    """The text of a page, and of its attributes that are text."""

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
