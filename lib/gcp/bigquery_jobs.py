"""Jobs that run once and are cancelled when nobody waits for them any more.

The client chooses a job's id, so BigQuery refuses a repeated request instead of running it twice
(https://cloud.google.com/bigquery/docs/running-jobs). A caller that gives up cancels the job and
waits for it to end: in the incident, a MERGE went on after its lock was released.
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
        patience_seconds: How long to retry a request while BigQuery is unavailable, and
            how long to wait for a cancelled job to end.
    """

    def __init__(self, client: Client, *, patience_seconds: float) -> None:
        self.client = client
        self._patience_seconds = patience_seconds

    @property
    def retry(self) -> Retry:
        """The retry of a request. A failed job is never started again."""
        return DEFAULT_RETRY.with_timeout(self._patience_seconds)

    def submit(self, insert: Callable[[str], Job], job_id: str) -> tuple[Job, bool]:
        """Return the job of this id, created by `insert`, and whether it existed before."""
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
        """Look for the job after an error: the request may have arrived although its response was lost."""
        if isinstance(error, exceptions.ClientError):
            raise error
        try:
            return self._find(job_id)
        except exceptions.NotFound:
            raise error from None

    def _abandon(self, job_id: str) -> None:
        """Stop the job after an interrupt: it may exist although the response was never read."""
        try:
            self.stop(self._find(job_id))
        except CLIENT_ERRORS as error:
            logger.debug("job %s was probably not inserted: %s", job_id, error)

    def finish(self, job: Job, timeout_seconds: float) -> None:
        """Wait for the job to end; stop it after the timeout or an interrupt.

        Raises:
            WarehouseUnavailable: The job was stopped or failed.
            TransactionConflict: The job lost against a rival transaction.
            TableNotFound: A table of the job does not exist.
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
        """Cancel the job and wait for it to end; return False if it has not ended in time."""
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
    """Return a new, unique job id."""
    return f"runbook_{purpose}_{uuid.uuid4().hex}"


def ended_after(seconds: float, config: QueryJobConfig) -> QueryJobConfig:
    """Set the timeout after which BigQuery itself cancels the job."""
    # The client has an attribute for it since 3.24.
    described = {**config.to_api_repr(), "jobTimeoutMs": str(int(seconds * 1000))}
    return cast(QueryJobConfig, QueryJobConfig.from_api_repr(described))


def failure(job: Job) -> Exception | None:
    """Return the error of a finished job; None if it succeeded."""
    error: Exception | None = job.exception() if job.error_result else None  # type: ignore[no-untyped-call]
    return error


def _still(job: Job) -> str:
    return (
        f"job {job.job_id} could not be stopped and may still be running; stop it with: bq cancel "
        f"{job.project}:{job.location or ''}.{job.job_id}"
    )
