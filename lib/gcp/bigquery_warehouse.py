"""The warehouse in BigQuery.

A transaction is one script job (see `lib.gcp.bigquery_transaction`). Two transactions that
update one table conflict, whichever rows they touch, and one of them is cancelled;
appending conflicts with nothing (https://cloud.google.com/bigquery/docs/transactions).

Needs `roles/bigquery.dataEditor` on the dataset and `roles/bigquery.jobUser`.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from google.api_core import exceptions
from google.cloud import bigquery

from lib.consolidation.identifiers import TableName
from lib.consolidation.warehouse import (
    Column,
    Parameters,
    Partitions,
    Row,
    StagingTable,
    Step,
    TransactionOutcome,
)
from lib.gcp.bigquery_errors import bigquery_errors
from lib.gcp.bigquery_jobs import REQUEST_SECONDS, BigqueryJobs, Job, ended_after, failure, fresh_job_id
from lib.gcp.bigquery_query import rows_and_bytes
from lib.gcp.bigquery_transaction import Transaction, gathered, script_of
from lib.gcp.bigquery_types import (
    columns_by_table,
    columns_of_schema,
    columns_sql,
    load_file,
    query_parameters,
    schema_fields,
    staging_tables_of,
    staging_tables_sql,
    time_partitioning,
    with_streaming_seen,
)
from lib.words.brief import brief

if TYPE_CHECKING:
    import pyarrow

logger = logging.getLogger(__name__)


class BigqueryWarehouse:
    """A `Warehouse` in the datasets of a Google Cloud project.

    Args:
        project_id: The project that has the datasets and pays for the jobs.
        location: Location of the datasets, such as ``europe-west1``. Required outside the
            multi-regions US and EU: BigQuery finds a job elsewhere only by its location.
        client: The client to use; by default one is created at the first call.
        maximum_bytes_billed: Jobs that would read more are refused; None: no limit.
        job_timeout_seconds: Time limit of a job, including time in the queue.
        patience_seconds: How long to retry a request while BigQuery is unavailable.
    """

    __repr__ = brief()

    def __init__(
        self,
        project_id: str,
        *,
        location: str | None = None,
        client: bigquery.Client | None = None,
        maximum_bytes_billed: int | None = None,
        job_timeout_seconds: float = 1800.0,
        patience_seconds: float = 60.0,
    ) -> None:
        self._project_id = project_id
        self._location = location
        self._given_client = client
        self._maximum_bytes_billed = maximum_bytes_billed
        self._job_timeout_seconds = job_timeout_seconds
        self._patience_seconds = patience_seconds

    @cached_property
    def _client(self) -> bigquery.Client:
        with bigquery_errors(self._project_id):
            return self._given_client or bigquery.Client(project=self._project_id, location=self._location)

    @cached_property
    def _jobs(self) -> BigqueryJobs:
        return BigqueryJobs(self._client, patience_seconds=self._patience_seconds)

    @property
    def _request(self) -> dict[str, Any]:
        return {"retry": self._jobs.retry, "timeout": REQUEST_SECONDS}

    def _query_config(self, sql: str, parameters: Parameters, **options: Any) -> bigquery.QueryJobConfig:
        if self._maximum_bytes_billed is not None:
            options = {"maximum_bytes_billed": self._maximum_bytes_billed, **options}
        return bigquery.QueryJobConfig(query_parameters=query_parameters(sql, parameters), **options)

    def session(self) -> AbstractContextManager[None]:
        """Do nothing: the client pools its connections anyway."""
        return nullcontext()

    def query(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        gather: Mapping[TableName, Sequence[TableName]] | None = None,
    ) -> list[Row]:
        with (
            gathered(self._jobs, gather or {}, self._job_timeout_seconds),
            bigquery_errors(self._project_id),
        ):
            return self._answer(sql, parameters or {})

    def _answer(self, sql: str, parameters: Parameters) -> list[Row]:
        rows, _ = self._rows_and_bytes(sql, self._query_config(sql, parameters))
        return rows

    def _rows_and_bytes(self, sql: str, config: bigquery.QueryJobConfig) -> tuple[list[Row], int]:
        return rows_and_bytes(self._jobs, sql, config, self._job_timeout_seconds)

    def estimate(self, sql: str, parameters: Parameters | None = None) -> int:
        """Return the upper bound of the bytes that a statement would read, by a free dry run."""
        config = self._query_config(sql, parameters or {}, dry_run=True, use_query_cache=False)
        with bigquery_errors(self._project_id):
            job = self._client.query(sql, job_config=config, job_retry=None, **self._request)
        return int(job.total_bytes_processed or 0)

    def columns(self, table: TableName) -> tuple[Column, ...]:
        """Read the columns by tables.get, which distinguishes "no access" from "not found"."""
        return columns_of_schema(self._table(table).schema)

    def _table(self, table: TableName) -> bigquery.Table:
        with bigquery_errors(self._project_id):
            return self._client.get_table(self._path(table), **self._request)

    def columns_of(self, tables: Sequence[TableName]) -> dict[TableName, tuple[Column, ...]]:
        """Read the columns with one query per dataset: one request per table takes a minute for 600 tables."""
        columns: dict[TableName, tuple[Column, ...]] = {}
        for dataset in {table.dataset for table in tables}:
            names = [table.table for table in tables if table.dataset == dataset]
            columns |= columns_by_table(dataset, self.query(columns_sql(dataset), {"tables": names}))
        return columns

    def create_table(
        self, table: TableName, columns: Sequence[Column], *, partitions: Partitions | None = None
    ) -> None:
        """Create the table. The client's `exists_ok` would also read it, and fail if a rival drops it meanwhile."""
        made = bigquery.Table(self._path(table), schema_fields(columns))
        if partitions:
            made.time_partitioning = time_partitioning(partitions)
        with bigquery_errors(self._project_id), suppress(exceptions.Conflict):
            self._client.create_table(made, **self._request)

    def copy_structure(self, source: TableName, target: TableName, *, expires_at: datetime | None = None) -> None:
        """Copy the schema only: a backup must not inherit the source's partition filter or expiration."""
        made = bigquery.Table(self._path(target), self._table(source).schema)
        if expires_at:
            made.expires = expires_at
        with bigquery_errors(self._project_id):
            self._client.create_table(made, **self._request)

    def staging_tables(self, dataset: str, prefix: str, *, with_columns: bool = False) -> list[StagingTable]:
        rows = self.query(staging_tables_sql(dataset, with_columns=with_columns), {"prefix": prefix})
        return with_streaming_seen(staging_tables_of(dataset, rows), self._table)

    def load(self, tables: Mapping[TableName, pyarrow.Table], columns: Sequence[Column], *, note: str) -> None:
        """Load all tables or none; only a process that is killed meanwhile may leave some of them."""
        jobs: dict[TableName, Job] = {}
        try:
            for table, rows in tables.items():
                present = [column for column in columns if column.name in rows.column_names]
                jobs[table] = self._submit_load(table, rows, present, note)
            for job in jobs.values():
                self._jobs.finish(job, self._job_timeout_seconds)
        except BaseException:
            self._undo_loads(jobs)
            raise

    def _submit_load(self, table: TableName, rows: pyarrow.Table, columns: Sequence[Column], note: str) -> Job:
        source_format, content = load_file(rows, columns)
        config = bigquery.LoadJobConfig(
            source_format=source_format,
            schema=schema_fields(columns),
            create_disposition=bigquery.CreateDisposition.CREATE_IF_NEEDED,
            write_disposition=bigquery.WriteDisposition.WRITE_EMPTY,
            destination_table_friendly_name=note,
        )

        def insert(job_id: str) -> Job:
            return self._client.load_table_from_file(
                io.BytesIO(content),
                self._path(table),
                size=len(content),
                job_id=job_id,
                job_config=config,
                num_retries=3,
                timeout=REQUEST_SECONDS,
            )

        job, _ = self._jobs.submit(insert, fresh_job_id("load"))
        return job

    def _undo_loads(self, jobs: Mapping[TableName, Job]) -> None:
        """Drop the tables that were loaded. One whose load failed may be older and is kept."""
        ended = [table for table, job in jobs.items() if self._jobs.stop(job) and failure(job) is None]
        self.drop(ended)

    def transact(
        self,
        steps: Sequence[Step],
        parameters: Parameters,
        *,
        gather: Mapping[TableName, Sequence[TableName]] | None = None,
        job_id: str = "",
        timeout_seconds: float | None = None,
    ) -> TransactionOutcome:
        timeout = self._job_timeout_seconds if timeout_seconds is None else timeout_seconds
        script = script_of(steps)
        # BigQuery ends the job even if this process dies.
        config = ended_after(timeout, self._query_config(script, parameters))

        def insert(attempt_id: str) -> Job:
            return self._client.query(script, job_config=config, job_id=attempt_id, job_retry=None, **self._request)

        with gathered(self._jobs, gather or {}, self._job_timeout_seconds):
            return Transaction(self._jobs, steps).run(insert, job_id or fresh_job_id("transaction"), timeout)

    def drop(self, tables: Sequence[TableName]) -> None:
        def delete(table: TableName) -> None:
            with bigquery_errors(self._project_id):
                self._client.delete_table(self._path(table), not_found_ok=True, **self._request)

        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(delete, tables))

    def _path(self, table: TableName) -> str:
        return f"{self._client.project}.{table}"
