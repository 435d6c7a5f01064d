"""Values bound in DuckDB's statements, without pandas.

DuckDB compares each value with pandas' `NaT` and, where pandas is not loaded yet, imports it for
that: half a second, which is more than half of what a command takes. A value cannot be pandas'
before pandas is loaded, so DuckDB is shown none.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from importlib.abc import MetaPathFinder
from typing import Any

import duckdb


class _NoPandas(MetaPathFinder):
    """Finds no pandas while a value is bound in this thread; elsewhere it is found as ever."""

    def __init__(self) -> None:
        self.here = threading.local()

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas" and getattr(self.here, "binding", False):
            raise ModuleNotFoundError(name=name)


_NO_PANDAS = _NoPandas()
sys.meta_path.insert(0, _NO_PANDAS)


def run(connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    """Execute a statement of DuckDB's SQL with these values; the connection has its result."""
    _NO_PANDAS.here.binding = True
    try:
        return connection.execute(sql, dict(values))
    finally:
        _NO_PANDAS.here.binding = False
