"""Imports between packages (CONTRIBUTING.md, "The map")."""

import subprocess
import sys
from pathlib import Path

import pytest

from lib.places import ROOT
from tests.house.the_map import CHECKED, contracts, rows

LIB = ROOT / "lib"
SLOW = ("duckdb", "google.cloud", "grpc", "matplotlib", "pandas", "papermill", "pyarrow", "scipy")
MAX_LINES = 300
MOST_FILES = 12


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def test_the_map_matches_the_tree() -> None:
    there = [path for package in CHECKED for path in (ROOT / package).iterdir() if path.name[0] not in "_."]
    modules = {module_of(path) for path in there if path.suffix == ".py" or any(path.glob("*.py"))}
    on_map = {module for row in rows() for module in row.modules}
    assert on_map - {"rehearsal"} == {module for module in modules if module.startswith("lib.")}


def test_imports_run_downwards() -> None:
    on_map = [row.modules for row in rows()]
    for at, row in enumerate(rows()):
        below = {module for modules in on_map[at + 1 :] for module in modules}
        assert set(row.knows or ()) <= below, row


def test_an_import_that_the_map_does_not_allow_is_found(tmp_path: Path) -> None:
    """Otherwise the contracts would pass without reading the table or seeing lazy imports."""
    config = contracts()
    assert len(config.sections()) == 2 + len([module for row in rows() for module in row.modules])
    assert "lib.operations" in config["importlinter:contract:lib.words"]["forbidden_modules"].split()
    assert config["importlinter:contract:lib.errors"]["forbidden_modules"].split().count("lib.words") == 1


def test_files_stay_short() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in LIB.rglob("*.py")
    }
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_rooms_stay_small() -> None:
    rooms = [room for room in (LIB / "operations").iterdir() if any(room.glob("*.py"))]
    assert len(rooms) > 5
    files = {room.name: len([path for path in room.glob("*.py") if path.name != "__init__.py"]) for room in rooms}
    assert {name: number for name, number in files.items() if number > MOST_FILES} == {}


def modules_loaded_by(code: str) -> list[str]:
    """Return the slow modules that a new interpreter has loaded after running the code."""
    report = "import sys; print(*sys.modules, sep='\\n')"
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in result.stdout.split() if any(is_within(name, slow) for slow in SLOW)]


@pytest.mark.parametrize("module", ["lib", "lib.consolidation", "lib.platform", "lib.cli"])
def test_import_loads_nothing_slow(module: str) -> None:
    assert modules_loaded_by(f"import {module}") == []


def test_embedded_platform_loads_no_google_client() -> None:
    code = """
from lib.platform import connect
platform = connect("local")
platform.warehouse, platform.locks, platform.logs, platform.services, platform.iam
"""
    loaded = modules_loaded_by(code)
    assert [name for name in loaded if is_within(name, "google.cloud") or is_within(name, "grpc")] == []
