"""One transaction: its script job, run once, and what became of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from google.cloud.bigquery import Client, QueryJob

from lib.consolidation.warehouse import Step, TransactionOutcome
from lib.errors import RunbookError
from lib.gcp.bigquery_errors import CLIENT_ERRORS, translated
from lib.gcp.bigquery_jobs import REQUEST_SECONDS, BigqueryJobs, Job, failure
from lib.gcp.bigquery_script import failed_requirement, names_by_line

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Transaction:
    """Runs the script of these steps."""

    client: Client
    jobs: BigqueryJobs
    steps: Sequence[Step]

    def run(self, insert: Callable[[str], Job], job_id: str, timeout_seconds: float) -> TransactionOutcome:
        """Run it, unless a job of this id has already been committed or still runs.

        Args:
            insert: Inserts the script under the id that it is given.
            job_id: An id that failed before is used up; then it gets a number.
            timeout_seconds: After this it is cancelled and its end awaited.
        """
        job = self._job(insert, job_id)
        try:
            self.jobs.finish(job, timeout_seconds)
        except RunbookError as error:
            # An error after the COMMIT, or a cancellation that came too late, undoes nothing.
            if self._is_committed(job):
                return self._outcome(job)
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
        """Why the script failed, by the statement that failed; None: it was cancelled, or nothing more is known."""
        message = str((job.error_result or {}).get("message", ""))
        if refused := failed_requirement(message, self.steps):
            return refused
        by_start = sorted(self._children(job), key=lambda child: child.created)
        failed = (failure(child) for child in by_start if (child.error_result or {}).get("reason") != "stopped")
        first = next(filter(None, failed), None)
        return translated(first, self.client.project) if first else None

    def _is_committed(self, job: Job) -> bool:
        return any(child.statement_type == "COMMIT_TRANSACTION" and not failure(child) for child in self._children(job))

    def _children(self, job: Job) -> list[QueryJob]:
        try:
            listed = self.client.list_jobs(parent_job=job.job_id, retry=self.jobs.retry, timeout=REQUEST_SECONDS)
            return [child for child in listed if isinstance(child, QueryJob) and child.state == "DONE"]
        except CLIENT_ERRORS as error:
            logger.warning("the statements of job %s cannot be listed: %s", job.job_id, error)
            return []

    def _outcome(self, job: Job) -> TransactionOutcome:
        assert isinstance(job, QueryJob)
        statistics = {
            "bytes_processed": float(job.total_bytes_processed or 0),
            "bytes_billed": float(job.total_bytes_billed or 0),
            "slot_ms": float(job.slot_millis or 0),
        }
        return TransactionOutcome(str(job.job_id), self._elapsed_ms(job), statistics)

    def _elapsed_ms(self, job: QueryJob) -> dict[str, float]:
        """By the line on which each statement's own job says that it began."""
        names, elapsed_ms = names_by_line(self.steps), {}
        for child in self._children(job):
            frames = child.script_statistics.stack_frames if child.script_statistics else []
            name = names.get(frames[-1].start_line or 0) if frames else None
            if name and child.started and child.ended:
                elapsed_ms[name] = (child.ended - child.started).total_seconds() * 1000
        return elapsed_ms
