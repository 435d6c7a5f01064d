"""The documentation site, built from a copy: no warning, each page in its navigation, nothing loaded from elsewhere."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib.places import ROOT
from tests.browser.chromium import chromium, visit
from tests.docs.pages import DOCS
from tests.docs.site import CONFIG, build

# Colours, width, the colours' name in the page, and which pages: a telephone shows what is too wide.
LOOKS = [("light", 1280, "default", "index.html"), ("dark", 400, "slate", "*.html")]
_LOADED = re.compile(r"<(?:link|script|img|source|iframe|object)\b[^>]*\b(?:href|src|srcset)=\"(?:https?:)?//[^>]*>")
# What Python-Markdown leaves of a list without an empty line before it.
_NO_LIST = re.compile(r"<p>(?:(?!</p>).)*\n(?:[-*+]|\d+\.) ", re.DOTALL)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkout")
    shutil.copy(ROOT / CONFIG, root)
    shutil.copytree(DOCS, root / "docs")
    return build(root)


def named(entries: list[Any]) -> Iterator[str]:
    """The pages of a navigation, in order."""
    for entry in entries:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            yield from [value] if isinstance(value, str) else named(value)


def test_the_navigation_names_every_page_once() -> None:
    project = tomllib.loads((ROOT / CONFIG).read_text(encoding="utf-8"))["project"]
    pages = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    assert sorted(page for page in named(project["nav"]) if page.endswith(".md")) == pages


def test_pages_load_nothing_from_elsewhere_and_their_lists_are_lists(site: Path) -> None:
    for path in sorted(site.rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        assert _LOADED.findall(text) == [], path
        assert _NO_LIST.findall(text) == [], (
            f"{path}: put an empty line before a list, and four blanks before one in it"
        )


@pytest.mark.long
@pytest.mark.parametrize(("look", "width", "scheme", "pages"), LOOKS)
def test_pages_are_quiet_and_fit_the_window(site: Path, look: str, width: int, scheme: str, pages: str) -> None:
    with chromium() as browser, visit(browser, viewport={"width": width, "height": 900}, color_scheme=look) as opened:
        for path in sorted(site.rglob(pages)):
            if path.name != "404.html":  # a server's, from its root
                page = opened.open(path.as_uri())
                opened.assert_well_behaved()
                assert page.locator("body").get_attribute("data-md-color-scheme") == scheme


def test_the_search_works_in_a_folder(site: Path) -> None:
    with chromium() as browser, visit(browser) as opened:
        page = opened.open((site / "reference" / "runbooks.html").as_uri())
        page.get_by_role("button", name="Search").click()
        page.locator("input[aria-label=Search]").fill("lease_seconds")
        page.locator("a[href*='settings.html'][href$='#lock']").first.wait_for()
        opened.assert_well_behaved()
