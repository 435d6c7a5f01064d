"""The form of parameters in a real JupyterLab: the cells below follow it, and its run is archived like any other."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from playwright.sync_api import Page, expect

from lib.archive.archive import Archive, Run
from lib.archive.verification import verify
from lib.verdict.verdict import Verdict
from tests.browser.jupyterlab.lab import PATIENCE_MS, Lab, open_notebook


@pytest.mark.long
def test_cells_follow_the_form_and_its_run_is_archived(page: Page, lab: Lab) -> None:
    notebook = open_notebook(page, lab, "duplicate_diagnosis")
    notebook.run_all()
    assert notebook.errors() == []
    assert f"24 duplicate keys of 936 on {lab.today}" in notebook.output_of("step-1-count")

    notebook.reload()
    day_before = str(date.fromisoformat(lab.today) - timedelta(days=1))
    form = notebook.cell("form")
    before = notebook.count_of(notebook.last)
    form.locator("input[type=date]").first.fill(day_before)
    form.get_by_role("button", name="Run", exact=True).dblclick()
    notebook.wait_for_run(notebook.last, after=before)
    form.get_by_text(f"Run with date {day_before}", exact=True).wait_for()
    assert notebook.errors() == []
    assert f"has no rows of {day_before}" in notebook.output_of("step-1-count")
    # Its page was loaded again, and it is renewed.
    expect(notebook.cell("head")).to_contain_text(f"has no rows of {day_before}", timeout=PATIENCE_MS)
    cells_below = notebook.count_of(notebook.last) - notebook.count_of("form")
    assert notebook.count_of("form") == before + 1, "the click of a double click that came second ran nothing"
    assert notebook.count_of("parameters") < notebook.count_of("form") - cells_below, "and the cells above were not run"

    form = notebook.cell("form")
    form.get_by_role("button", name="Run and archive").click()
    report = form.frame_locator("iframe")
    report.get_by_role("heading", name=f"has no rows of {day_before}").wait_for()
    archive = Archive(notebook.project / "outputs")
    [run] = archive.runs()
    assert isinstance(run, Run)
    assert (run.record.verdict, run.record.given) == (Verdict.UNKNOWN, ("date",))
    assert run.run_id in notebook.output_of("form")
    found = verify(archive)
    assert (found.verdict, found.unchanged, found.running) == (Verdict.PASS, 1, 0)
    assert (notebook.project / "outputs" / "index.html").exists()
