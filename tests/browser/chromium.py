"""Chromium, and the requirements for every page: no errors, no requests, within budget, accessible."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, sync_playwright

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_MEASURED = """() => {
  const [navigation] = performance.getEntriesByType("navigation");
  return {
    bytes: new TextEncoder().encode(document.documentElement.outerHTML).length,
    nodes: document.querySelectorAll("*").length,
    milliseconds: Math.round(navigation.loadEventEnd),
    width: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  };
}"""

_BROKEN = """() => {
  const broken = [];
  const range = document.createRange();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    if (!text.parentElement.closest("td, th") || text.parentElement.closest(".hidden, svg")) continue;
    for (const word of text.data.matchAll(/\\S+/g)) {
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].filter((box) => box.width).map((box) => Math.round(box.top)));
      if (lines.size > 1) broken.push(word[0]);
    }
  }
  return broken;
}"""


@dataclass(frozen=True)
class Budget:
    """What a page may cost: several times its actual cost, but far less than that of a careless one."""

    bytes: int
    nodes: int
    milliseconds: int = 10_000


@dataclass
class Visit:
    """A page, and what it did that no page should do."""

    page: Page
    offences: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self._note(message.type in ("error", "warning"), message.text))
        self.page.on("pageerror", lambda error: self._note(True, str(error)))
        self.page.on("dialog", lambda dialog: (self._note(True, dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self._note(not _stays_here(request.url), request.url))
        self.page.on("requestfailed", lambda request: self._note(_has_failed(request), f"failed: {request.url}"))

    def open(self, address: str) -> Page:
        self.page.goto(address, wait_until="load")
        return self.page

    def assert_well_behaved(self) -> None:
        """Check: no console error, no dialog, no request that leaves the machine, nothing wider than the window."""
        assert self.offences == []
        assert self.measured()["width"] <= 0, f"{self.page.url} scrolls sideways"

    def assert_words_whole(self) -> None:
        """Check that no word, number, date or id in a table is broken over two lines."""
        assert self.page.evaluate(_BROKEN) == [], self.page.url

    def assert_accessible(self) -> None:
        """Check the rules of axe-core."""
        found = Axe().run(self.page, options={"resultTypes": ["violations"], "preload": False})
        assert found.violations_count == 0, found.generate_report()

    def assert_within(self, budget: Budget) -> None:
        measured = self.measured()
        for name in ("bytes", "nodes", "milliseconds"):
            assert 0 < measured[name] <= getattr(budget, name), f"{self.page.url}: {name}: {measured}"

    def measured(self) -> dict[str, Any]:
        figures: dict[str, Any] = self.page.evaluate(_MEASURED)
        return figures

    def _note(self, is_offence: bool, text: str) -> None:
        if is_offence:
            self.offences.append(text[:500])


def _has_failed(request: Request) -> bool:
    """Whether it was more than left undone because the next page was opened, as an icon's may be."""
    return request.failure != "net::ERR_ABORTED"


def _stays_here(url: str) -> bool:
    return url.startswith(("file://", "data:", "http://127.0.0.1:"))


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser. Skips if none is installed, except in CI, where that is a failure."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        missing = "no browser: install Chromium (Debian: apt install chromium)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_QUIET))
        yield browser
        browser.close()


@contextmanager
def visit(browser: Browser, **options: Any) -> Iterator[Visit]:
    """Open a page with options such as ``color_scheme="dark", viewport={"width": 400, "height": 800}``."""
    context = browser.new_context(**options)
    try:
        yield Visit(context.new_page())
    finally:
        context.close()
