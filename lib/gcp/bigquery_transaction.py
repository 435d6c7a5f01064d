"""Runs a transaction as one script job: gathers its source tables, submits it once, reads its outcome.

One script is one job, so no session stays open and a client that dies leaves no transaction half done
(https://cloud.google.com/bigquery/docs/transactions). Each statement in the script is a child job, as is each
condition that reads a table. A single statement is a plain job: BigQuery queues it behind rivals instead of
cancelling it (https://cloud.google.com/bigquery/docs/data-manipulation-language#dml-limitations).

Staging tables with equal columns are first copied into one temporary table: a copy job takes many sources,
is free and keeps the script short (https://cloud.google.com/bigquery/docs/managing-tables#copy-table).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import cast

from google.cloud.bigquery import CopyJobConfig, QueryJob

from lib.consolidation.errors import RequirementFailed, SourceVanished, TableNotFound
from lib.consolidation.identifiers import TableName
from lib.consolidation.requirements import failed_requirement, requirement_message
from lib.consolidation.warehouse import Execute, Require, Step, TransactionOutcome
from lib.errors import RunbookError
from lib.gcp.bigquery_errors import CLIENT_ERRORS, translated
from lib.gcp.bigquery_jobs import REQUEST_SECONDS, BigqueryJobs, Job, failure, fresh_job_id

logger = logging.getLogger(__name__)

SOURCES_A_JOB = 1200
_KEPT_IF_FORGOTTEN = timedelta(days=1)
# No EXCEPTION handler: an error ends the script, and BigQuery rolls the transaction back. After a conflict
# the transaction has ended already, so a ROLLBACK in a handler would fail and hide the conflict.
_OPENING = ("BEGIN TRANSACTION;",)
_CLOSING = ("COMMIT TRANSACTION;",)


@dataclass(frozen=True)
class Transaction:
    """The script job of these steps."""

    jobs: BigqueryJobs
    steps: Sequence[Step]

    def run(self, insert: Callable[[str], Job], job_id: str, timeout_seconds: float) -> TransactionOutcome:
        """Run the script, or wait for the job of this id if it is running or committed already.

        Args:
            insert: Inserts the script as a job with the given id.
            job_id: The job's id. If a job of this id failed before, a number is appended.
            timeout_seconds: Time after which the job is cancelled.
        """
        job = self._job(insert, job_id)
        try:
            self.jobs.finish(job, timeout_seconds)
        except RunbookError as error:
            # A transaction stays committed if the error or the cancellation came after its COMMIT.
            if not self._is_committed(job):
                if cause := self._cause(job):
                    raise cause from error
                raise
        return self._outcome(job)

    def _job(self, insert: Callable[[str], Job], job_id: str) -> Job:
        for attempt in count(1):
            attempt_id = job_id if attempt == 1 else f"{job_id}_{attempt}"
            job, found = self.jobs.submit(insert, attempt_id)
            if not found or failure(job) is None or self._is_committed(job):
                return job
        raise AssertionError

    def _cause(self, job: Job) -> RunbookError | None:
        """Return the error of the statement that failed; None if the script was cancelled or none is known."""
        by_start = sorted(self._children(job), key=lambda child: child.created)
        failed = [child for child in by_start if failure(child) and child.error_result["reason"] != "stopped"]
        for one in (job, *failed):
            message = str((one.error_result or {}).get("message", ""))
            if refused := failed_requirement(message, self.steps):
                return refused
        first = failure(failed[0]) if failed else None
        return translated(first, self.jobs.client.project) if first else None

    def _is_committed(self, job: Job) -> bool:
        if _lone(self.steps):
            return job.state == "DONE" and failure(job) is None
        return any(child.statement_type == "COMMIT_TRANSACTION" and not failure(child) for child in self._children(job))

    def _children(self, job: Job) -> list[QueryJob]:
        try:
            listed = self.jobs.client.list_jobs(parent_job=job.job_id, retry=self.jobs.retry, timeout=REQUEST_SECONDS)
            return [child for child in listed if isinstance(child, QueryJob) and child.state == "DONE"]
        except CLIENT_ERRORS as error:
            logger.warning("cannot list the statements of job %s: %s", job.job_id, error)
            return []

    def _outcome(self, job: Job) -> TransactionOutcome:
        assert isinstance(job, QueryJob)
        lone = _lone(self.steps)
        if lone and lone.must_touch and job.num_dml_affected_rows == 0:
            raise RequirementFailed(lone.must_touch)
        statistics = {
            "bytes_processed": float(job.total_bytes_processed or 0),
            "bytes_billed": float(job.total_bytes_billed or 0),
            "slot_ms": float(job.slot_millis or 0),
        }
        elapsed_ms = {lone.name: _elapsed_ms(job)} if lone else self._elapsed_ms_by_step(job)
        return TransactionOutcome(str(job.job_id), elapsed_ms, statistics)

    def _elapsed_ms_by_step(self, job: QueryJob) -> dict[str, float]:
        """Match each child job to a step by the script line on which it began."""
        names, elapsed_ms = names_by_line(self.steps), {}
        for child in self._children(job):
            frames = child.script_statistics.stack_frames if child.script_statistics else []
            if name := names.get(frames[-1].start_line or 0) if frames else None:
                elapsed_ms[name] = _elapsed_ms(child)
        return elapsed_ms


def _elapsed_ms(job: QueryJob) -> float:
    return float((job.ended - job.started).total_seconds() * 1000) if job.started and job.ended else 0.0


def script_of(steps: Sequence[Step]) -> str:
    """Return the steps as one transaction; a single statement is returned as it is."""
    if lone := _lone(steps):
        return lone.sql
    return "\n".join([*_OPENING, *map(statement_of, steps), *_CLOSING])


def _lone(steps: Sequence[Step]) -> Execute | None:
    return steps[0] if len(steps) == 1 and isinstance(steps[0], Execute) else None


def statement_of(step: Step) -> str:
    """Return a step as statements of a script."""
    if isinstance(step, Require):
        # IS NOT TRUE: a condition that is NULL must refuse, too.
        return _refuse_if(f"({step.sql}) IS NOT TRUE", step.code)
    touched = f"\n{_refuse_if('@@row_count = 0', step.must_touch)}" if step.must_touch else ""
    return f"{step.sql};{touched}"


def _refuse_if(condition: str, code: str) -> str:
    return f"IF {condition} THEN RAISE USING MESSAGE = '{requirement_message(code)}'; END IF;"


def names_by_line(steps: Sequence[Step]) -> dict[int, str]:
    """Map the script line on which each `Execute` begins, counted from 1, to its name."""
    line, names = len(_OPENING) + 1, {}
    for step in steps:
        if isinstance(step, Execute):
            names[line] = step.name
        line += statement_of(step).count("\n") + 1
    return names


@contextmanager
def gathered(
    jobs: BigqueryJobs, gather: Mapping[TableName, Sequence[TableName]], timeout_seconds: float
) -> Iterator[None]:
    """Copy the sources of each table into it, and drop the tables afterwards; if that fails, they expire.

    Raises:
        SourceVanished: A source no longer exists.
    """
    try:
        for relation, sources in gather.items():
            _copy(jobs, relation, sources, timeout_seconds)
        yield
    finally:
        for relation in gather:
            _drop(jobs, relation)


def _copy(jobs: BigqueryJobs, relation: TableName, sources: Sequence[TableName], timeout_seconds: float) -> None:
    for start in range(0, len(sources), SOURCES_A_JOB):
        part = [f"{jobs.client.project}.{source}" for source in sources[start : start + SOURCES_A_JOB]]
        try:
            jobs.finish(_submit_copy(jobs, relation, part, is_first=start == 0), timeout_seconds)
        except TableNotFound as error:
            raise SourceVanished(f"a staging table of {relation} no longer exists: {error}") from error


def _submit_copy(jobs: BigqueryJobs, relation: TableName, sources: list[str], *, is_first: bool) -> Job:
    expires_at = datetime.now(UTC) + _KEPT_IF_FORGOTTEN
    settings = {
        "createDisposition": "CREATE_IF_NEEDED",
        "writeDisposition": "WRITE_EMPTY" if is_first else "WRITE_APPEND",
        "destinationExpirationTime": expires_at.isoformat(),
    }
    # The client has no attribute for the expiration time.
    config = CopyJobConfig.from_api_repr({"copy": settings})

    def insert(job_id: str) -> Job:
        return jobs.client.copy_table(
            sources,
            f"{jobs.client.project}.{relation}",
            job_id=job_id,
            job_config=cast(CopyJobConfig, config),
            retry=jobs.retry,
            timeout=REQUEST_SECONDS,
        )

    job, _ = jobs.submit(insert, fresh_job_id("gather"))
    return job


def _drop(jobs: BigqueryJobs, relation: TableName) -> None:
    try:
        table = f"{jobs.client.project}.{relation}"
        jobs.client.delete_table(table, not_found_ok=True, retry=jobs.retry, timeout=REQUEST_SECONDS)
    except CLIENT_ERRORS as error:
        logger.warning("could not drop %s, which expires within a day: %s", relation, error)
