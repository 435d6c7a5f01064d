"""A real JupyterLab with copies of the notebooks and a real race, driven by Chromium.

`running_lab` starts the server with its own port, token, root, settings and state, and leaves nothing behind.
`open_notebook` opens a notebook in a page; an `OpenNotebook` runs cells and returns their outputs. Cells are named by
id.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Locator, Page, expect
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from lib import places
from rehearsal.drills.rehearsal import find_drill
from rehearsal.drills.stage import Stage

SCREEN = {"width": 1_280, "height": 900}
START_SECONDS = 120
# Time limit for a page, a kernel or all cells of a notebook, on a busy machine.
PATIENCE_MS = 180_000

# It ends when its input ends, which happens when this process ends in any way.
_ENDS_WITH_US = '"$@" & read -r _; kill $!; wait $!'
# No downloads, and no dialogs that offer them.
_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True,
    },
}  # fmt: skip
_PANEL = "[...jupyterapp.shell.widgets('main')].find((each) => each.context?.path === path)"
_CELL = f"{_PANEL}.content.widgets.find((each) => each.model.id === id)"
_IS_READY = f"""(path) => {{
  const panel = window.jupyterapp && {_PANEL};
  return panel?.content.widgets.length > 1 && panel.sessionContext.session?.kernel?.status === "idle";
}}"""
# The page renders only the cells near the scroll position.
_SHOW = f"""async ([path, id]) => {{
  const notebook = {_PANEL}.content;
  const index = notebook.widgets.findIndex((each) => each.model.id === id);
  if (index < 0) throw Error(`there is no cell ${{id}}`);
  await notebook.scrollToItem(index, "start");
  notebook.widgets[index].node.dataset.cell = id;
}}"""


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab.

    Attributes:
        address: Its address, as ``http://127.0.0.1:PORT``.
        root: The folder that it shows, with a project for each opened notebook.
        template: A template project: notebooks, the local environment, and the state of the drill `race`.
        today: The date of the race, with its duplicates, ``YYYY-MM-DD``.
    """

    address: str
    token: str
    root: Path
    template: Path
    today: str


@dataclass(frozen=True)
class OpenNotebook:
    """A notebook in a page, with its kernel.

    Attributes:
        project: The folder of its project, whose state and archive are not shared with other notebooks.
        path: The notebook's path, relative to the lab's root.
    """

    page: Page
    project: Path
    path: str

    def run_all(self) -> None:
        """Run all cells from the menu, and wait until the last one has ended or one has failed."""
        self._command("notebook:run-all-cells")

    def run_code(self, code: str) -> str:
        """Run code in a new cell at the end, return the text of its output, and remove the cell."""
        added = secrets.token_hex(4)
        script = f"""const notebook = {_PANEL}.content;
            notebook.model.sharedModel.addCell({{ cell_type: "code", id, source: code }});
            notebook.deselectAll();
            notebook.activeCellIndex = notebook.widgets.length - 1"""
        self._evaluate(script, added, code)
        self._command("notebook:run-cell")
        text = self.output_of(added)
        self._evaluate(f"const cells = {_PANEL}.content.model.sharedModel; cells.deleteCell(cells.cells.length - 1)")
        return text

    def reload(self) -> None:
        """Save the notebook and reload the page; its kernel keeps running."""
        self._evaluate(f"return {_PANEL}.context.save()", "")
        self.page.reload(timeout=PATIENCE_MS)
        self.page.wait_for_function(_IS_READY, arg=self.path, timeout=PATIENCE_MS)

    def _command(self, name: str) -> None:
        """Run a JupyterLab command in this notebook, and wait for it to end."""
        script = f"""window.commandHasEnded = false;
            jupyterapp.shell.activateById({_PANEL}.id);
            void jupyterapp.commands.execute(id).finally(() => {{ window.commandHasEnded = true }})"""
        self._evaluate(script, name)
        self.page.wait_for_function("() => window.commandHasEnded", timeout=PATIENCE_MS)

    def follow(self, cell_id: str) -> None:
        """Record each text of a cell's first output from now on, for `followed`."""
        script = f"""const outputs = {_CELL}.model.outputs;
            window.followed = [];
            outputs.changed.connect(() => {{
              const text = outputs.length && outputs.get(0).data["text/plain"];
              if (text && text !== window.followed.at(-1)) window.followed.push(text);
            }})"""
        self._evaluate(script, cell_id)

    def followed(self, *, until: str) -> list[str]:
        """Return the texts since the last call, once the newest begins with `until`."""
        function = "(until) => window.followed.at(-1)?.startsWith(until)"
        self.page.wait_for_function(function, arg=until, timeout=PATIENCE_MS)
        return list(self._evaluate("return window.followed.splice(0)"))

    def count_of(self, cell_id: str) -> int:
        """Return the number in the brackets of a code cell; 0 if it has not been run, or is running."""
        return int(self._evaluate(f"return {_CELL}.model.executionCount ?? 0", cell_id))

    def wait_for_run(self, cell_id: str, *, after: int) -> None:
        """Wait until a code cell has been run again; `after` is its previous count."""
        function = f"([path, id, after]) => ({_CELL}.model.executionCount ?? 0) > after"
        self.page.wait_for_function(function, arg=[self.path, cell_id, after], timeout=PATIENCE_MS)

    def cell(self, cell_id: str) -> Locator:
        """Return the cell, scrolled into view so that its widgets can be clicked."""
        self.page.evaluate(_SHOW, [self.path, cell_id])
        return self.page.locator(f'[data-cell="{cell_id}"]')

    def output_of(self, cell_id: str) -> str:
        """Return the text of a cell's outputs, once the page shows it after scrolling."""
        shown = self.cell(cell_id).locator(".jp-Cell-outputArea")
        expect(shown).to_have_text(re.compile(r"\S"), timeout=PATIENCE_MS, use_inner_text=True)
        return shown.inner_text()

    def errors(self) -> list[str]:
        """Return the failed cells with their errors."""
        script = f"""return {_PANEL}.content.widgets.flatMap((cell) =>
            (cell.model.outputs?.toJSON() ?? []).filter((output) => output.output_type === "error")
            .map((output) => `${{cell.model.id}}: ${{output.ename}}: ${{output.evalue}}`))"""
        return list(self._evaluate(script))

    @property
    def last(self) -> str:
        """Return the id of the last code cell."""
        script = f'return {_PANEL}.content.widgets.filter((each) => each.model.type === "code").at(-1).model.id'
        return str(self._evaluate(script))

    def _evaluate(self, script: str, id: str = "", code: str = "") -> Any:
        return self.page.evaluate(f"([path, id, code]) => {{ {script} }}", [self.path, id, code])


def open_notebook(page: Page, lab: Lab, name: str) -> OpenNotebook:
    """Open a notebook in its own project, by name without the ending, and wait for its kernel.

    Args:
        page: A new page, because JupyterLab does not leave a changed notebook.
    """
    project = lab.root / secrets.token_hex(4)
    shutil.copytree(lab.template, project)
    path = f"{project.name}/notebooks/{name}.ipynb"
    page.goto(f"{lab.address}/lab/workspaces/{project.name}/tree/{path}?token={lab.token}", timeout=PATIENCE_MS)
    page.wait_for_function(_IS_READY, arg=path, timeout=PATIENCE_MS)
    return OpenNotebook(page, project, path)


@contextmanager
def running_lab(folder: Path) -> Iterator[Lab]:
    """Run a server with its kernels during the ``with`` block; all its files are in the folder."""
    root, template, config = (folder / name for name in ("root", "template", "config"))
    root.mkdir()
    (config / "labconfig").mkdir(parents=True)
    (config / "labconfig" / "default_setting_overrides.json").write_text(json.dumps(_SETTINGS), encoding="utf-8")
    today = _set_up_project(template)
    # As for people, a kernel finds its state in its notebook's project.
    inherited = {name: value for name, value in os.environ.items() if name not in places.NAMED}
    variables = {
        **inherited, "PYTHONPATH": str(places.ROOT), "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTER_DATA_DIR": str(folder / "data"), "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
    }  # fmt: skip
    token = secrets.token_hex(8)
    with _started(folder / "log", root, token, variables) as address:
        yield Lab(address, token, root, template, today)


def _set_up_project(folder: Path) -> str:
    """Return the date of its race."""
    environments = folder / "params" / "environments"
    environments.mkdir(parents=True)
    shutil.copy(places.ROOT / "params" / "environments" / "local.yaml", environments)
    shutil.copytree(places.ROOT / "notebooks", folder / "notebooks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNBOOK_PROJECT", str(folder))
        for name in ("RUNBOOK_HOME", "RUNBOOK_OUTPUTS"):
            patch.delenv(name, raising=False)
        stage = Stage(places.home())
        find_drill("race").set_up(stage)
        return str(stage.today)


@contextmanager
def _started(log: Path, root: Path, token: str, variables: dict[str, str]) -> Iterator[str]:
    options = [
        f"--ServerApp.root_dir={root}", f"--IdentityProvider.token={token}", "--ServerApp.ip=127.0.0.1",
        "--ServerApp.port=0", "--ServerApp.open_browser=False", "--ServerApp.allow_root=True",
        "--ServerApp.terminals_enabled=False", "--LabApp.expose_app_in_browser=True",
    ]  # fmt: skip
    command = ["sh", "-c", _ENDS_WITH_US, "sh", sys.executable, "-m", "jupyterlab", *options]
    with log.open("wb") as output, subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=output, stderr=output, cwd=root, env=variables
    ):  # fmt: skip
        yield _address(log)
        # Leaving the block closes the shell's input and waits for it.


@retry(
    stop=stop_after_delay(START_SECONDS),
    wait=wait_fixed(0.1),
    retry=retry_if_exception_type((OSError, AssertionError)),
    reraise=True,
)
def _address(log: Path) -> str:
    """Return the address that the server reports, once it does."""
    text = log.read_text(encoding="utf-8", errors="replace")
    found = re.search(r"http://127\.0\.0\.1:\d+", text)
    assert found, text[-2_000:]
    urlopen(f"{found[0]}/api").close()  # noqa: S310
    return found[0]
