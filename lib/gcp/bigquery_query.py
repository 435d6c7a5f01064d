"""Run one SELECT and return its rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.cloud.bigquery import QueryJob, QueryJobConfig

from lib.consolidation.errors import WarehouseUnavailable
from lib.consolidation.warehouse import Row
from lib.gcp.bigquery_jobs import REQUEST_SECONDS, BigqueryJobs, Job, fresh_job_id


def rows_and_bytes(
    jobs: BigqueryJobs, sql: str, config: QueryJobConfig, timeout_seconds: float
) -> tuple[list[Row], int]:
    """Return the rows and the number of bytes that BigQuery read for them.

    Raises:
        WarehouseUnavailable: The query timed out and was cancelled.
    """
    # query_and_wait (since 3.15 of the client) needs one request instead of three and saves at least 0.3 s.
    ask = _in_one_request if hasattr(jobs.client, "query_and_wait") else _as_a_job
    return ask(jobs, sql, config, timeout_seconds)


def _in_one_request(
    jobs: BigqueryJobs, sql: str, config: QueryJobConfig, timeout_seconds: float
) -> tuple[list[Row], int]:
    try:
        found = jobs.client.query_and_wait(
            sql,
            job_config=config,
            api_timeout=REQUEST_SECONDS,
            wait_timeout=timeout_seconds,
            retry=jobs.retry,
            job_retry=None,  # type: ignore[arg-type]
        )
    except TimeoutError as error:  # The client has cancelled the query.
        raise WarehouseUnavailable(
            f"a query took longer than {timeout_seconds:g}s and was cancelled; narrow the question or try again"
        ) from error
    return _rows(found), int(found.total_bytes_processed or 0)


def _as_a_job(jobs: BigqueryJobs, sql: str, config: QueryJobConfig, timeout_seconds: float) -> tuple[list[Row], int]:
    request: dict[str, Any] = {"retry": jobs.retry, "timeout": REQUEST_SECONDS}

    def insert(job_id: str) -> Job:
        return jobs.client.query(sql, job_config=config, job_id=job_id, job_retry=None, **request)

    job, _ = jobs.submit(insert, fresh_job_id("query"))
    jobs.finish(job, timeout_seconds)
    assert isinstance(job, QueryJob)
    return _rows(job.result(**request)), int(job.total_bytes_processed or 0)


def _rows(found: Iterable[Any]) -> list[Row]:
    return [dict(row.items()) for row in found]
