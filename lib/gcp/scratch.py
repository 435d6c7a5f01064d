"""Datasets for trials in BigQuery.

A default expiration for their tables makes sure that a killed trial leaves no rows
(https://cloud.google.com/bigquery/docs/updating-datasets#table-expiration); an empty dataset costs nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from google.api_core.exceptions import Conflict, NotFound
from google.cloud import bigquery

from lib.consolidation.warehouse import Execute, Step, Warehouse
from lib.errors import SourceUnavailable
from lib.gcp.bigquery_jobs import REQUEST_SECONDS, BigqueryJobs, Job, ended_after, fresh_job_id
from lib.gcp.clients import GoogleClients
from lib.gcp.errors import BIGQUERY, BIGQUERY_DATASETS, without_secrets
from lib.ports.scratch import DatasetExists, StatementRun
from lib.words.brief import brief

_EXPIRE_SECONDS = 3600
_PATIENCE_SECONDS = 30.0
_SCRIPT_SECONDS = 120.0
_MARK = "runbook_trial"
# Each statement is a separate job, which takes about a second however little it does.
_STATEMENTS_A_DELAY = 6


class BigqueryScratch:
    """The `ScratchDatasets` of one project.

    Args:
        clients: The clients of the project.
        location: Location of new datasets; empty: BigQuery's default, US.
        warehouse: Returns a new `Warehouse` with its own client.
    """

    tables_expire_after_seconds: float | None = float(_EXPIRE_SECONDS)
    has_jobs = True

    __repr__ = brief()

    def __init__(self, clients: GoogleClients, location: str, warehouse: Callable[[], Warehouse]) -> None:
        self._clients = clients
        self._location = location
        self._warehouse = warehouse

    @cached_property
    def _jobs(self) -> BigqueryJobs:
        return BigqueryJobs(self._clients.bigquery, patience_seconds=_PATIENCE_SECONDS)

    @property
    def _request(self) -> dict[str, Any]:
        return {"retry": self._jobs.retry, "timeout": REQUEST_SECONDS}

    def note_of(self, dataset: str) -> str | None:
        found = self._found(dataset)
        return None if found is None else found.description or ""

    def _found(self, dataset: str) -> bigquery.Dataset | None:
        with self._clients.errors(BIGQUERY_DATASETS):
            try:
                return self._jobs.client.get_dataset(dataset, **self._request)
            except NotFound:
                return None

    def create(self, dataset: str, *, note: str) -> None:
        """Create the dataset, labelled so that a retry after a lost response recognizes its own."""
        made = bigquery.Dataset(f"{self._clients.project_id}.{dataset}")
        made.description, made.labels = note, {_MARK: uuid.uuid4().hex}
        made.default_table_expiration_ms = _EXPIRE_SECONDS * 1000
        if self._location:
            made.location = self._location
        with self._clients.errors(BIGQUERY_DATASETS):
            try:
                self._jobs.client.create_dataset(made, **self._request)
            except Conflict:
                found = self._found(dataset)
                if found is None or found.labels != made.labels:
                    raise DatasetExists(f"dataset {dataset} exists already; nothing was changed") from None

    def remove(self, dataset: str) -> None:
        with self._clients.errors(BIGQUERY_DATASETS):
            self._jobs.client.delete_dataset(dataset, delete_contents=True, not_found_ok=True, **self._request)

    def new_warehouse(self) -> Warehouse:
        return self._warehouse()

    def delay(self, factor: int) -> Sequence[Step]:
        return [Execute(f"delay {number}", f"SELECT {number}") for number in range(_STATEMENTS_A_DELAY * factor)]

    def run_script(self, sql: str) -> Sequence[StatementRun]:
        config = ended_after(_SCRIPT_SECONDS, bigquery.QueryJobConfig())

        def insert(job_id: str) -> Job:
            return self._jobs.client.query(sql, job_config=config, job_id=job_id, job_retry=None, **self._request)

        job, _ = self._jobs.submit(insert, fresh_job_id("trial"))
        self._jobs.finish(job, _SCRIPT_SECONDS)
        return self.statements(str(job.job_id))

    def statements(self, job_id: str) -> Sequence[StatementRun]:
        with self._clients.errors(BIGQUERY):
            listed = list(self._jobs.client.list_jobs(parent_job=job_id, **self._request))
        if not listed:
            raise SourceUnavailable(f"BigQuery lists no statements for job {job_id}, so their outcome is unknown")
        return sorted(map(_statement, listed), key=lambda run: (run.started_at, run.ended_at))


def _statement(job: Any) -> StatementRun:
    text = str(getattr(job, "query", None) or getattr(job, "statement_type", None) or "")
    is_control = "TRANSACTION" in text.upper().split()[1:2]
    words = " ".join(text.upper().split()[: 2 if is_control else 1])
    error = (job.error_result or {}).get("message", "")
    return StatementRun(
        without_secrets(words)[:40],
        job.started or job.created,
        job.ended or job.started or job.created,
        without_secrets(" ".join(str(error).split()))[:300],
    )
