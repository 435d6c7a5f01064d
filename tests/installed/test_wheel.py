"""The installed package, outside any checkout, in a user's own folder."""

from __future__ import annotations

import json
import re
import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest

from lib.places import ROOT
from tests.installed.environments import Installed, built_wheel, with_all_packages, with_the_core_alone
from tests.projects.orders import LAST_DAY, as_csv, orders
from tests.workbench.lab.stand_in import stand_in_for_jupyterlab

NO_PROJECT = "runbook: no project here: run `runbook init`, or set RUNBOOK_PROJECT\n"
SHIPPED = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one environment, not named local, and nothing else."""
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
    batch = ("--batch", "b1", "--date", date.today().isoformat())  # noqa: DTZ011 - any recent date
    for words in (("stage", *batch, str(tmp_path / "rows.csv")), ("consolidate", *batch)):
        done = installed.call("runbook", *words, cwd=below)
        assert done.returncode == 0, done.stderr

    ran = installed.call("runbook", "run", "day1_monitoring", "--json", cwd=below)
    answer = json.loads(ran.stdout)
    assert answer["status"] == "completed", ran.stderr
    assert Path(answer["report"]).is_relative_to(project / "outputs" / "shop" / "day1_monitoring")
    [consolidations] = [check for check in answer["checks"] if check["id"] == "consolidations"]
    assert (consolidations["verdict"], consolidations["summary"]) == ("PASS", "1 completed")
    assert (project / ".runbook").is_dir()
    path = stand_in_for_jupyterlab(tmp_path / "path")
    opened = installed.call(
        "runbook", "lab", cwd=below, PYTHONPATH=str(path), JUPYTER_DATA_DIR=str(tmp_path / "jupyter")
    )
    lab = project / ".runbook" / "lab" / "shop"
    assert (opened.returncode, opened.stdout.splitlines()[-1].split()[:2]) == (0, [str(project), str(lab)])
    assert {path.stem for path in lab.glob("*.ipynb")} == SHIPPED | {"own", "START"}
    assert 'environment: str = \\"shop\\"' in (lab / "rollback.ipynb").read_text()
    assert installed.call("runbook", "doctor", cwd=tmp_path, RUNBOOK_PROJECT=str(project)).returncode in (0, 3)
    assert sorted(data.rglob("*")) == before


@pytest.mark.long
def test_any_table_gets_its_first_verdict_in_minutes(wheel: Path, tmp_path: Path) -> None:
    """A race of MERGEs without the library is found and repaired, and the repair is undone."""
    installed, shop = with_all_packages(tmp_path / "environment", wheel), tmp_path / "shop"
    file, day = as_csv(tmp_path / "orders.csv", orders()), str(LAST_DAY)

    def call(*words: str, code: int = 0) -> str:
        done = installed.call("runbook", *words, cwd=shop if shop.exists() else tmp_path)
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    output = call("init", "shop", "--from", str(file), "--table", "shop.orders", "--yes")
    assert "PASS     day1_monitoring" in output
    race(shop / ".runbook" / "warehouse.duckdb", day)
    call("run", "duplicate_diagnosis", "-p", f"date={day}", code=1)
    planned = call("repair", "plan", "--date", day, code=0)
    digest = re.search(r"--plan (\S+)", planned)
    assert digest, planned
    done = call("repair", "apply", "--date", day, "--plan", digest[1], "--reason", "the race of the test")
    call("run", "duplicate_diagnosis", "-p", f"date={day}")
    backup = re.search(r"runbook repair undo [^\n]*", done)
    assert backup, done
    undo = backup[0].split()[1:]
    digest = re.search(r"--plan (\S+)", call(*undo))
    assert digest
    call(*undo, "--plan", digest[1], "--reason", "to see both again")
    call("duplicates", "--date", day, code=1)


def race(warehouse: Path, day: str) -> None:
    """Insert the same new rows in two transactions, as unfenced MERGEs do."""
    with duckdb.connect(str(warehouse)) as connection:
        rivals = [connection.cursor() for _ in range(2)]
        for rival in rivals:
            rival.execute("BEGIN")
        for rival in rivals:
            rival.execute(
                "INSERT INTO shop.orders SELECT * REPLACE (order_id + 1000000 AS order_id) FROM shop.orders "
                "WHERE order_date = ?",
                [day],
            )
        for rival in rivals:
            rival.execute("COMMIT")


def test_without_a_project_nothing_is_shown_or_written(wheel: Path, tmp_path: Path) -> None:
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
        ("lab",),
        ("mcp",),
    ):
        refused = installed.call("runbook", *words, cwd=project)
        [name, *_] = words
        expected = needed.replace("[runbooks]", f"[runbooks,{name}]") if name in ("lab", "mcp") else needed
        assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", expected), words
