"""Many dates of one table, one after another.

In BigQuery two consolidations of one table conflict, whichever dates they are about. One by one, in one process, they
never do.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from lib.consolidation.errors import TableNotFound, WarehouseUnavailable
from lib.consolidation.staging import staging_backlog
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.cleanup import rows_by_date
from lib.consolidation.warehouse import Warehouse


def waiting_batches(warehouse: Warehouse, spec: TableSpec, dates: Collection[date]) -> list[tuple[date, str]]:
    """The batches that wait in staging with rows of these dates, the earliest date first. Reads only.

    A table without a date column is of no date. One whose batch is not clear has a name that is refused as an id.

    Raises:
        WarehouseUnavailable: It cannot be read, or a consolidation drops tables meanwhile.
    """
    waiting = {table.name: batch.name for batch in staging_backlog(warehouse, spec) for table in batch.waiting}
    columns = warehouse.columns_of(list(waiting)) if waiting else {}
    dated = [table for table, found in columns.items() if spec.date_column in {column.name for column in found}]
    try:
        found = {(day, waiting[table]) for table, day, _ in rows_by_date(warehouse, spec, dated) if day}
        return sorted((day, batch_id) for day, batch_id in found if day in dates)
    except TableNotFound as error:
        raise WarehouseUnavailable(f"staging changes while it is looked at: {error}; look again") from error
