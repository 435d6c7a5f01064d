"""How a project is found, and that every process of a run finds the same one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lib import places
from lib.errors import UserError
from lib.operations.criteria.criteria import load_criteria
from lib.operations.logs.dialects import load_dialects
from lib.runbooks.catalogue import find_runbook
from lib.schedule.settings import load_schedule
from tests.environments import local


@pytest.fixture
def projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A project with another one inside."""
    for name in places.NAMED:
        monkeypatch.delenv(name, raising=False)
    outer, inner = tmp_path, tmp_path / "some" / "inner"
    for folder in (outer, inner):
        (folder / "params" / "environments").mkdir(parents=True)
    (inner / "notebooks").mkdir()
    return outer, inner


def test_the_nearest_project_upwards_is_used_unless_one_is_named(
    projects: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    outer, inner = projects
    for here, found in {inner / "notebooks": inner, inner: inner, inner.parent: outer, Path("/"): places.ROOT}.items():
        monkeypatch.chdir(here)
        assert (places.project(), places.home()) == (found, found / ".runbook")
    monkeypatch.chdir(inner)
    monkeypatch.setenv("RUNBOOK_PROJECT", "../..")
    assert places.outputs() == str(inner / ".." / ".." / "outputs")
    monkeypatch.setenv("RUNBOOK_PROJECT", str(inner.parent))
    with pytest.raises(UserError, match=r"RUNBOOK_PROJECT is '.*some', which has no folder params/environments"):
        places.project()


def test_a_projects_files_override_shipped_ones(projects: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    _, inner = projects
    monkeypatch.chdir(inner)
    shipped = (places.ROOT / "notebooks" / "rollback.ipynb").read_text()
    (inner / "notebooks" / "rollback.ipynb").write_text(shipped)
    assert find_runbook("rollback").path.is_relative_to(inner)
    assert find_runbook("day1_monitoring").path == places.ROOT / "notebooks" / "day1_monitoring.ipynb"

    named = local(criteria="criteria.yaml")
    with_all = load_criteria(named)
    (inner / "params" / "criteria.yaml").write_text("{}")
    assert (load_criteria(named), load_criteria(local(criteria=""))) == ({}, with_all)

    (inner / "params" / "dialects").mkdir()
    (inner / "params" / "dialects" / "own.yaml").write_text(
        "about: ours, with what the library writes\nlike: library\nlines:\n"
        "  - {event: released, anchor: gave it back, samples: [{line: a1 gave it back}]}\n"
    )
    assert load_dialects(["own", "a1"]).found("a1 gave it back")
    with pytest.raises(UserError, match=r"schedule\.yaml does not exist, so nothing is scheduled"):
        load_schedule()


def test_a_process_in_another_folder_sees_the_same_places(
    projects: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, inner = projects
    monkeypatch.chdir(inner)
    monkeypatch.setenv("RUNBOOK_HOME", "state")
    monkeypatch.setenv("RUNBOOK_OUTPUTS", "gs://bucket/prefix")
    code = "from lib import places; print(places.home(), places.outputs(), places.environments(), sep='|')"
    environ = {**os.environ, **places.handed_down(), "PYTHONPATH": str(places.ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd="/", env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"{inner / 'state'}|gs://bucket/prefix|{inner / 'params' / 'environments'}"
