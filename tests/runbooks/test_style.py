"""The style of reports, incident pages and the site: one sheet in parts, five type sizes, no duplicate rules."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from lib.site.pages import style
from lib.verdict.timeline.style import STYLE
from lib.words.pages import TEMPLATES

_SIZES = re.compile(r"var\(--(tiny|small|text|large|huge)(, \d+px)?\)|inherit|0")


def sheets() -> Iterator[str]:
    yield style()
    yield STYLE
    for path in (path for folder in TEMPLATES for path in folder.glob("*.html.jinja")):
        yield from re.findall(r"<style>(.*?)</style>", path.read_text("utf-8"), re.DOTALL)


def test_pages_use_five_type_sizes() -> None:
    for sheet in sheets():
        sizes = re.findall(r"font-size[:=]\s*\"?([^;}\"]+)", sheet) + re.findall(r"[\s{;]font:\s*([^;}]+)", sheet)
        assert [size for size in sizes if not _SIZES.match(size)] == []


def test_no_rule_is_duplicated() -> None:
    """A selector sets a property only once per media query."""
    for sheet in sheets():
        assert [rule for rule, times in Counter(_rules(sheet)).items() if times > 1] == []


def _rules(css: str, media: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield media query, selector and property of each declaration."""
    for head, body in _blocks(re.sub(r"/\*.*?\*/|\{%.*?%\}", "", css, flags=re.DOTALL)):
        if head.startswith("@"):
            yield from _rules(body, head)
        else:
            for declared in filter(None, map(str.strip, body.split(";"))):
                yield media, head, declared.partition(":")[0]


def _blocks(css: str) -> Iterator[tuple[str, str]]:
    """Yield the text before and within each pair of outer braces."""
    depth, begins, opened = 0, 0, 0
    for brace in re.finditer(r"[{}]", css):
        depth += 1 if brace[0] == "{" else -1
        if brace[0] == "{" and depth == 1:
            opened = brace.start()
        elif depth == 0:
            yield " ".join(css[begins:opened].split()), css[opened + 1 : brace.start()]
            begins = brace.end()
