"""The package as others install it: outside of any checkout, in a folder of one's own."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from lib.places import ROOT
from tests.installed.environments import Installed, built_wheel, with_all_packages, with_the_core_alone

NO_PROJECT = "runbook: no project here: run `runbook init`, or name one by RUNBOOK_PROJECT\n"
SHIPPED = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that has one environment, which is not called local, and nothing else."""
    folder = tmp_path / "project"
    environments = folder / "params" / "environments"
    environments.mkdir(parents=True)
    shutil.copy(ROOT / "params" / "environments" / "local.yaml", environments / "shop.yaml")
    return folder


def names(installed: Installed, cwd: Path) -> set[str]:
    listed = installed.call("runbook", "list", cwd=cwd)
    assert (listed.returncode, listed.stderr) == (0, "")
    return {line.split()[0] for line in listed.stdout.splitlines()}


@pytest.mark.long
def test_a_project_anywhere_has_the_shipped_runbooks_and_keeps_its_own_state(
    wheel: Path, project: Path, tmp_path: Path
) -> None:
    installed = with_all_packages(tmp_path / "environment", wheel)
    data = installed.packages / "lib" / "data"
    before = sorted(data.rglob("*"))
    below = project / "notebooks" / "deep"
    below.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "runbooks" / "notebooks" / "healthy.ipynb", project / "notebooks" / "own.ipynb")
    assert names(installed, below) == SHIPPED | {"own"}

    (tmp_path / "rows.csv").write_text("game_id,player_lookup,system_id,current_points_line\ng1,someone,s1,20.5\n")
    batch = ("--batch", "b1", "--game-date", date.today().isoformat())  # noqa: DTZ011 - any recent date
    for words in (("stage", *batch, str(tmp_path / "rows.csv")), ("consolidate", *batch)):
        done = installed.call("runbook", *words, cwd=below)
        assert done.returncode == 0, done.stderr

    ran = installed.call("runbook", "run", "day1_monitoring", "--json", cwd=below)
    told = json.loads(ran.stdout)
    assert told["status"] == "completed", ran.stderr
    assert Path(told["report"]).is_relative_to(project / "outputs" / "shop" / "day1_monitoring")
    [consolidations] = [check for check in told["checks"] if check["id"] == "consolidations"]
    assert (consolidations["verdict"], consolidations["summary"]) == ("PASS", "1 completed")
    assert (project / ".runbook").is_dir()
    assert installed.call("runbook", "doctor", cwd=tmp_path, RUNBOOK_PROJECT=str(project)).returncode in (0, 3)
    assert sorted(data.rglob("*")) == before


def test_without_a_project_it_shows_and_keeps_nothing(wheel: Path, tmp_path: Path) -> None:
    installed = with_the_core_alone(tmp_path / "environment", wheel)
    (tmp_path / "empty").mkdir()
    assert names(installed, tmp_path / "empty") == SHIPPED
    shown = installed.call("runbook", "params", "day1_monitoring", cwd=tmp_path / "empty")
    assert (shown.returncode, shown.stdout.splitlines()[0]) == (0, "environment: str = 'local'")
    for words in (("doctor",), ("run", "day1_monitoring"), ("locks", "list"), ("consolidate", "--over", "today")):
        refused = installed.call("runbook", *words, cwd=tmp_path / "empty")
        assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", NO_PROJECT)
    shutil.rmtree(installed.packages / "lib" / "data")
    lost = installed.call("runbook", "list", cwd=tmp_path / "empty")
    assert (lost.returncode, lost.stdout, lost.stderr) == (2, "", NO_PROJECT)
    assert [*(tmp_path / "empty").iterdir()] == []


def test_the_core_alone_consolidates_and_names_the_extra_for_the_rest(
    wheel: Path, project: Path, tmp_path: Path
) -> None:
    installed = with_the_core_alone(tmp_path / "environment", wheel)
    code = (
        "import pkgutil, importlib, lib.consolidation, lib.environment, lib.gcp, lib.locking, lib.platform\n"
        "for package in (lib.consolidation, lib.environment, lib.gcp, lib.locking):\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
    )
    imported = installed.call("python", "-c", code, cwd=tmp_path)
    assert (imported.returncode, imported.stderr) == (0, "")
    needed = "runbook: this command needs the extra [runbooks]: pip install 'consolidation-runbooks[runbooks]'\n"
    for words in (
        ("doctor",),
        ("run", "day1_monitoring"),
        ("schedule", "list"),
        ("drill", "--list"),
        ("notify", "test"),
        ("site", "build"),
    ):
        refused = installed.call("runbook", *words, cwd=project)
        assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", needed), words
