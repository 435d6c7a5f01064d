"""Requirements for every report, measured in a browser: short, complete on its first screen, no broken words."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, Page

from tests.browser.chromium import Budget, Visit, visit

# With all its pictures.
REPORT = Budget(bytes=120_000, nodes=5_000)
SCREEN = {"width": 1_280, "height": 900}
PHONE = {"width": 400, "height": 800}
LONGEST, LONGEST_OPENED = 2_000, 9_200

_LENGTH = "document.documentElement.scrollHeight"
_OPEN_ALL = 'for (const one of document.querySelectorAll("details")) one.open = true'
# A word in a table or a check's card that is broken over several lines.
_BROKEN_WORDS = r"""() => {
  const broken = [];
  for (const cell of document.querySelectorAll("td, th, .check > summary")) {
    const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) for (const word of walker.currentNode.textContent.matchAll(/\S+/g)) {
      const range = document.createRange();
      range.setStart(walker.currentNode, word.index);
      range.setEnd(walker.currentNode, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].filter((box) => box.width).map((box) => Math.round(box.top)));
      if (lines.size > 1) broken.push(word[0]);
    }
  }
  return broken;
}"""

# Pairs of overlapping texts in a picture.
_COVERED_TEXTS = """() => [...document.querySelectorAll("svg[role=img]")].flatMap((svg) => {
  const texts = [...svg.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()])
    .filter(([, box]) => box.width);
  return texts.flatMap(([one, a], at) => texts.slice(at + 1)
    .filter(([, b]) => a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom)
    .map(([other]) => [one, other]));
})"""


def assert_is_a_good_report(browser: Browser, address: str) -> None:
    """Check the report folded and unfolded, on a large and a small screen, in light and dark."""
    with visit(browser, viewport=SCREEN) as opened:
        page = opened.open(address)
        assert page.evaluate(_LENGTH) <= LONGEST
        assert_first_screen_is_complete(page)
        opened.assert_within(REPORT)
        open_all(page)
        assert page.evaluate(_LENGTH) <= LONGEST_OPENED
        for size in (SCREEN, PHONE):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            opened.assert_well_behaved()
            assert broken_words(page) == []
            assert page.evaluate(_COVERED_TEXTS) == []
        opened.assert_accessible()
    with visit(browser, viewport=PHONE, color_scheme="dark") as opened:
        opened.open(address)
        opened.assert_well_behaved()
        open_all(opened.page)
        opened.assert_accessible()


def assert_first_screen_is_complete(page: Page) -> None:
    """Check that verdict, headline, since when, what it affects and the next command are visible without scrolling."""
    height = SCREEN["height"]
    for part in (".hero .badge", ".hero h1", ".hero .facts", ".hero .command"):
        for box in [found.bounding_box() for found in page.locator(part).all()]:
            assert box is not None
            assert box["y"] + box["height"] <= height, f"{part} is below the first screen"


def broken_words(page: Page) -> list[str]:
    words: list[str] = page.evaluate(_BROKEN_WORDS)
    return words


def open_all(page: Page) -> None:
    page.evaluate(_OPEN_ALL)


def shown_in_print(visited: Visit, selector: str) -> list[bool]:
    """Return whether each such element has a size on paper."""
    visited.page.emulate_media(media="print")
    boxes: list[dict[str, Any] | None] = [found.bounding_box() for found in visited.page.locator(selector).all()]
    return [bool(box and box["height"]) for box in boxes]
