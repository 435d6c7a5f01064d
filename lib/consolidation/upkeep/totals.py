"""Totals of all consolidations in the ledger, summed in the warehouse."""

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
    """Totals since the ledger was created.

    Attributes:
        runs: Number of committed consolidations.
        rows: Number of rows by what happened to them: staged, inserted, updated and so on.
        newest: When the newest began its transaction (UTC); None if there are none.
    """

    runs: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    newest: datetime | None = None


def ledger_totals(warehouse: Warehouse, spec: TableSpec) -> LedgerTotals:
    """Return the totals, in one query; zeros if the ledger does not exist yet."""
    columns = {column.name for column in ledger_columns(spec)}
    words = [word for word in _ROWS if f"{word}_rows" in columns]
    sums = [f"SUM({word}_rows) AS {word}" for word in words]
    sql = f"SELECT COUNT(*) AS run_count, MAX(committed_at) AS newest, {', '.join(sums)} FROM {spec.ledger.sql}"
    try:
        [row] = warehouse.query(sql)
    except TableNotFound:
        return LedgerTotals(rows=dict.fromkeys(words, 0))
    return LedgerTotals(int(row["run_count"]), {word: int(row[word] or 0) for word in words}, row["newest"])
