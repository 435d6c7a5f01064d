"""The pages that people read, with their blocks of code, their commands and their links."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lib.places import ROOT

DOCS = ROOT / "docs"
_BLOCK = re.compile(
    r"^(?P<indent> *)(?P<fence>```+)(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
_NOT_RUN = re.compile(r"<!-- not run: (?P<reason>\S.*?) -->\s*\Z", re.DOTALL)
SHELLS = ("", "bash", "console", "sh", "shell")


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        place: Page and line, for people.
        language: As written behind the fence; empty: none.
        text: Without the fences, and without an indentation that all lines share.
        not_run: Why no test runs it, from a comment before it: ``<!-- not run: it needs a cloud -->``; empty: one may.
    """

    place: str
    language: str
    text: str
    not_run: str = ""

    @property
    def lines(self) -> list[str]:
        """The commands of a shell, each in one line; of a console those after its prompt."""
        joined = re.sub(r"\\\n\s*", "", self.text).splitlines()
        if self.language == "console":
            return [line.removeprefix("$ ") for line in joined if line.startswith("$ ")]
        return [line for line in joined if line.strip() and not line.lstrip().startswith("#")]


def pages() -> list[Path]:
    """What is written by hand: README.md, and docs without its reference, which is generated."""
    found = [path for path in sorted(DOCS.rglob("*.md")) if DOCS / "reference" not in path.parents]
    return [ROOT / "README.md", *found]


def name_of(page: Path) -> str:
    """``docs/tutorial/index.md``."""
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path, *languages: str) -> Iterator[Block]:
    """The blocks of a page in these languages; none given: in all."""
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        if not languages or found["language"] in languages:
            before = _NOT_RUN.search(text[: found.start()])
            place = f"{name_of(page)}:{text.count(chr(10), 0, found.start()) + 1}"
            yield Block(place, found["language"], textwrap.dedent(found["text"]), before["reason"] if before else "")


def prose_of(page: Path) -> str:
    """The page without its blocks of code; its lines keep their numbers."""
    text = page.read_text(encoding="utf-8")
    return _BLOCK.sub(lambda found: "\n" * found[0].count("\n"), text)
