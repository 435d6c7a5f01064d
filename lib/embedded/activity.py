"""Running transactions of the embedded warehouse, and the layout of its tables."""

from __future__ import annotations

from datetime import datetime

from lib.consolidation.errors import TableNotFound
from lib.consolidation.identifiers import TableName
from lib.embedded.duckdb_warehouse import DuckdbWarehouse
from lib.embedded.job_marks import JobMark, read_marks
from lib.errors import SourceUnavailable
from lib.ports.jobs import JobState, TableLayout, WarehouseJob
from lib.words.brief import brief


class LocalActivity:
    """A `WarehouseActivity` for one DuckDB file. Only the ledger records transactions that have ended."""

    has_queue = False

    __repr__ = brief()

    def __init__(self, warehouse: DuckdbWarehouse) -> None:
        self._warehouse = warehouse

    def jobs(self, dataset: str, *, since: datetime) -> list[WarehouseJob]:
        try:
            marks = read_marks(self._warehouse.job_marks)
        except OSError as error:
            raise SourceUnavailable(f"the marks of running transactions cannot be read: {error}") from error
        found = [_job(mark) for mark in marks if mark.created_at >= since and dataset in mark.datasets]
        return sorted(found, key=lambda job: (job.created_at, job.job_id), reverse=True)

    def layout(self, table: TableName) -> TableLayout:
        listed = {one.name: one for one in self._warehouse.staging_tables(table.dataset, table.table)}
        if table not in listed:
            raise TableNotFound(f"there is no table {table} in {self._warehouse.path}")
        return TableLayout(listed[table].rows, None, has_partitions=False)


def _job(mark: JobMark) -> WarehouseJob:
    at_work = JobState.RUNNING if mark.started_at else JobState.PENDING
    return WarehouseJob(
        job_id=mark.job_id,
        state=at_work if mark.is_held else JobState.GONE,
        created_at=mark.created_at,
        started_at=mark.started_at,
        statement="SCRIPT",
        user=mark.user,
    )
