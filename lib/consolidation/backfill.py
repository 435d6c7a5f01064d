"""Find the batches to consolidate for many dates of one table.

In BigQuery two consolidations of one table conflict even if their dates differ. Run one after another in one process,
they do not.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from lib.consolidation.errors import TableNotFound, WarehouseUnavailable
from lib.consolidation.staging import staging_backlog
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.staged_dates import rows_by_date
from lib.consolidation.warehouse import Warehouse


@dataclass(frozen=True, order=True)
class Waiting:
    """A batch with staged rows of a date; `has_other_dates` if it also has rows of other dates."""

    day: date
    batch_id: str
    has_other_dates: bool = False


def waiting_batches(warehouse: Warehouse, spec: TableSpec, dates: Collection[date]) -> list[Waiting]:
    """Return the batches with staged rows of these dates, earliest date first. Changes nothing.

    A table without the date column is left out. If a table's batch is ambiguous, the name returned is not a valid
    batch id, so that consolidating it is refused.

    Args:
        warehouse: Where to look.
        spec: The main table.
        dates: The dates.

    Raises:
        WarehouseUnavailable: Staging cannot be read, or a consolidation dropped tables meanwhile.
    """
    waiting = {table.name: batch.name for batch in staging_backlog(warehouse, spec) for table in batch.waiting}
    columns = warehouse.columns_of(list(waiting)) if waiting else {}
    dated = [table for table, found in columns.items() if spec.date_column in {column.name for column in found}]
    days: dict[str, set[date]] = {}
    try:
        for table, day, _ in rows_by_date(warehouse, spec, dated):
            days.setdefault(waiting[table], set()).update({day} if day else ())
    except TableNotFound as error:
        raise WarehouseUnavailable(f"staging changed while it was read: {error}; try again") from error
    return sorted(
        Waiting(day, batch_id, len(found) > 1) for batch_id, found in days.items() for day in found if day in dates
    )
