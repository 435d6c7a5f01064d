"""The tutorial, followed to its end: every block of its pages, in the order of the navigation.

A block that no test can run says why in a comment before it: ``<!-- not run: it opens a browser -->``.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from lib.places import ROOT
from tests.docs.pages import DOCS, blocks_of
from tests.docs.session import Session
from tests.docs.site import CONFIG


def tutorial() -> list[Path]:
    """Its pages, in order."""
    navigation = tomllib.loads((ROOT / CONFIG).read_text(encoding="utf-8"))["project"]["nav"]
    [entries] = [entry["Tutorial"] for entry in navigation if "Tutorial" in entry]
    return [DOCS / (each if isinstance(each, str) else next(iter(each.values()))) for each in entries]


@pytest.mark.long
def test_every_block_runs(tmp_path: Path) -> None:
    session = Session(tmp_path)
    run = [block for page in tutorial() for block in blocks_of(page, "bash") if not block.not_run]
    for block in run:
        session.run(block)
    assert "runbook run" in "".join(block.text for block in run)
