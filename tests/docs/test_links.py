"""No link of a page is dead: files exist, and headings for what stands behind a #. Nothing on the web is asked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from lib.places import ROOT
from tests.docs.pages import DOCS, name_of

# `make docs` puts the reports of a demo there.
DEMO = DOCS / "demo" / "index.html"
_FOR_GITHUB = ("CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md")
PAGES = [*filter(Path.exists, (ROOT / name for name in _FOR_GITHUB)), *sorted(DOCS.rglob("*.md"))]


@cache
def repository() -> str:
    """Where the repository is on the web. A link to a file there is held to the file here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project.get("urls", {}).get("Repository", "none"))


def tokens_of(page: Path) -> Iterator[Token]:
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(page.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def links_of(page: Path) -> Iterator[str]:
    """Where each link and picture of the page leads, those in HTML too."""
    for token in tokens_of(page):
        if token.type in ("link_open", "image"):
            yield str(token.attrs.get("href") or token.attrs.get("src"))
        elif token.type in ("html_block", "html_inline"):
            yield from re.findall(r"(?:href|src|srcset)=\"([^\"]*)\"", token.content)


@cache
def anchors_of(page: Path) -> set[str]:
    """What a # of a link to the page may name: its headings as GitHub and the site spell them, and ids in HTML."""
    found: set[str] = set()
    is_heading = False
    for token in tokens_of(page):
        if token.type == "inline" and is_heading:
            words = "".join(each.content for each in token.children or ())
            found.add(re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", words.lower()).strip()))
        elif token.type in ("html_block", "html_inline"):
            found |= set(re.findall(r"(?:id|name)=\"([^\"]*)\"", token.content))
        is_heading = token.type == "heading_open"
    return found


def is_alive(page: Path, link: str) -> bool:
    if link.startswith(f"{repository()}/blob/main/"):
        link, page = link.removeprefix(f"{repository()}/blob/main/"), ROOT / "README.md"
    parts = urlsplit(link)
    if parts.scheme:
        return parts.scheme in ("https", "mailto")
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if DOCS in page.parents and (target == DEMO or DOCS not in target.parents):
        return target == DEMO  # the site has nothing else that is not below docs
    if not target.exists():
        return False
    return not parts.fragment or target.suffix != ".md" or parts.fragment in anchors_of(target)


@pytest.mark.parametrize("page", [pytest.param(page, id=name_of(page)) for page in PAGES])
def test_no_link_is_dead(page: Path) -> None:
    assert [link for link in links_of(page) if not is_alive(page, link)] == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        '# A `heading`: two\n\n[a](#a-heading-two) [b](#b) [c](gone.md) <img src="gone.png"> [d](page.md#b)\n'
    )
    assert [link for link in links_of(page) if not is_alive(page, link)] == ["#b", "gone.md", "gone.png", "page.md#b"]
