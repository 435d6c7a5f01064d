"""A notebook in use, without its page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from warnings import catch_warnings

import ipywidgets as widgets
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from lib.places import ROOT
from lib.workbench.form.shown_form import show_form

with catch_warnings(action="ignore"):  # raised on its first import
    import ipylab  # noqa: F401

WAIT_SECONDS = 60
PARAMETERS = """from typing import Optional

environment: str = "local"  # where to look
game_date: str = ""  # date of the games; empty: today
limit: Optional[int] = None  # rows; empty: all
mode: str = "preview"  # one of preview, apply: what to do
dry: bool = True  # change nothing
players: list[str] = []
"""


class Desk:
    """Runs cells in its own IPython shell, and uses widgets as a page would."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.widget: Any = None

    def run(self, source: str = PARAMETERS) -> None:
        assert self.shell.run_cell(source, store_history=True).success

    def show(self) -> None:
        """Run the form's cell."""
        self.widget = show_form(self.shell)

    def set(self, name: str, value: object) -> None:
        self._one(lambda each: getattr(each, "description", "") == name).value = value

    def pick(self, value: object) -> None:
        """Pick a date in the only calendar."""
        self._one(lambda each: isinstance(each, widgets.DatePicker)).value = value

    def click(self, button: str) -> None:
        self._one(lambda each: isinstance(each, widgets.Button) and each.description == button).click()

    def is_folded(self, title: str) -> bool:
        return self._one(lambda each: getattr(each, "titles", ()) == (title,)).selected_index is None

    def held(self, *names: str) -> list[object]:
        """Return the values for the cells below."""
        return [self.shell.user_ns[name] for name in names]

    @property
    def text(self) -> str:
        """The form's text, as HTML."""
        return "\n".join(each.value for each in self._all(self.widget) if isinstance(each, widgets.HTML))

    def _one(self, is_it: Any) -> Any:
        [found] = [each for each in self._all(self.widget) if is_it(each)]
        return found

    def _all(self, widget: Any) -> Iterator[Any]:
        yield widget
        for child in getattr(widget, "children", ()):
            yield from self._all(child)


def wait_for_the_run() -> None:
    """The run started from the form."""
    for thread in threading.enumerate():
        if thread.name == "runbook-archived":
            thread.join(WAIT_SECONDS)
            assert not thread.is_alive()


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """A working copy of the runbook `healthy`, with another name."""
    path = tmp_path / "healthy (date 2026-01-17).ipynb"
    path.write_bytes((ROOT / "tests" / "runbooks" / "notebooks" / "healthy.ipynb").read_bytes())
    return path


@pytest.fixture
def desk(tmp_path: Path, notebook: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("JPY_SESSION_NAME", str(notebook))
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RUNBOOK_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("RUNBOOK_NOTEBOOKS", str(ROOT / "tests" / "runbooks" / "notebooks"))
    settings = Config()
    settings.HistoryManager.enabled = False
    yield Desk(InteractiveShell(config=settings, ipython_dir=str(tmp_path / "ipython")))
    widgets.Widget.close_all()
