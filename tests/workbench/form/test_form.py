"""The form of a notebook's parameters: what it accepts and refuses, and when it is reset from the parameters cell."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from lib.errors import RunbookError
from lib.runbooks.catalogue import runbooks
from lib.words.terminal_text import without_escapes
from lib.workbench.form.live_form import NotApplied
from lib.workbench.form.short_errors import shorten_errors
from lib.workbench.form.this_notebook import this_notebook
from tests.workbench.form.conftest import PARAMETERS, Desk, wait_for_the_run

NAMES = ("environment", "game_date", "limit", "mode", "dry", "players")
DEFAULTS = ["local", "", None, "preview", True, []]


def test_cells_below_get_typed_values_until_the_parameters_cell_is_run_again(desk: Desk) -> None:
    desk.run()
    desk.show()
    assert desk.held(*NAMES) == DEFAULTS
    desk.pick(date(2026, 1, 17))
    desk.set("limit", "7")
    desk.set("mode", "apply")
    desk.set("dry", False)
    desk.set("players", "a, b")
    assert desk.held(*NAMES) == DEFAULTS, "nothing was run yet"
    desk.show()
    assert desk.held(*NAMES) == ["local", "2026-01-17", 7, "apply", False, ["a", "b"]]
    assert "Run with game_date 2026-01-17, limit 7, mode apply, dry False, players a, b" in desk.text
    desk.show()
    assert desk.held("limit") == [7]

    desk.run()
    desk.show()
    assert desk.held(*NAMES) == DEFAULTS
    desk.set("limit", "")
    desk.show()
    assert desk.held("limit") == [None]


def test_a_library_error_is_one_line_and_its_traceback_is_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising = "from lib.errors import Finding\nraise Finding('no such\\x1b[31m\\ndate')"
    frame = "-> 2 raise Finding("

    def printed(source: str) -> str:
        desk.shell.run_cell(source, store_history=True)
        return without_escapes(capsys.readouterr().out)

    assert frame in printed(raising), "as an archived run keeps it"
    monkeypatch.setattr(RunbookError, "_render_traceback_", None, raising=False)  # and removed again
    shorten_errors(desk.shell)
    assert printed(raising) == "Finding: no such date\nFor its traceback: %tb\n"
    assert frame in printed("%tb")
    assert "-> 1 raise KeyError" in printed("raise KeyError"), "other errors are shown in full"


def test_values_set_by_other_cells_are_shown_and_not_overwritten(desk: Desk) -> None:
    desk.run()
    desk.show()
    desk.set("limit", "7")
    desk.run("game_date, mode, limit = 'yesterday', 'apply', 3")
    desk.show()
    desk.show()
    assert desk.held("game_date", "mode", "limit") == ["yesterday", "apply", 3]
    desk.run("from datetime import date as game_date; mode = limit = environment = object()")
    desk.show()
    with pytest.raises(NotApplied, match="environment, game_date, limit, mode"):
        desk.show()


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [
        ("limit", "seven", "'seven' is not a whole number or empty"),
        ("limit", "<b>7", "&#x27;&lt;b&gt;7&#x27; is not"),
        ("game_date", "picked", "no date picked"),
    ],
)
def test_an_invalid_value_is_explained_and_nothing_is_run(desk: Desk, name: str, given: str, reason: str) -> None:
    desk.run()
    desk.show()
    desk.set(name, given)
    desk.set("mode", "apply")
    assert reason in desk.text.replace("&#x27;seven&#x27;", "'seven'")
    with pytest.raises(NotApplied, match=f"Not run: invalid value for {name}"):
        desk.show()
    for button in ("Run", "Run and archive"):
        desk.click(button)
        assert f"Not run: invalid value for {name}." in desk.text
    assert desk.held(*NAMES) == DEFAULTS
    assert not Path(os.environ["RUNBOOK_OUTPUTS"]).exists()


def test_without_jupyterlab_run_sets_the_values_and_says_what_to_do(desk: Desk) -> None:
    desk.run()
    desk.show()
    desk.set("game_date", "today")
    desk.click("Run")
    assert desk.held("game_date") == ["today"]
    assert "Set: game_date today. Now run the cells below." in desk.text


def test_the_form_follows_the_cell_and_names_mistakes_in_it(desk: Desk) -> None:
    desk.show()
    assert "Run the parameters cell first" in desk.text
    desk.run(PARAMETERS + 'extra: str = ""\n')
    desk.run("%time pass")
    desk.show()
    desk.set("extra", "more")
    desk.show()
    assert desk.held("extra") == ["more"]
    desk.run('limit: int = "x"')
    desk.show()
    assert "this notebook: parameter limit" in desk.text


def test_a_run_that_cannot_be_started_is_reported_in_a_line(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.run()
    desk.show()
    # If another test makes it fork a process, there is no such limit.
    monkeypatch.setattr("lib.runbooks.process.subprocess", subprocess)
    monkeypatch.setenv("TOO_LONG", "x" * 2**18)  # more than a process accepts
    desk.click("Run and archive")
    wait_for_the_run()
    assert "The run could not be started: [Errno 7]" in desk.text


def test_fields_of_a_change_are_folded_unless_it_is_approved(desk: Desk) -> None:
    approving = 'plan: str = ""\nreason: str = ""\n'
    desk.run(PARAMETERS + approving)
    desk.show()
    assert desk.is_folded("Change something")
    desk.run(PARAMETERS + approving.replace('""', '"3f9a1c2b4d5e"', 1))
    desk.show()
    assert not desk.is_folded("Change something")


CHANGING = {
    "consolidation_timeout": {"cleanup"},
    "daily_quality": set[str](),
    "day1_monitoring": set[str](),
    "deploy_verify": {"role_binding", "account"},
    "duplicate_diagnosis": {"repair", "repair_date", "backup"},
    "rollback": {"lock", "service", "revision"},
    "stuck_lock_release": {"release", "steal"},
    "week2_performance_review": set[str](),
}


def test_the_fields_of_a_change_are_known_for_every_runbook(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {}
    for runbook in runbooks():
        monkeypatch.setenv("JPY_SESSION_NAME", str(runbook.path))
        names = [parameter.name for parameter in runbook.parameters]
        found[this_notebook().runbook] = this_notebook().asking_for_changes(names) - {"plan", "reason"}
    assert found == CHANGING


@pytest.mark.parametrize(
    ("name", "metadata", "runbook"),
    [
        ("rollback.ipynb", "{}", "rollback"),
        ("rollback (date 2026-01-17).ipynb", "{}", "rollback"),
        ("mine.ipynb", '{"consolidation_runbooks": {"runbook": "rollback"}}', "rollback"),
        ("rollback.ipynb", '{"consolidation_runbooks": []}', "rollback"),
    ],
)
def test_a_working_copy_is_recognised_by_its_metadata_or_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, metadata: str, runbook: str
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / name))
    (tmp_path / name).write_text(f'{{"cells": [], "metadata": {metadata}}}', encoding="utf-8")
    assert this_notebook().runbook == runbook


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({}, ""), ({"JPY_SESSION_NAME": "x.ipynb"}, "pip install 'consolidation-runbooks[lab]'")],
)
def test_nothing_needs_widgets(tmp_path: Path, variables: dict[str, str], expected: str) -> None:
    code = (
        "import sys; sys.modules['ipywidgets'] = None\n"
        "from lib.workbench.form import form; form()\n"
        "assert not any(name.startswith('ipylab') for name in sys.modules)"
    )
    environment = {**os.environ, **variables, "IPYTHONDIR": str(tmp_path)}
    command = [sys.executable, "-m", "IPython", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert expected in done.stdout
    assert done.stdout.count("\n") == bool(expected)
