"""Merge batches of staged rows into the main table, each batch once, whatever fails.

The parts: staging (`staging`, `rows`, `schema`), the fenced transaction (`merge`, `fence`, `ledger`, `consolidator`),
and repair of earlier mistakes (`upkeep`). The names that a service needs are exported here and loaded on first use,
because most importers need only a table's name.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lib.consolidation.consolidator import BatchConsolidator
    from lib.consolidation.result import ConsolidationResult
    from lib.consolidation.staging import BatchStagingWriter
    from lib.consolidation.table_spec import TableSpec

__all__ = ["BatchConsolidator", "BatchStagingWriter", "ConsolidationResult", "TableSpec"]

_HOMES = {
    "BatchConsolidator": "consolidator",
    "BatchStagingWriter": "staging",
    "ConsolidationResult": "result",
    "TableSpec": "table_spec",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
