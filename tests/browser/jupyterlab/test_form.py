"""A notebook in a real JupyterLab: its verdict on top, an explained key, and the form, which runs and archives it."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from playwright.sync_api import Page, expect

from lib.archive.archive import Archive, Run
from lib.archive.verification import verify
from lib.verdict.verdict import Verdict
from tests.browser.jupyterlab.lab import PATIENCE_MS, Lab, OpenNotebook, open_notebook

# A key of the two batches that raced; the others were written twice with equal rows.
EXPLAIN = """rows = explanation(scope).df
versions = rows.groupby([*scope.platform.table.key_columns])["predicted_points"].transform("nunique")
key = rows[versions > 1].iloc[0]
scope.explain(key)"""
ROWS = """scope.sql(
    "SELECT prediction_id FROM nba_predictions.player_prop_predictions WHERE game_date = @day"
    " AND player_lookup = @player AND system_id = @system AND current_points_line = @line",
    player=key["player_lookup"], system=key["system_id"], line=key["current_points_line"],
)"""


def assert_the_head_led_to(verdict: str, notebook: OpenNotebook) -> None:
    """Check the head: empty at first, then the verdict after each step, then that of the last cell."""
    first, *so_far, last = notebook.followed(until=verdict)
    assert first == "The verdict will appear here once the first step has run."
    steps = [re.match(r"[A-Z]+ so far, (\d+) steps?: ", each) for each in so_far]
    assert [int(step[1]) for step in steps if step] == list(range(1, len(so_far) + 1))
    assert len(so_far) > 1
    assert notebook.output_of("head").startswith(last)
    expect(notebook.cell(notebook.last)).to_contain_text(last, timeout=PATIENCE_MS)


def assert_a_key_is_explained(notebook: OpenNotebook) -> None:
    explained, rows = notebook.run_code(EXPLAIN), notebook.run_code(ROWS)
    ids = set(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", rows))
    assert len(ids) == 2, rows
    versions = re.search(r"prediction_id\s+kept (\S+)\s+removed (\S+)", explained)
    assert versions, explained
    assert set(versions.groups()) == ids
    assert re.search(r"The rows differ in\s+predicted_points\s", explained)
    assert re.search(r"most likely\s+linecheck_\S+ and regen_\S+ raced, created 0.4 s apart; two MERGEs ", explained)


@pytest.mark.long
def test_cells_follow_the_form_and_its_run_is_archived(page: Page, lab: Lab) -> None:
    notebook = open_notebook(page, lab, "duplicate_diagnosis")
    notebook.follow("head")
    notebook.run_all()
    assert notebook.errors() == []
    assert_the_head_led_to(f"FAIL: Duplicates: 24 duplicate keys of 936 on {lab.today}", notebook)
    assert_a_key_is_explained(notebook)
    assert len(notebook.followed(until="FAIL so far, ")) == 1, "a step that was run again leaves the verdict open"

    notebook.reload()
    day_before = str(date.fromisoformat(lab.today) - timedelta(days=1))
    form = notebook.cell("form")
    before, asked = notebook.count_of(notebook.last), 2
    form.locator("input[type=date]").first.fill(day_before)
    form.get_by_role("button", name="Run", exact=True).dblclick()
    notebook.wait_for_run(notebook.last, after=before)
    form.get_by_text(f"Run with date {day_before}", exact=True).wait_for()
    assert notebook.errors() == []
    assert f"has no rows for {day_before}" in notebook.output_of("step-1-count")
    # The page was reloaded, and the form is renewed.
    expect(notebook.cell("head")).to_contain_text(f"has no rows for {day_before}", timeout=PATIENCE_MS)
    cells_below = notebook.count_of(notebook.last) - notebook.count_of("form")
    assert notebook.count_of("form") == before + asked + 1, "the second click of a double click ran nothing"
    assert notebook.count_of("parameters") < notebook.count_of("form") - cells_below, "and the cells above were not run"

    form = notebook.cell("form")
    form.get_by_role("button", name="Run and archive").click()
    report = form.frame_locator("iframe")
    report.get_by_role("heading", name=f"has no rows for {day_before}").wait_for()
    archive = Archive(notebook.project / "outputs")
    [run] = archive.runs()
    assert isinstance(run, Run)
    assert (run.record.verdict, run.record.given) == (Verdict.UNKNOWN, ("date",))
    assert run.run_id in notebook.output_of("form")
    found = verify(archive)
    assert (found.verdict, found.unchanged, found.running) == (Verdict.PASS, 1, 0)
    assert (notebook.project / "outputs" / "index.html").exists()
