"""Look up a batch in ledger and fence before it is merged, in one query, because each query is a job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from lib.consolidation.errors import TableNotFound
from lib.consolidation.fence import recorded_specs
from lib.consolidation.ledger import LEDGER_COLUMNS, LedgerRun, ledger_run, ledger_runs
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Warehouse


@dataclass(frozen=True)
class Known:
    """The batch's runs in the ledger, and the fence.

    Attributes:
        runs: The runs, newest first.
        has_fence: Whether the fence table has a row for the date.
        has_another_spec: Whether it records another spec than ours.
    """

    runs: tuple[LedgerRun, ...]
    has_fence: bool
    has_another_spec: bool


def look_up(warehouse: Warehouse, spec: TableSpec, batch_id: str, game_date: date) -> Known:
    """Read the batch's runs in the ledger and the date's fence.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        batch_id: The batch.
        game_date: The date.
    """
    columns = ", ".join(column.name for column in LEDGER_COLUMNS)
    # In the row that describes the fence, the columns of a run are NULL.
    none = ", ".join(f"CAST(NULL AS {column.type}) AS {column.name}" for column in LEDGER_COLUMNS)
    try:
        rows = warehouse.query(
            f"SELECT {columns}, 0 AS of_date, 0 AS of_another_spec FROM {spec.ledger.sql} WHERE batch_id = @batch_id "
            f"UNION ALL SELECT {none}, COUNTIF(day = @day) AS of_date, "
            f"COUNTIF(spec IS DISTINCT FROM @spec) AS of_another_spec FROM {spec.fences.sql} "
            "ORDER BY committed_at DESC, run_id",
            {"batch_id": batch_id, "day": game_date, "spec": spec.identity},
        )
    except TableNotFound:
        return _looked_up_apart(warehouse, spec, batch_id)
    runs = tuple(ledger_run(row) for row in rows if row["run_id"] is not None)
    return Known(
        runs,
        has_fence=any(row["of_date"] for row in rows),
        has_another_spec=any(row["of_another_spec"] for row in rows),
    )


def _looked_up_apart(warehouse: Warehouse, spec: TableSpec, batch_id: str) -> Known:
    """Query the tables separately when one is missing: before the first consolidation, or after it was dropped."""
    another = set(recorded_specs(warehouse, spec)) - {spec.identity}
    runs = tuple(ledger_runs(warehouse, spec, batch_id=batch_id))
    return Known(runs, has_fence=False, has_another_spec=bool(another))
