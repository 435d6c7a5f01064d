"""The jobs that BigQuery ran for a piece of work, and the time that they would take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.gcp.bigquery.double import BigqueryDouble
from tests.gcp.bigquery.double.jobs import Job

# What `make bench` prints beside the figures that it models.
SECONDS_A_JOB = 0.8
MERGE_SECONDS = 8.0


@dataclass(frozen=True)
class CountedJobs:
    """In the order in which they were run: queries, copies, scripts, each statement of them, dry runs."""

    jobs: list[Job]

    @property
    def until_commit(self) -> CountedJobs:
        commits = [number for number, job in enumerate(self.jobs) if _sql(job).startswith("COMMIT")]
        return CountedJobs(self.jobs[: commits[0] + 1])

    @property
    def modelled_seconds(self) -> float:
        """A script is its statements, one after another; the MERGE takes its own time besides."""
        taken = [job for job in self.jobs if not _sql(job).startswith("BEGIN TRANSACTION;")]
        merges = sum(_sql(job).startswith("MERGE") for job in taken)
        return len(taken) * SECONDS_A_JOB + merges * MERGE_SECONDS

    def reading(self, table: str) -> list[Job]:
        """The statements that name the table, those that are scripts left out."""
        return [job for job in self.jobs if table in _sql(job) and not _sql(job).startswith("BEGIN TRANSACTION;")]


def jobs_of(double: BigqueryDouble, work: Callable[[], object]) -> CountedJobs:
    """Of this work alone, if nothing else is under way."""
    before = {id(job) for job in (*double.jobs.by_id.values(), *double.jobs.dry)}
    work()
    run = [*double.jobs.by_id.values(), *double.jobs.dry]
    return CountedJobs([job for job in run if id(job) not in before])


def _sql(job: Job) -> str:
    return str(job.configuration.get("query", {}).get("query", ""))
