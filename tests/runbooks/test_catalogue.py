"""The catalogue of runbooks."""

import json
from pathlib import Path

import pytest

from lib.archive.archive import Archive
from lib.errors import UserError
from lib.runbooks.catalogue import Runbook, find_runbook, runbooks
from lib.runbooks.execution import execute

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


def test_unknown_name_is_refused_with_the_closest_one() -> None:
    with pytest.raises(UserError, match=r"no runbook 'helthy'; did you mean healthy\?"):
        find_runbook("helthy", NOTEBOOKS)
    with pytest.raises(UserError, match="no runbook"):
        find_runbook("../healthy", NOTEBOOKS)


CODE = {"cell_type": "code", "id": "a", "metadata": {}, "source": "1", "outputs": [], "execution_count": None}
NOTEBOOK = {"cells": [CODE], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
DAMAGED = {
    "empty": "",
    "torn": "{",
    "deep": "[" * 100_000,
    "not text": "\udcff",
    "list": "[]",
    "object": "{}",
    "number for cells": json.dumps(NOTEBOOK | {"cells": 3}),
    "nbformat 5": json.dumps(NOTEBOOK | {"nbformat": 5}),
    "null for metadata": json.dumps(NOTEBOOK | {"metadata": None}),
    "null for tags": json.dumps(NOTEBOOK | {"cells": [CODE | {"metadata": {"tags": None}}]}),
    "no source": json.dumps(NOTEBOOK | {"cells": [{"cell_type": "code", "metadata": {}}]}),
    "other language": json.dumps(NOTEBOOK | {"metadata": {"kernelspec": {"name": "ir", "language": "R"}}}),
}
NOT_IN_SCHEMA = {
    "no outputs": json.dumps(NOTEBOOK | {"cells": [{"cell_type": "code", "metadata": {}, "source": "1"}]}),
    "unknown kind of cell": json.dumps(NOTEBOOK | {"cells": [CODE | {"cell_type": "graph"}]}),
    "half an output": json.dumps(NOTEBOOK | {"cells": [CODE | {"outputs": [{"output_type": "stream"}]}]}),
}


@pytest.mark.parametrize("content", (DAMAGED | NOT_IN_SCHEMA).values(), ids=(DAMAGED | NOT_IN_SCHEMA).keys())
def test_damaged_notebook_is_one_clear_line_and_leaves_no_record(tmp_path: Path, content: str) -> None:
    path = tmp_path / "damaged.ipynb"
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(UserError, match=r"damaged.ipynb is (not a notebook|a notebook in 'R')") as raised:
        execute(Runbook(path), archive=Archive(tmp_path / "outputs"))
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == [path]
