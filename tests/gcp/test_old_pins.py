"""Lock, staging and consolidation with the libraries that the services pin (`make old-pins`)."""

from __future__ import annotations

import json
import os
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from lib.places import ROOT

PYTHON = ROOT / ".venv-old-pins" / "bin" / "python"
PINS = Path(__file__).with_name("old_pins.txt")
SUITES = (
    "tests/gcp/bigquery/test_warehouse.py::TestMeteredBigqueryWarehouse",
    "tests/gcp/bigquery/test_consolidation.py::test_the_real_schema_and_the_real_names",
    "tests/gcp/bigquery/test_consolidation.py::test_only_the_fence_prevents_duplicates",
    "tests/locking/test_store_conformance.py",
    "tests/locking/test_firestore.py",
    "tests/consolidation/test_rows.py",
)
_VERSIONS = """
import json, sys
from importlib.metadata import version
print(json.dumps({name: version(name) for name in sys.argv[1:]}))
"""


def old(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PYTHON), *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.long
def test_the_core_works_with_old_pins() -> None:
    """Skip if they are not installed; in CI, where they are, that is a failure."""
    if not PYTHON.exists():
        missing = "there are no old pins: make old-pins"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    lines = PINS.read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    assert json.loads(old("-c", _VERSIONS, *pins).stdout) == pins, "make old-pins"
    assert version("google-cloud-bigquery") != pins["google-cloud-bigquery"]

    ran = old("-m", "pytest", "-q", "-o", "addopts=--import-mode=importlib", "-p", "no:cacheprovider", *SUITES)
    assert ran.returncode == 0, ran.stdout[-5000:]
