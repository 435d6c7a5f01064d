"""A timeline in a browser: nothing is cut off or too small on a phone, and it is accessible."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from lib.verdict.timeline.data import Bar, Ending, Hold, Lane, Lock, Mark, Overlap, Overview, Part, Timeline
from lib.verdict.timeline.drawing import drawn
from tests.browser.chromium import chromium, visit

NOON = datetime(2026, 1, 17, 17, tzinfo=UTC)
BATCH, LATER = "batch_2026-01-17_1768622400", "regen_2026-01-17_injuries_1768622400"
STYLE = (Path(__file__).parents[2] / "lib/runbooks/templates/style.css").read_text(encoding="utf-8")
# Texts, bars and lines outside the picture, and the smallest text size.
_MEASURED = """() => {
  const inside = (part, whole) => part.left >= whole.left - 1 && part.right <= whole.right + 1.5
    && part.top >= whole.top - 1 && part.bottom <= whole.bottom + 1;
  const [svg] = document.querySelectorAll("figure > svg");
  const cut = [...svg.querySelectorAll("text, rect, line")].filter((each) => getComputedStyle(each).display !== "none"
    && !inside(each.getBoundingClientRect(), svg.getBoundingClientRect())).map((each) => each.textContent);
  const sizes = [...document.querySelectorAll("figure *")].map((each) => parseFloat(getComputedStyle(each).fontSize));
  return {cut, smallest: Math.min(...sizes)};
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def moment(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def page(width_of: float) -> str:
    """An overlap that ends at this share of the picture, an end at its border, and names of maximal length."""
    start = width_of - 0.2
    bars = tuple(
        Bar(lane, part, moment(10 * begin), moment(10 * end), batch, end >= 1, ending)
        for lane, batch in enumerate((BATCH, LATER))
        for part, begin, end, ending in (
            (Part.LOCK_WAIT, 0.0, start, Ending.NONE),
            (Part.MERGE, start, width_of, Ending.NONE),
            (Part.VALIDATION, width_of, 1.0, Ending.FAILED),
        )
    )
    picture = Timeline(
        f"The MERGEs of {BATCH} and {LATER} overlapped for 2.0 s, without the lock",
        "America/New_York",
        moment(0),
        moment(10.5),
        (Lane("0066d92480a1b2c3d4e5f60718293a4b5c6d7e8f", BATCH), Lane("vm:17497 (2)", LATER)),
        bars,
        (Overlap(0, 1, moment(10 * start), moment(10 * width_of), 12, f"{BATCH} and {LATER}"),) * 2,
        (Lock("lock consolidation_2026-01-17", (Hold(moment(0), moment(9), BATCH),), f"held now by {LATER}"),),
        (Mark(moment(0), "prediction-coordinator-00049-m7d deployed"), Mark(moment(0.1), "repair by ana")),
        Overview(moment(-86_400), moment(10.5), (500, 0, 3)),
        ("No changes are marked, because they could not be read.",),
    )
    body = f"<main><h1>t</h1><div class='card'>{drawn(picture)}</div></main>"
    head = "<meta charset='utf-8'><title>t</title><meta name='viewport' content='width=device-width'>"
    return f"<!DOCTYPE html><html lang='en'><head>{head}<style>{STYLE}</style></head><body>{body}</body></html>"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_is_cut_off_or_too_small_to_read(browser: Browser, tmp_path: Path, width: int, scheme: str) -> None:
    with visit(browser, viewport={"width": width, "height": 900}, color_scheme=scheme) as opened:
        for share in (0.2, 0.5, 0.6, 1.0):
            (tmp_path / "page.html").write_text(page(share), encoding="utf-8")
            seen = opened.open(f"file://{tmp_path}/page.html")
            measured = seen.evaluate(_MEASURED)
            assert measured["cut"] == []
            assert measured["smallest"] >= 11
        seen.get_by_text("As a table").click()
        opened.assert_well_behaved()
        opened.assert_accessible()
