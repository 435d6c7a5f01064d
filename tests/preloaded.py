"""The modules of the process that `tests.warm` forks: all of the library, and what it imports lazily."""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module

import lib
from lib.runbooks.catalogue import fast_import

# As in a run's kernel (lib.runbooks.kernel).
sys.modules["debugpy"] = None  # type: ignore[assignment]
with fast_import():
    import_module("papermill")
for name in (
    "matplotlib.figure",
    "matplotlib_inline.backend_inline",
    "nbclient.exceptions",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "sqlglot",
    "sqlglot.dialects.bigquery",
    "sqlglot.dialects.duckdb",
):
    import_module(name)
for found in pkgutil.walk_packages(lib.__path__, "lib."):
    if not found.name.endswith("__main__"):
        import_module(found.name)
