"""Phrases that read as translated, and what to write instead: ``python -m tests.house.plain_english [PATH ...]``.

It holds what a machine can hold of the rules in CONTRIBUTING.md, "English": in comments, docstrings and texts of
Python, in notebooks, pages, templates and settings. Names in code are not looked at.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import nbformat

from lib.places import ROOT

READ = (
    "lib", "notebooks", "params", "docs", "examples", "rehearsal", "proof", "bench", "tests",
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "Makefile", "Dockerfile",
    "environment.yml", "pyproject.toml", ".ci", ".github",
)  # fmt: skip
_TEXTS = {".py", ".ipynb", ".md", ".html", ".txt", ".yaml", ".yml", ".toml", ".js", ".jinja", ".j2", ""}
_APART = {
    "tests/house/plain_english.py": "it names the phrases",
    "tests/house/test_plain_english.py": "it names the phrases",
    "lib/archive/old_records.py": "it has names of checks in old archives",
}

# What is matched, and what to write instead.
RULES: dict[str, str] = {
    r"\b(?:is|are|was|were|be|been|being) told\b": "is given, was sent, is notified: only people are told",
    r"\b(?:it|which|that|this|page|line|record|file|server|service|report|runbook|warehouse|table) tells\b": (
        "returns, reports, shows, prints: only people tell"
    ),
    r"\bas told\b": "as configured, as confirmed",
    r"(?<!there )(?<!There )\bis no\b(?! longer\b)(?! more than\b)": "is not a",
    r"(?<!there )(?<!There )\bare no\b(?! longer\b)(?! more than\b)": "are not",
    r"\bis none of\b": "is not one of",
    r"\bwho(?:ever|m|mever)\b": "who; the person who; anyone who",
    r"\bof (?:which|whom)\b": "begin a new sentence; where, whose",
    r"\bthan that which\b": "than the one that",
    r"\bwhat is [\w' ]{1,40} is\b": "name the thing first",
    r"\banew\b": "again",
    r"\bfor good\b": "permanently",
    r"\blet pass\b": "accept",
    r"\bthere is but\b": "there is only",
    r"\bis over\b(?! \d)": "has expired, has ended",
    r"\btak(?:e|es|en|ing) apart\b|\btook apart\b": "parse, split",
    r"\b(?:is|are|was|were|be) (?:to be )?had\b|\bto be had\b": "is available",
    r"\b(?:lie|lies|lay|lying) beside\b": "is stored next to",
    r"\bstands? (?:beside|below|above|in its|there|as it)\b": "is",
    r"\bas it stood\b": "in its last known state",
    r"\bwithout a word\b": "without logging a result",
    r"\b(?:is|are|was|were) on record\b": "is recorded",
    r"\bbecomes? of\b|\bbecame of\b": "happens to, is handled",
    r"\b(?:is|are) waited for not\b|\bnot at all\b": "not",
    r"\ball in all\b": "in total",
    r"\bfor so long\b": "for this long; name the time",
    r"\bbut for\b": "except for",
    r"\b(?:he|she|his|hers|him)\b": "they, their",
    r"\b(?:rows|keys) too many\b": "surplus rows",
    r"\bclocks? (?:is|are|was|were) turned\b": "daylight saving changes",
    r"\bthe guide(?:'s)?\b": "name what it says: rounded count, day-1 criteria",
    r"\bby no means\b": "not",
    r"\b(?:lest|hence|thereof|thereby|wherein|whereof|thereupon|herewith|nought|aught)\b": "so, by this, in it",
    r"\bmay go\b": "can be deleted",
    r"\bis looked (?:for|at|into|through|over)\b|\bare looked (?:for|at|into|through|over)\b": "checks, searches",
    r"\bit is waited\b|\bis waited\b": "it waits",
    r"\bhow it stands\b": "status",
    r"\ba way out\b": "a fix",
    r"\bsome(?:body|one) else's\b.{0,20}\bturn\b": "another process's turn",
    r"\bcannot be said\b|\bcould not be said\b": "is unknown",
    r"\bthe same again\b": "the same",
    r"\bso and so\b": "such",
}  # fmt: skip
_EACH = {re.compile(pattern, re.IGNORECASE): instead for pattern, instead in RULES.items()}


@dataclass(frozen=True)
class Phrase:
    """A phrase that breaks a rule.

    Attributes:
        place: ``PATH:LINE``; of a notebook ``PATH:CELL_ID:LINE``.
        text: The words found.
        instead: What to write.
    """

    place: str
    text: str
    instead: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text!r}: {self.instead}"


def phrases(paths: Iterable[Path]) -> Iterator[Phrase]:
    """What breaks a rule in these files, and in all files below these folders."""
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix in _TEXTS and not _is_apart(file):
                yield from _phrases_of(file)


def broken_in(text: str) -> list[tuple[int, str, str]]:
    """Return the line (from 0), the words and what to write instead, of each phrase in a text."""
    # A phrase may run over the end of a line, and of a comment's line.
    lines = [line.strip(" \t#*>") for line in text.split("\n")]
    begins = list(accumulate((len(line) + 1 for line in lines), initial=0))
    return [
        (bisect_right(begins, match.start()) - 1, match.group(), instead)
        for pattern, instead in _EACH.items()
        for match in pattern.finditer(" ".join(lines))
    ]


def _is_apart(file: Path) -> bool:
    return "__pycache__" in file.parts or str(_place_of(file)) in _APART


def _place_of(file: Path) -> Path:
    return file.relative_to(ROOT) if file.is_relative_to(ROOT) else file


def _phrases_of(file: Path) -> Iterator[Phrase]:
    for where, line, text in _texts(file):
        for offset, words, instead in broken_in(text):
            yield Phrase(f"{_place_of(file)}:{where}{line + offset}", words, instead)


def _texts(file: Path) -> Iterator[tuple[str, int, str]]:
    """Each text that people read: what its place begins with, its first line, itself."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    if file.suffix == ".ipynb":
        for cell in nbformat.reads(text, as_version=4).cells:
            yield f"{cell.id}:", 1, cell.source
    elif file.suffix == ".py":
        yield from _texts_of_python(text)
    else:
        yield "", 1, text


def _texts_of_python(source: str) -> Iterator[tuple[str, int, str]]:
    comments: list[str] = []
    begin = last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        row = token.start[0]
        if token.type == tokenize.COMMENT:
            if comments and row != last + 1:
                yield "", begin, "\n".join(comments)
                comments = []
            begin = begin if comments else row
            comments.append(token.string)
            last = row
        elif token.string and token.type in _STRINGS:
            yield "", row, token.string
    if comments:
        yield "", begin, "\n".join(comments)


# From Python 3.12 on an f-string is several tokens.
_STRINGS = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def main() -> int:
    """Print each phrase, and how many there are in each of the paths given, by default everything."""
    paths = [Path(name).resolve() for name in sys.argv[1:]] or [ROOT / name for name in READ if (ROOT / name).exists()]
    total = 0
    for path in paths:
        found = list(phrases([path]))
        total += len(found)
        for phrase in found if len(sys.argv) > 1 else ():
            print(phrase)
        print(f"{len(found):5}  {_place_of(path)}")
    return 1 if total else 0


if __name__ == "__main__":
    raise SystemExit(main())
