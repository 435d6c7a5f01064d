"""Many tables of equal columns, copied into one for the time of a transaction.

A copy job takes many sources, costs nothing and keeps the statement's text from growing
with their number (https://cloud.google.com/bigquery/docs/managing-tables#copy-table).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import cast

from google.cloud.bigquery import Client, CopyJobConfig

from lib.consolidation.errors import SourceVanished, TableNotFound
from lib.consolidation.identifiers import TableName
from lib.gcp.bigquery_errors import CLIENT_ERRORS
from lib.gcp.bigquery_jobs import REQUEST_SECONDS, BigqueryJobs, Job, fresh_job_id

logger = logging.getLogger(__name__)

SOURCES_A_JOB = 1200
_KEPT_IF_FORGOTTEN = timedelta(days=1)


@contextmanager
def gathered(
    client: Client, jobs: BigqueryJobs, gather: Mapping[TableName, Sequence[TableName]], timeout_seconds: float
) -> Iterator[None]:
    """The tables are there meanwhile, and dropped afterwards; if that fails, they expire.

    Raises:
        SourceVanished: A source is gone.
    """
    try:
        for relation, sources in gather.items():
            _copy(client, jobs, relation, sources, timeout_seconds)
        yield
    finally:
        for relation in gather:
            _drop(client, jobs, relation)


def _copy(
    client: Client, jobs: BigqueryJobs, relation: TableName, sources: Sequence[TableName], timeout_seconds: float
) -> None:
    for start in range(0, len(sources), SOURCES_A_JOB):
        part = [f"{client.project}.{source}" for source in sources[start : start + SOURCES_A_JOB]]
        try:
            jobs.finish(_submit_copy(client, jobs, relation, part, is_first=start == 0), timeout_seconds)
        except TableNotFound as error:
            raise SourceVanished(f"a staging table of {relation} is gone: {error}") from error


def _submit_copy(client: Client, jobs: BigqueryJobs, relation: TableName, sources: list[str], *, is_first: bool) -> Job:
    expires_at = datetime.now(UTC) + _KEPT_IF_FORGOTTEN
    settings = {
        "createDisposition": "CREATE_IF_NEEDED",
        "writeDisposition": "WRITE_EMPTY" if is_first else "WRITE_APPEND",
        "destinationExpirationTime": expires_at.isoformat(),
    }
    # The client has no attribute for the expiry.
    config = CopyJobConfig.from_api_repr({"copy": settings})

    def insert(job_id: str) -> Job:
        return client.copy_table(
            sources,
            f"{client.project}.{relation}",
            job_id=job_id,
            job_config=cast(CopyJobConfig, config),
            retry=jobs.retry,
            timeout=REQUEST_SECONDS,
        )

    job, _ = jobs.submit(insert, fresh_job_id("gather"))
    return job


def _drop(client: Client, jobs: BigqueryJobs, relation: TableName) -> None:
    try:
        client.delete_table(
            f"{client.project}.{relation}", not_found_ok=True, retry=jobs.retry, timeout=REQUEST_SECONDS
        )
    except CLIENT_ERRORS as error:
        logger.warning("%s was not dropped and will expire within a day: %s", relation, error)
