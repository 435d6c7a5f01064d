"""The notebooks in other runners (nbconvert, `jupyter execute`, papermill): the verdict comes first."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lib.places import ROOT
from lib.runbooks import frame
from lib.verdict.conclusion import MEDIA_TYPE
from lib.words.dates import resolve_game_date
from tests import warm

DATE = str(resolve_game_date("today", "America/New_York"))
# `jupyter nbconvert` and `jupyter execute`; each runs all given notebooks in order.
NBCONVERT = ("-m", "nbconvert", "--to", "notebook", "--inplace", "--execute")
EXECUTE = ("-c", "from nbclient.cli import main; main()", "--inplace")
PAPERMILL = ("-m", "papermill", "--no-progress-bar")


def call(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    places = {"RUNBOOK_HOME": str(folder / "home"), "RUNBOOK_PROJECT": str(ROOT)}
    return warm.run([sys.executable, *map(str, words)], env={**os.environ, **places}, cwd=str(folder))


@pytest.fixture
def notebooks(tmp_path: Path) -> Path:
    """The runbooks, with a batch consolidated today."""
    folder = Path(shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks"))
    rows = tmp_path / "rows.csv"
    rows.write_text("prediction_id,game_id,player_lookup,system_id,current_points_line,predicted_points\na,g,p,s,1,2\n")
    for words in (("stage", "--batch", "b", "--date", DATE, rows), ("consolidate", "--batch", "b", "--date", DATE)):
        assert call(folder, "-m", "lib.cli", *words).returncode == 0
    return folder


def displayed(notebook: Path) -> list[dict[str, Any]]:
    """Return the outputs of the first and the last code cell."""
    cells = [cell for cell in json.loads(notebook.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    return [output["data"] for cell in (cells[0], cells[-1]) for output in cell["outputs"]]


@pytest.mark.long
@pytest.mark.parametrize("tool", [NBCONVERT, EXECUTE], ids=["nbconvert", "execute"])
def test_every_notebook_opens_with_its_verdict(notebooks: Path, tool: tuple[str, ...]) -> None:
    paths = sorted(notebooks.glob("*.ipynb"))
    done = call(notebooks, *tool, *paths)
    assert done.returncode == 0, done.stderr
    drawn = set()
    for path in paths:
        head, timeline, verdict = displayed(path)
        assert "".join(head["text/plain"]) == "".join(verdict["text/plain"]) != ""
        assert verdict[MEDIA_TYPE]["checks"]
        assert {*head, *timeline} == {"text/html", "text/plain"}
        assert "<script" not in "".join(head["text/html"])
        drawn |= {path.stem} if "<svg" in "".join(timeline["text/html"]) else set()
    assert drawn == {"day1_monitoring", "duplicate_diagnosis", "consolidation_timeout"}


SHOWN_BADLY = """
class Bad:
    def _ipython_display_(self):
        raise ValueError("no such picture")

Bad()"""


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("form()", "Stopped: '2026-02-30' is not a date"),  # then the setup refuses it
        (SHOWN_BADLY, "Stopped by ValueError: no such picture"),
    ],
    ids=["refused", "shown-badly"],
)
def test_papermill_alone_shows_the_error_on_top(tmp_path: Path, code: str, expected: str) -> None:
    notebook = frame.notebook("queue_depth", "Is the queue too deep?")
    (form,) = (cell for cell in notebook["cells"] if cell["id"] == "form")
    form["source"].append(f"\n{code}")
    (tmp_path / "in.ipynb").write_text(json.dumps(notebook))
    assert call(tmp_path, *PAPERMILL, "in.ipynb", "out.ipynb", "-p", "date", "2026-02-30").returncode == 1
    head, _ = displayed(tmp_path / "out.ipynb")
    first, second = "".join(head["text/plain"]).splitlines()
    assert first.startswith(expected)
    assert second == "The verdict will appear here once the first step has run."
