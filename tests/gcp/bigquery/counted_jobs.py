"""The BigQuery jobs of a piece of work, and their modelled time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.gcp.bigquery.double import BigqueryDouble
from tests.gcp.bigquery.double.jobs import Job

# `make bench` prints these with its modelled figures.
SECONDS_A_JOB = 0.8
MERGE_SECONDS = 8.0


@dataclass(frozen=True)
class CountedJobs:
    """Jobs in the order of execution: queries, copies, scripts and each of their statements, dry runs."""

    jobs: list[Job]

    @property
    def scripts(self) -> list[Job]:
        return [job for job in self.jobs if _sql(job).startswith("BEGIN TRANSACTION;")]

    @property
    def until_commit(self) -> CountedJobs:
        commits = [number for number, job in enumerate(self.jobs) if _sql(job).startswith("COMMIT")]
        return CountedJobs(self.jobs[: commits[0] + 1])

    @property
    def modelled_seconds(self) -> float:
        """Modelled time: a script takes the sum of its statements, and the MERGE takes extra time."""
        taken = [job for job in self.jobs if job not in self.scripts]
        merges = sum(_sql(job).startswith("MERGE") for job in taken)
        return len(taken) * SECONDS_A_JOB + merges * MERGE_SECONDS

    def reading(self, table: str) -> list[Job]:
        """Return the statements that name the table, without scripts."""
        return [job for job in self.jobs if table in _sql(job) and job not in self.scripts]


def jobs_of(double: BigqueryDouble, work: Callable[[], object]) -> CountedJobs:
    """Count the jobs of this work; nothing else may run at the same time."""
    before = {id(job) for job in (*double.jobs.by_id.values(), *double.jobs.dry)}
    work()
    run = [*double.jobs.by_id.values(), *double.jobs.dry]
    return CountedJobs([job for job in run if id(job) not in before])


def _sql(job: Job) -> str:
    return str(job.configuration.get("query", {}).get("query", ""))
