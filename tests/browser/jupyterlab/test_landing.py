"""`runbook lab` in a real browser: its start page, and the link to a notebook with its parameters."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from lib.archive.archive import Archive
from lib.verdict.verdict import Verdict
from tests.browser.chromium import chromium
from tests.site.runs import archive_run, record
from tests.workbench.lab.notebooks import write_original

WAIT_MS = 60_000
_STOP_SECONDS = 20
OPEN = ".jp-NotebookPanel:not(.lm-mod-hidden)"
# A project's own notebook, whose next step names another one with a date.
NEXT = """from lib.verdict.check import Question
from lib.verdict.conclusion import conclude
from lib.workbench.form import form

form()
conclude([Question("a", "A").fails("1 key", "See why: runbook run duplicate_diagnosis -p date=2026-01-17")])"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@contextmanager
def runbook_lab(place: Path) -> Iterator[str]:
    """Start `runbook lab` with its own Jupyter configuration, and return its address."""
    own = {f"JUPYTER_{kind}_DIR": str(place / "jupyter" / kind) for kind in ("DATA", "CONFIG", "RUNTIME")}
    places = {"RUNBOOK_HOME": str(place / "home"), "RUNBOOK_OUTPUTS": str(place / "outputs")}
    command = [sys.executable, "-m", "lib.cli", "lab", "--no-browser"]
    environ = {**os.environ, **own, **places, "IPYTHONDIR": str(place / "ipython")}
    log = place / "log"
    with log.open("wb") as output, subprocess.Popen(
        command, env=environ, stdout=output, stderr=output, start_new_session=True
    ) as process:  # fmt: skip
        try:
            yield _address(process, log)
        finally:
            process.send_signal(signal.SIGTERM)
            # It can wait forever for a kernel that it stopped during its start.
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    while process.poll() is None:
        if found := re.search(r"http://(localhost|127\.0\.0\.1):\d+/lab\S*token=\w+", log.read_text()):
            return found[0]
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("lab")
    # A kernel installed under our name, with another Python.
    kernel = found / "jupyter" / "DATA" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text('{"argv": ["false"], "display_name": "Another Python", "language": "python"}')
    archive_run(Archive(found / "outputs"), record(Verdict.FAIL, headline="<b>5</b> duplicate keys"))
    return found


@pytest.fixture(scope="module")
def lab(place: Path) -> Iterator[str]:
    with runbook_lab(place) as address:
        yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1_400, "height": 900})
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    yield page
    context.close()


@pytest.mark.long
def test_it_opens_on_the_start_page_that_links_every_notebook(page: Page, lab: str) -> None:
    page.goto(lab)
    shown = page.locator(f"{OPEN} .jp-OutputArea-output").first
    expect(shown.get_by_role("heading", name="Start here")).to_be_visible(timeout=WAIT_MS)
    worst = shown.locator("tr", has_text="ago:").first
    expect(worst).to_contain_text("<b>5</b> duplicate keys")
    # In JupyterLab's own colour before anything was run: the page is trusted, and no dialog asks about news.
    verdict = worst.locator(".verdict.fail")
    assert verdict.evaluate("e => getComputedStyle(e).color") != shown.evaluate("e => getComputedStyle(e).color")
    expect(page.get_by_text("Jupyter news")).to_have_count(0)
    shown.get_by_role("link", name="Where do the duplicates come from?").click()
    expect(page.locator(".lm-TabBar-tab.lm-mod-current", has_text="duplicate_diagnosis.ipynb")).to_be_visible(
        timeout=WAIT_MS
    )


@pytest.mark.long
def test_a_next_step_opens_the_next_notebook_with_its_parameters(page: Page, place: Path, lab: str) -> None:
    write_original(place / "home" / "lab" / "local" / "mine.ipynb", f"\n{NEXT}")
    page.goto(lab.replace("START", "mine"))
    # JupyterLab first reopens what was open before.
    expect(page.locator(".lm-TabBar-tab.lm-mod-current", has_text="mine.ipynb")).to_be_visible(timeout=WAIT_MS)
    # A cell that is run before its kernel answers is forgotten.
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=WAIT_MS)
    cell = page.locator(f"{OPEN} .jp-CodeCell", has_text="conclude(")
    cell.locator(".cm-content").click()
    expect(cell.locator(".cm-content")).to_be_focused()
    page.keyboard.press("Shift+Enter")
    cell.get_by_role("link", name="duplicate_diagnosis (date 2026-01-17)").click()
    current = page.locator(".lm-TabBar-tab.lm-mod-current", has_text="duplicate_diagnosis (date 2026-01-17)")
    expect(current).to_be_visible(timeout=WAIT_MS)
    parameters = page.locator(f"{OPEN} .jp-CodeCell", has_text="date: str")
    expect(parameters).to_contain_text('date: str = "2026-01-17"', timeout=WAIT_MS)
