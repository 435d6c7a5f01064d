"""Binds values in DuckDB statements without importing pandas.

DuckDB compares each value with pandas' `NaT`, and imports pandas for that if it is not loaded. This takes half
a second, more than half the time of a command. While pandas is not loaded no value can come from it,
so this module hides pandas from DuckDB.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from importlib.abc import MetaPathFinder
from typing import Any

import duckdb


class _NoPandas(MetaPathFinder):
    """Hides pandas while this thread binds values; other threads still find it."""

    def __init__(self) -> None:
        self.here = threading.local()

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas" and getattr(self.here, "binding", False):
            raise ModuleNotFoundError(name=name)


_NO_PANDAS = _NoPandas()
sys.meta_path.insert(0, _NO_PANDAS)


def run(connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    """Execute a DuckDB statement with these values and return the connection with its result."""
    _NO_PANDAS.here.binding = True
    try:
        return connection.execute(sql, dict(values))
    finally:
        _NO_PANDAS.here.binding = False
