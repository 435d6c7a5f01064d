"""Tables and figures of a report in a browser: shown, copied and drawn."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser

from lib.runbooks.report_page import render_report
from lib.verdict.cells import Difference, Id, Mark
from lib.verdict.section import Table
from tests.browser.chromium import chromium, visit
from tests.site.runs import record
from tests.verdict.test_figure import rows as figure_of_rows

WHOLE = "1bc7e554-aaaa-4bbb-8ccc-1234567890ab"
BATCHES = "linecheck_2026-11-28_1795867200 and regen_2026-11-28_lineups_1795867200, 400 ms apart"
# Words in table cells that are broken over several lines.
_BROKEN = """() => [...document.querySelectorAll(".rich :is(th, td, caption, .note)")].flatMap((cell) => {
  const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), broken = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    for (const word of node.textContent.matchAll(/[^\\s]+/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].filter((box) => box.width > 0.5).map((box) => box.top));
      if (lines.size > 1) broken.push(word[0]);
    }
  return broken;
})"""
_COPIED = """(selector) => {
  const range = document.createRange();
  range.selectNodeContents(document.querySelector(selector));
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  return getSelection().toString();
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = [
        ("bamadebayo", Id(WHOLE), Mark.KEPT, 9.0, Difference(8.1, 7.6), BATCHES),
        ("bamadebayo", Id(WHOLE), Mark.REMOVED, -17.5, Difference("a", "b"), "2026-11-28 15:23:37 EST"),
    ] * 3
    head = ("Player", "Row id", "A repair", "Line", "Differs in", "Batches and when, by the ledger")
    table = Table("Duplicate keys", head, found, BATCHES, groups={0: BATCHES, 3: "10 keys · two ids"})
    figure = figure_of_rows(433)
    outputs = [
        {"output_type": "display_data", "metadata": {}, "data": {"text/html": table._repr_html_()}},
        {"output_type": "display_data", "metadata": {}, "data": figure._repr_mimebundle_()},
    ]
    was_run = {"papermill": {"start_time": "2026-11-24T19:00:00Z"}}
    cell = {"cell_type": "code", "id": "step", "source": "x", "metadata": was_run, "outputs": outputs}
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_report(record(), {"cells": [cell]}), encoding="utf-8")
    return path


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1_280, 400])
def test_tables_break_no_word_and_figures_are_in_the_theme(
    browser: Browser, report: Path, width: int, theme: Any
) -> None:
    with visit(browser, viewport={"width": width, "height": 800}, color_scheme=theme) as opened:
        page = opened.open(report.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true })")
        opened.assert_well_behaved()
        opened.assert_accessible()
        assert page.evaluate(_BROKEN) == []
        figure = page.locator("figure img")
        assert str(figure.get_attribute("alt")).startswith("Rows by date, 433 on 2026-11-28")
        drawn = Image.open(io.BytesIO(figure.screenshot())).convert("L")
        shades = drawn.getcolors()
        assert shades is not None
        usual = max(shades)[1]
        assert usual > 200 if theme == "light" else usual < 60
        assert (
            sum(count for count, shade in shades if shade > 245) < drawn.width * drawn.height / 50 or theme == "light"
        )


def test_an_id_is_copied_in_full(browser: Browser, report: Path) -> None:
    with visit(browser) as opened:
        page = opened.open(report.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true })")
        shown = page.locator("code.id").first
        assert shown.get_attribute("title") == WHOLE
        shown.dblclick()
        assert page.evaluate("getSelection().toString()") == WHOLE
        box = shown.bounding_box()
        assert box is not None
        assert box["width"] < 100
        assert "kept 8.1 removed 7.6" in page.evaluate(_COPIED, ".rich tbody tr:nth-of-type(2)")
