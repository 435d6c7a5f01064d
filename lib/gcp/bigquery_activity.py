"""BigQuery jobs and table layouts, read through the REST API.

Unlike a query of INFORMATION_SCHEMA.JOBS, jobs.list is free and does not wait in the job queue
(https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/list). Listing other users' jobs
needs bigquery.jobs.listAll.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from google.api_core.exceptions import NotFound

from lib.consolidation.errors import InvalidIdentifier
from lib.consolidation.identifiers import TableName
from lib.errors import SourceUnavailable
from lib.gcp.bigquery_errors import translated
from lib.gcp.clients import GoogleClients
from lib.gcp.errors import BIGQUERY, BIGQUERY_JOBS, without_secrets
from lib.ports.jobs import JobState, TableLayout, WarehouseJob
from lib.words.brief import brief

MOST_JOBS = 20_000


class BigqueryActivity:
    """A `WarehouseActivity` for one project."""

    has_queue = True

    __repr__ = brief()

    def __init__(self, clients: GoogleClients) -> None:
        self._clients = clients

    def jobs(self, dataset: str, *, since: datetime) -> list[WarehouseJob]:
        """Return the jobs that touched the dataset.

        Raises:
            SourceUnavailable: The API failed, or the period has more than `MOST_JOBS` jobs.
        """
        with self._clients.errors(BIGQUERY_JOBS):
            listed = self._clients.bigquery.list_jobs(all_users=True, min_creation_time=since, **self._clients.reading)
            found = list(islice(listed, MOST_JOBS + 1))
        if len(found) > MOST_JOBS:
            raise SourceUnavailable(
                f"more than {MOST_JOBS:,} BigQuery jobs since {since:%Y-%m-%d %H:%M} UTC; look back fewer hours"
            )
        return [_job(job) for job in found if _touches(job, dataset)]

    def layout(self, table: TableName) -> TableLayout:
        client = self._clients.bigquery
        with self._clients.errors(BIGQUERY):
            try:
                found = client.get_table(f"{client.project}.{table}", **self._clients.reading)
            except NotFound as error:
                raise translated(error, client.project) from error
        by_range, by_time = found.range_partitioning, found.time_partitioning
        column = by_range.field if by_range else (by_time.field or "_PARTITIONTIME") if by_time else ""
        return TableLayout(int(found.num_rows or 0), int(found.num_bytes or 0), column or "")


def _job(job: Any) -> WarehouseJob:
    error = (job.error_result or {}).get("message", "")
    return WarehouseJob(
        job_id=str(job.job_id),
        state=JobState(str(job.state).lower()),
        created_at=job.created,
        started_at=job.started if job.state != "PENDING" else None,
        ended_at=job.ended,
        statement=getattr(job, "statement_type", None) or str(job.job_type).upper(),
        target=next(_names([getattr(job, "destination", None)]), None),
        bytes_processed=getattr(job, "total_bytes_processed", None),
        slot_ms=getattr(job, "slot_millis", None),
        error=without_secrets(" ".join(str(error).split()))[:300],
        user=str(job.user_email or ""),
    )


def _touches(job: Any, dataset: str) -> bool:
    """Match by the job's tables; a script has none of its own, so match its text."""
    references = [getattr(job, name, None) for name in ("destination", "source")]
    references += [*(getattr(job, "sources", None) or ()), *(getattr(job, "referenced_tables", None) or ())]
    if any(name.dataset == dataset for name in _names(references)):
        return True
    return bool(re.search(rf"\b{re.escape(dataset)}\b", str(getattr(job, "query", None) or "")))


def _names(references: Sequence[Any]) -> Iterator[TableName]:
    """Skip the anonymous result tables of SELECTs, whose names are not valid here."""
    for reference in references:
        if reference is None or not hasattr(reference, "table_id"):
            continue
        try:
            yield TableName(reference.dataset_id, reference.table_id)
        except InvalidIdentifier:
            continue
