"""The runbooks there are."""

from pathlib import Path

import pytest

from lib.errors import UserError
from lib.runbooks.catalogue import Runbook, find_runbook, runbooks

NOTEBOOKS = Path(__file__).parent / "notebooks"


def test_runbook_has_a_title_a_purpose_and_parameters() -> None:
    runbook = find_runbook("healthy", NOTEBOOKS)
    assert (runbook.name, runbook.title, runbook.purpose) == (
        "healthy",
        "All is well",
        "A run that passes. Read-only.",
    )
    assert [parameter.name for parameter in runbook.parameters][:2] == ["environment", "game_date"]


def test_every_notebook_is_a_runbook() -> None:
    assert [runbook.path for runbook in runbooks(NOTEBOOKS)] == sorted(NOTEBOOKS.glob("*.ipynb"))


def test_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no runbook 'helthy'; did you mean healthy\?"):
        find_runbook("helthy", NOTEBOOKS)
    with pytest.raises(UserError, match="no runbook"):
        find_runbook("../healthy", NOTEBOOKS)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"cells": 3}', "\udcff"])
def test_damaged_notebook_is_one_clear_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "damaged.ipynb"
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(UserError, match="is not a notebook"):
        _ = Runbook(path).parameters
