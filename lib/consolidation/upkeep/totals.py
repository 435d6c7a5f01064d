"""All consolidations of the ledger, added up in the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lib.consolidation.errors import TableNotFound
from lib.consolidation.ledger import ledger_columns
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Warehouse

_ROWS = ("staged", "inserted", "updated", "deduplicated", "superseded")


@dataclass(frozen=True)
class LedgerTotals:
    """Since the ledger was begun.

    Attributes:
        runs: Committed consolidations.
        rows: How many rows they staged, inserted, updated and so on, by that word.
        newest: When the newest of them began its transaction (UTC); None: there is none.
    """

    runs: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    newest: datetime | None = None


def ledger_totals(warehouse: Warehouse, spec: TableSpec) -> LedgerTotals:
    """One query; nothing is in a ledger that does not exist yet."""
    columns = {column.name for column in ledger_columns(spec)}
    words = [word for word in _ROWS if f"{word}_rows" in columns]
    sums = [f"SUM({word}_rows) AS {word}" for word in words]
    sql = f"SELECT COUNT(*) AS run_count, MAX(committed_at) AS newest, {', '.join(sums)} FROM {spec.ledger.sql}"
    try:
        [row] = warehouse.query(sql)
    except TableNotFound:
        return LedgerTotals(rows=dict.fromkeys(words, 0))
    return LedgerTotals(int(row["run_count"]), {word: int(row[word] or 0) for word in words}, row["newest"])
