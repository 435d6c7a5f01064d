"""The pictures of README and docs can be redrawn, and each one is shown."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image

from lib.archive.archive import Archive, Run
from lib.places import ROOT
from lib.runbooks.report_page import render_report
from lib.site.build import build_site
from lib.verdict.verdict import Verdict
from tests.browser.chromium import chromium
from tests.house.pictures import FOLDER, HEIGHTS, LOOKS, WIDTH, draw
from tests.site.runs import REPAIR, START, archive_run, record

_FEWEST_COLOURS = 20


def test_pictures_are_drawn_and_shown(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "outputs")
    for verdict in (Verdict.PASS, Verdict.FAIL):
        place = archive_run(archive, record(verdict, changed=(REPAIR,)))
        run = archive.read(place)
        assert isinstance(run, Run)
        archive.store.write(run.report, render_report(run.record, {"cells": []}).encode())
    build_site(archive, now=START)
    with chromium() as browser:
        drawn = list(draw(archive, tmp_path, browser))

    for path in drawn:
        with Image.open(path) as picture:
            assert picture.size == (WIDTH, HEIGHTS[path.stem.removesuffix("-dark")])
            colours = picture.convert("RGB").getcolors(picture.width * picture.height)
        assert len(colours) > _FEWEST_COLOURS, f"{path} is blank"
        _, most = max(colours)
        assert (sum(most) < 200) == path.stem.endswith("-dark"), f"{path} is not {path.stem}"
    assert len(drawn) == len(HEIGHTS) * len(LOOKS)
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = {name for page in pages for name in re.findall(r"\bimg/([\w-]+\.png)", page.read_text(encoding="utf-8"))}
    assert shown == {path.name for path in drawn} == {path.name for path in FOLDER.glob("*.png")}
