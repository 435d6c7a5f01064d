"""Many dates of one table, one after another.

In BigQuery two consolidations of one table conflict, whichever dates they are about. One by one, in one process, they
never do.
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
    """A batch with rows of a date that wait in staging; with `has_other_dates` it has rows of other dates, too."""

    day: date
    batch_id: str
    has_other_dates: bool = False


def waiting_batches(warehouse: Warehouse, spec: TableSpec, dates: Collection[date]) -> list[Waiting]:
    """The batches that wait in staging with rows of these dates, the earliest date first. Reads only.

    A table without a date column is of no date. One whose batch is not clear has a name that is refused as an id.

    Raises:
        WarehouseUnavailable: It cannot be read, or a consolidation drops tables meanwhile.
    """
    waiting = {table.name: batch.name for batch in staging_backlog(warehouse, spec) for table in batch.waiting}
    columns = warehouse.columns_of(list(waiting)) if waiting else {}
    dated = [table for table, found in columns.items() if spec.date_column in {column.name for column in found}]
    days: dict[str, set[date]] = {}
    try:
        for table, day, _ in rows_by_date(warehouse, spec, dated):
            days.setdefault(waiting[table], set()).update({day} if day else ())
    except TableNotFound as error:
        raise WarehouseUnavailable(f"staging changes while it is looked at: {error}; look again") from error
    return sorted(
        Waiting(day, batch_id, len(found) > 1) for batch_id, found in days.items() for day in found if day in dates
    )
