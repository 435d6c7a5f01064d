"""Many dates of one table, one after another.

In BigQuery two consolidations of one table conflict, whichever dates they are about. So in one process they do not get
in each other's way at all, and at once they do nothing else.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from lib.consolidation.staging import staging_backlog
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.cleanup import rows_by_date
from lib.consolidation.warehouse import Warehouse


def waiting_batches(warehouse: Warehouse, spec: TableSpec, dates: Collection[date]) -> list[tuple[date, str]]:
    """The batches that wait in staging with rows of these dates, the earliest date first. Reads only.

    Raises:
        SourceVanished: A consolidation has dropped its tables since they were listed.
    """
    batches = {table.name: batch.batch_id for batch in staging_backlog(warehouse, spec) for table in batch.waiting}
    found = {(day, batches[table]) for table, day, _ in rows_by_date(warehouse, spec, list(batches)) if day in dates}
    return sorted(found)
