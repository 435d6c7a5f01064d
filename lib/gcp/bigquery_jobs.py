"""Jobs: each runs once, and none outlives its client's interest in it.

A job is asked for under an id that the client chose, so asking again is refused
instead of run twice (https://cloud.google.com/bigquery/docs/running-jobs). Whoever
gives up cancels the job and waits for its end: a MERGE that goes on after its lock was
released was part of the incident.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from typing import cast

from google.api_core import exceptions
from google.api_core.retry import Retry
from google.cloud.bigquery import DEFAULT_RETRY, Client, CopyJob, LoadJob, QueryJob, QueryJobConfig

from lib.consolidation.errors import WarehouseUnavailable
from lib.gcp.bigquery_errors import CLIENT_ERRORS, bigquery_errors, translated

logger = logging.getLogger(__name__)

Job = QueryJob | LoadJob | CopyJob

REQUEST_SECONDS = 30.0
_ONCE = Retry(predicate=lambda _: False)
_FIRST_POLL_SECONDS = 0.05
_LONGEST_POLL_SECONDS = 2.0


class BigqueryJobs:
    """Submits jobs, waits for them and stops them.

    Args:
        patience_seconds: How long a request is tried again while BigQuery is away, and
            how long a cancelled job's end is awaited.
    """

    def __init__(self, client: Client, *, patience_seconds: float) -> None:
        self.client = client
        self._patience_seconds = patience_seconds

    @property
    def retry(self) -> Retry:
        """For each request, not for jobs: a job that failed is never started again."""
        return DEFAULT_RETRY.with_timeout(self._patience_seconds)

    def submit(self, insert: Callable[[str], Job], job_id: str) -> tuple[Job, bool]:
        """The job of this id, which `insert` makes, and whether it was found: it had been inserted before."""
        with bigquery_errors(self.client.project):
            try:
                return insert(job_id), False
            except exceptions.Conflict:
                return self._find(job_id), True
            except CLIENT_ERRORS as error:
                return self._find_after(error, job_id), True
            except BaseException:
                self._abandon(job_id)
                raise

    def _find(self, job_id: str) -> Job:
        return cast(Job, self.client.get_job(job_id, retry=self.retry, timeout=REQUEST_SECONDS))

    def _find_after(self, error: Exception, job_id: str) -> Job:
        """The answer may have been lost and not the request."""
        if isinstance(error, exceptions.ClientError):
            raise error
        try:
            return self._find(job_id)
        except exceptions.NotFound:
            raise error from None

    def _abandon(self, job_id: str) -> None:
        """Interrupted before the answer came: the job may be there all the same."""
        try:
            self.stop(self._find(job_id))
        except CLIENT_ERRORS as error:
            logger.debug("job %s was probably not inserted: %s", job_id, error)

    def finish(self, job: Job, timeout_seconds: float) -> None:
        """Wait for the job's end; after the time allowed, or when interrupted, stop it.

        Raises:
            WarehouseUnavailable: It was stopped, or failed for the warehouse's reasons.
            TransactionConflict, TableNotFound: It failed for that.
        """
        try:
            with bigquery_errors(self.client.project):
                done = self._is_done_within(job, timeout_seconds)
        except BaseException:
            self.stop(job)
            raise
        if not done and not self.stop(job):
            raise WarehouseUnavailable(f"job {job.job_id} took longer than {timeout_seconds:g}s; {_still(job)}")
        if job.error_result and not done:
            raise WarehouseUnavailable(
                f"job {job.job_id} took longer than {timeout_seconds:g}s; it was cancelled and rolled back"
            )
        if error := failure(job):
            raise translated(error, self.client.project) from error

    def _is_done_within(self, job: Job, timeout_seconds: float) -> bool:
        give_up_at = time.monotonic() + timeout_seconds
        pause = _FIRST_POLL_SECONDS
        while not job.done(retry=self.retry, timeout=REQUEST_SECONDS):
            remaining = give_up_at - time.monotonic()
            if remaining <= 0:
                return False
            time.sleep(min(pause, remaining))
            pause = min(pause * 1.3, _LONGEST_POLL_SECONDS)
        return True

    def stop(self, job: Job) -> bool:
        """Cancel the job and wait for its end. False: it could not be had in time."""
        give_up_at = time.monotonic() + self._patience_seconds
        asked = False
        while time.monotonic() < give_up_at:
            try:
                asked = asked or job.cancel(retry=_ONCE, timeout=REQUEST_SECONDS)
                if job.done(retry=_ONCE, timeout=REQUEST_SECONDS):
                    return True
            except CLIENT_ERRORS as error:
                logger.debug("job %s cannot be stopped yet: %s", job.job_id, error)
            time.sleep(_FIRST_POLL_SECONDS * 2)
        logger.warning("%s", _still(job))
        return False


def fresh_job_id(purpose: str) -> str:
    """An id that no job has."""
    return f"runbook_{purpose}_{uuid.uuid4().hex}"


def ended_after(seconds: float, config: QueryJobConfig) -> QueryJobConfig:
    """The configuration of a job that BigQuery itself cancels after this time."""
    # The client has an attribute for it since 3.24.
    described = {**config.to_api_repr(), "jobTimeoutMs": str(int(seconds * 1000))}
    return cast(QueryJobConfig, QueryJobConfig.from_api_repr(described))


def failure(job: Job) -> Exception | None:
    """Why a job that has ended failed; None: it did not."""
    error: Exception | None = job.exception() if job.error_result else None  # type: ignore[no-untyped-call]
    return error


def _still(job: Job) -> str:
    return (
        f"job {job.job_id} could not be stopped and may still be running; stop it with: bq cancel "
        f"{job.project}:{job.location or ''}.{job.job_id}"
    )
