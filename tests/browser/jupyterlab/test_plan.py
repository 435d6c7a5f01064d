"""A plan in JupyterLab: running cells changes nothing; its form does exactly what the command would do."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from lib import places
from tests import warm
from tests.browser.jupyterlab.lab import PATIENCE_MS, Lab, OpenNotebook, open_notebook
from tests.operations.changes.forms import lasting

WHY = "the race of <b>two</b> batches"
PLAN = "step-6-repair"
OFFER = "Or fill in the form below the plan."


def runbook(project: Path, *words: str) -> str:
    """Return what the command prints in the project."""
    inherited = {name: value for name, value in os.environ.items() if name not in places.NAMED}
    found = warm.run([sys.executable, "-m", "lib.cli", *words], env={**inherited, "RUNBOOK_PROJECT": str(project)})
    assert found.returncode == 0, found.stderr
    return found.stdout


def on_record(project: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(runbook(project, "audit", "--json").splitlines()[-1])["actions"]
    return found


def filled_in(notebook: OpenNotebook, reason: str, target: str) -> Locator:
    """Return the form below the plan."""
    form = notebook.cell(PLAN).locator(".plan-form")
    expect(form).to_contain_text("Nothing has been changed yet", timeout=PATIENCE_MS)
    form.get_by_label("Why").fill(reason)
    form.get_by_label("to confirm").fill(target)
    return form


@pytest.mark.long
def test_the_form_repairs_the_race_as_the_command_does(page: Page, lab: Lab) -> None:
    notebook = open_notebook(page, lab, "duplicate_diagnosis")
    twin = lab.root / f"{notebook.project.name}-twin"
    shutil.copytree(notebook.project, twin)
    for _ in range(2):  # fill it in and run all cells again: this changes nothing, and the form is a new one
        notebook.run_all()
        form = filled_in(notebook, WHY, "another date")
        button = form.get_by_role("button", name=f"Repair {lab.today}")
        expect(button).to_be_disabled()
        form.get_by_label("to confirm").fill(lab.today)
        expect(button).to_be_enabled()
    assert notebook.errors() == []
    expect(notebook.cell("head")).to_contain_text(OFFER, timeout=PATIENCE_MS)
    form = filled_in(notebook, WHY, lab.today)  # scrolled into view again
    assert on_record(notebook.project) == []
    found = re.search(r"plan=(\S+)", notebook.output_of(PLAN))
    assert found
    form.get_by_role("button", name=f"Repair {lab.today}").click()
    expect(form).to_contain_text("Audit record", timeout=PATIENCE_MS)
    expect(form).to_contain_text(WHY)
    assert notebook.output_of(PLAN).startswith("PASS Repair: done, verified and recorded")
    runbook(twin, "repair", "apply", "--date", lab.today, "--plan", found[1], "--reason", WHY)
    (ours,), (theirs,) = on_record(notebook.project), on_record(twin)
    assert lasting(ours) == lasting(theirs)
    before, planned = notebook.count_of(notebook.last), notebook.count_of(PLAN)
    form.get_by_role("button", name="Run the cells below to check again").click()
    notebook.wait_for_run(notebook.last, after=before)
    assert notebook.count_of(PLAN) == planned
    assert notebook.output_of("step-7-verify").startswith("PASS Duplicates: none")
    assert "PASS" in notebook.output_of(notebook.last)
    expect(notebook.cell("head").locator(".on-top-now")).not_to_contain_text(OFFER, timeout=PATIENCE_MS)
