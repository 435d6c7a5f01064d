"""Who may import whom (CONTRIBUTING.md, "The map")."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.places import ROOT

LIB = ROOT / "lib"
ADAPTERS = frozenset({"lib.gcp", "lib.embedded"})
FORBIDDEN = {
    "lib.locking": ADAPTERS,
    "lib.consolidation": ADAPTERS,
    "lib.operations": ADAPTERS,
    "lib.embedded": frozenset({"lib.gcp"}),
    "lib.gcp": frozenset({"lib.embedded"}),
}
# The guide's `ConsolidationLock(project_id)`, without a store, means Firestore.
EXCEPTIONS = {("lib.locking.lock", "lib.gcp")}

SLOW = ("duckdb", "google.cloud", "grpc", "matplotlib", "pandas", "papermill", "pyarrow", "scipy")
MAX_LINES = 300


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(path: Path) -> Iterator[str]:
    """Every module that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_layer_keeps_its_distance(layer: str) -> None:
    offences = {
        (module_name(path), package)
        for path in LIB.rglob("*.py")
        if is_within(module_name(path), layer)
        for imported in imported_modules(path)
        for package in FORBIDDEN[layer]
        if is_within(imported, package)
    }
    assert offences <= EXCEPTIONS


def test_files_stay_short() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in LIB.rglob("*.py")
    }
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def modules_loaded_by(code: str) -> list[str]:
    """The slow modules that a new interpreter has loaded after the code."""
    report = "import sys; print(*sys.modules, sep='\\n')"
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in result.stdout.split() if any(is_within(name, slow) for slow in SLOW)]


@pytest.mark.parametrize("module", ["lib", "lib.platform", "lib.cli"])
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
