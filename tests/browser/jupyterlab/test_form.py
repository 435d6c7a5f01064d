"""A notebook in a real JupyterLab."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.jupyterlab.lab import Lab, open_notebook


@pytest.mark.long
def test_all_cells_run(page: Page, lab: Lab) -> None:
    notebook = open_notebook(page, lab, "duplicate_diagnosis")
    notebook.run_all()
    assert notebook.errors() == []
    assert f"24 duplicate keys of 936 on {lab.today}" in notebook.output_of("step-1-count")
