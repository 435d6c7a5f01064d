"""The pictures of README and docs, drawn from the pages of an archive: ``python -m tests.house.pictures [OUTPUTS]``.

Without an archive, the demo is replayed in a separate folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image  # installed with matplotlib
from playwright.sync_api import Browser

from lib.archive.archive import Archive, Run
from lib.archive.search import Selection
from lib.places import ROOT
from lib.site.build import INDEX
from lib.verdict.verdict import Verdict
from tests.browser.chromium import chromium, visit

FOLDER = ROOT / "docs" / "img"
WIDTH = 1200
HEIGHTS = {"report": 1000, "diagnosis": 1050, "repaired": 840, "status": 900}
# Suffix of a picture's name, by the reader's preferred colour scheme.
LOOKS = {"light": "", "dark": "-dark"}
_COLOURS = 128
# Runs of the demo: one finds the duplicates of the race, one explains them, one removes them.
_SHOWN = {
    "report": Selection(runbook="day1_monitoring", verdict=Verdict.FAIL),
    "diagnosis": Selection(runbook="duplicate_diagnosis", verdict=Verdict.FAIL),
    "repaired": Selection(runbook="duplicate_diagnosis", has_changed=True),
}


def draw(archive: Archive, folder: Path, browser: Browser) -> Iterator[Path]:
    """Draw the first screen of three reports and of the status page, light and dark; returns the files.

    Args:
        archive: An archive in a folder, with its site built.
        folder: Folder for the pictures.
    """
    pages = {name: _report(archive, wanted) for name, wanted in _SHOWN.items()} | {"status": INDEX}
    for name, page in pages.items():
        for look, ending in LOOKS.items():
            size = {"width": WIDTH, "height": HEIGHTS[name]}
            with visit(browser, viewport=size, color_scheme=look) as opened:
                drawn = opened.open(f"file://{Path(archive.store.address(page)).absolute()}").screenshot()
                opened.assert_well_behaved()
            path = folder / f"{name}{ending}.png"
            Image.open(BytesIO(drawn)).quantize(_COLOURS).save(path, optimize=True)
            yield path


def _report(archive: Archive, wanted: Selection) -> str:
    """Return the report of the newest wanted run; else of the newest failed run; else of the newest run."""
    selections = (wanted, Selection(verdict=Verdict.FAIL), Selection())
    found = (run for selection in selections for run in selection.runs(archive) if isinstance(run, Run))
    return next(found).report


def replay(folder: Path) -> Path:
    """Run the demo in a folder; returns its archive."""
    outputs = folder / "outputs"
    places = {"RUNBOOK_HOME": str(folder / "home"), "RUNBOOK_OUTPUTS": str(outputs)}
    subprocess.run([sys.executable, "-m", "lib.cli", "demo"], cwd=ROOT, env={**os.environ, **places}, check=True)
    return outputs


if __name__ == "__main__":
    with TemporaryDirectory() as replayed, chromium() as opened_browser:
        outputs = Path(sys.argv[1]) if len(sys.argv) > 1 else replay(Path(replayed))
        for picture in draw(Archive(outputs), FOLDER, opened_browser):
            print(f"{picture.relative_to(ROOT)}: {picture.stat().st_size:,} bytes")
