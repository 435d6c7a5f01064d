"""Links with parameters: the notebook opens with exactly these values, and nothing else gets into its code."""

from __future__ import annotations

import ast
import json
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.embedded.commands import EmbeddedCommands
from lib.runbooks.catalogue import Runbook
from lib.verdict.conclusion import next_step_html
from lib.verdict.live import SESSION_VARIABLE
from lib.verdict.next_notebook import carry_parameters_by
from lib.words.runbook_commands import NextRunbook, parts_of
from lib.workbench.form import form
from lib.workbench.lab.folder import LabFolder, prepare
from lib.workbench.lab.next_notebook import FOLDER_VARIABLE, notebook_for
from lib.workbench.lab.working_copy import with_values
from tests.workbench.lab.notebooks import edit, sources

HEALTHY = Runbook(Path(__file__).parents[2] / "runbooks" / "notebooks" / "healthy.ipynb")


def following(command: str) -> NextRunbook:
    (found,) = [part for part in parts_of(command) if isinstance(part, NextRunbook)]
    return found


def values_in(path: Path) -> dict[str, object]:
    return {parameter.name: parameter.default for parameter in Runbook(path).parameters}


@pytest.fixture
def folder(tmp_path: Path) -> LabFolder:
    lab = LabFolder(tmp_path / "lab" / "local")
    prepare(lab)
    return lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> LabFolder:
    found = LabFolder(tmp_path_factory.mktemp("lab") / "local")
    prepare(found)
    return found


def around_parameters(path: Path) -> list[object]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["id"] != "parameters"]


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "environment": st.text(),
            "limit": st.none() | st.integers(),
            "mode": st.sampled_from(["preview", "apply"]),
            "dry": st.booleans(),
            "players": st.lists(st.text()),
        },
    )
)
def test_values_of_any_type_are_read_back_unchanged_and_are_literals(values: dict[str, object]) -> None:
    source = next(cell.source for cell in HEALTHY._cells if "parameters" in cell.tags)
    changed = with_values(source, values, where="healthy")
    for before, after in zip(ast.parse(source).body, ast.parse(changed).body, strict=True):
        if isinstance(after, ast.AnnAssign) and isinstance(before, ast.AnnAssign):
            assert ast.unparse(after.target) == ast.unparse(before.target)
            assert after.value is not None
            name = ast.unparse(after.target)
            assert ast.literal_eval(after.value) == values.get(name, ast.literal_eval(before.value or ast.Constant("")))
        else:
            assert ast.unparse(after) == ast.unparse(before)
    assert changed.count("#") >= source.count("#")


@given(st.text())
def test_a_hostile_value_stays_a_value_or_there_is_no_link(lab: LabFolder, batch: str) -> None:
    command = EmbeddedCommands("local").run("consolidation_timeout", {"batch": batch})
    part = following(command)
    name = notebook_for(lab, part)
    assert Path(lab.path, name or ".").parent == (lab.path if name else lab.path.parent)
    if name:
        copy, original = lab.path / name, lab.path / "consolidation_timeout.ipynb"
        assert values_in(copy) == values_in(original) | {"batch": dict(part.given).get("batch", "")}
        assert around_parameters(copy) == around_parameters(original)


@pytest.mark.parametrize(
    ("command", "name", "set_"),
    [
        ("duplicate_diagnosis -p date=2026-01-17", "duplicate_diagnosis (date 2026-01-17)", {"date": "2026-01-17"}),
        ("daily_quality -p units=5 -p days=7", "daily_quality (units 5, days 7)", {"units": 5, "days": 7}),
        ("stuck_lock_release -p steal=true -p release=2026-01-17", None, {"steal": True, "release": "2026-01-17"}),
        # An older name of the same parameter.
        ("day1_monitoring -p game_date=2026-01-17", "day1_monitoring (date 2026-01-17)", {"date": "2026-01-17"}),
        ("day1_monitoring --env local", "day1_monitoring", {}),
        ("rollback", "rollback", {}),
        # Not what requests a change.
        (
            "duplicate_diagnosis -p date=2026-01-17 -p repair=apply -p repair_date=2026-01-17 -p plan=ab -p 'reason=x'",
            "duplicate_diagnosis (date 2026-01-17)",
            {"date": "2026-01-17"},
        ),
        ("stuck_lock_release -p release=2026-01-17 -p reason=x", "stuck_lock_release", {}),
    ],
)
def test_the_link_opens_the_notebook_with_its_parameters(
    folder: LabFolder, command: str, name: str | None, set_: dict[str, object]
) -> None:
    found = notebook_for(folder, following(f"runbook run {command}"))
    assert found == f"{name}.ipynb" or name is None
    usual = values_in(folder.path / f"{command.split()[0]}.ipynb")
    assert values_in(folder.path / found) == usual | set_
    written = (folder.path / found).stat().st_mtime_ns
    assert notebook_for(folder, following(f"runbook run {command}")) == found
    assert (folder.path / found).stat().st_mtime_ns == written


@pytest.mark.parametrize(
    "command",
    [
        "no_such_runbook -p date=2026-01-17",
        "duplicate_diagnosis -p date=tomorrow",
        "duplicate_diagnosis -p no_such=1",
        "duplicate_diagnosis -p date=2026-01-17 -p date=2026-01-18",
        "duplicate_diagnosis -p date=2026-01-17 -p game_date=2026-01-17",
        "duplicate_diagnosis --env no_such -p date=2026-01-17",
        f"consolidation_timeout -p batch={'x' * 1_001}",
    ],
)
def test_values_that_the_notebook_refuses_make_no_link(folder: LabFolder, command: str) -> None:
    before = sorted(folder.notebooks())
    assert notebook_for(folder, following(f"runbook run {command}")) == ""
    assert sorted(folder.notebooks()) == before


def test_a_changed_copy_is_kept_and_the_link_opens_another(folder: LabFolder) -> None:
    step = following("runbook run duplicate_diagnosis -p date=2026-01-17")
    first = notebook_for(folder, step)
    edit(folder.path / first, "mine")
    second = notebook_for(folder, step)
    assert (first, second) == (
        "duplicate_diagnosis (date 2026-01-17).ipynb",
        "duplicate_diagnosis (date 2026-01-17) 2.ipynb",
    )
    assert sources(folder.path / first)[-1] == "# mine"


def test_the_number_of_copies_is_limited(folder: LabFolder) -> None:
    found = [
        notebook_for(folder, following(f"runbook run consolidation_timeout -p batch=b{number}"))
        for number in range(200)
    ]
    assert found[0]
    assert found[-1] == ""
    assert len([*folder.notebooks()]) == 200


def test_next_steps_link_to_it_only_from_a_working_copy(folder: LabFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    step = "Find the cause: runbook run duplicate_diagnosis -p date=2026-01-17"
    monkeypatch.setattr("lib.verdict.next_notebook._link", None)
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder.path))
    form()
    assert "<a" not in next_step_html(step)  # not in use
    for session, href in {
        folder.path / "day1_monitoring.ipynb": "duplicate_diagnosis (date 2026-01-17).ipynb",
        folder.path / "mine" / "a.ipynb": "../duplicate_diagnosis (date 2026-01-17).ipynb",
        folder.path.parent / "elsewhere.ipynb": "duplicate_diagnosis.ipynb",
    }.items():
        monkeypatch.setenv(SESSION_VARIABLE, str(session))
        form()
        html = next_step_html(step)
        assert unquote(unescape(html.partition('href="')[2].partition('"')[0])) == href
        assert ("paste this below" in html) == (href == "duplicate_diagnosis.ipynb")
    monkeypatch.setenv(SESSION_VARIABLE, str(folder.path / "duplicate_diagnosis (date 2026-01-17).ipynb"))
    assert next_step_html(step).endswith("</code>"), "no link leads to the notebook itself"
    carry_parameters_by(None)
