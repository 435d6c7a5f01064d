"""What runbooks read from a terabyte in partitions of 1.5 GB and a ledger of 60,000 runs, with a pending batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from lib.archive.record import RunRecord
from lib.embedded.deployment import Deployment
from lib.platform import Platform
from lib.runbooks.catalogue import find_runbook
from lib.runbooks.execution import execute
from rehearsal.slates import slate_of
from tests.gcp.bigquery.double.jobs import Job
from tests.gcp.story import GoogleActs, deploy

_ASKED: Mapping[str, dict[str, str]] = {
    "day1_monitoring": {"batch": "batch_unknown"},
    "duplicate_diagnosis": {},
    "daily_quality": {},
    "rollback": {},
}
_PARTITION_BYTES = 1.5e9
_DAYS = 667


@dataclass(frozen=True)
class Reads:
    """What runbooks read, by the runbook's name.

    Attributes:
        records: The record of each run.
        jobs: The BigQuery jobs of each run, including dry runs.
        ledger_rows: The largest number of ledger rows that a query returned.
    """

    records: Mapping[str, RunRecord]
    jobs: Mapping[str, list[Job]]
    ledger_rows: int

    def bytes_of(self, runbook: str, table: str = "") -> int:
        """Return the sum of the estimates, which are upper bounds, for statements that name a table, or all."""
        dry = [job for job in self.jobs[runbook] if job.configuration.get("dryRun") and table in _sql(job)]
        return sum(int(job.statistics["query"]["totalBytesProcessed"]) for job in dry)

    def queries_of(self, runbook: str) -> list[str]:
        """Return the queries that were run, without dry runs."""
        return [_sql(job) for job in self.jobs[runbook] if "dryRun" not in job.configuration]


def reads_of_a_large_table(acts: GoogleActs) -> Reads:
    """Run the runbooks for the second of two dates without duplicates, with a pending batch."""
    deploy(acts.google, Deployment(), acts.platform, acts.url)
    for game_date in (acts.today - timedelta(days=1), acts.today):
        _stage(acts.platform, f"batch_{game_date}", game_date)
        acts.platform.consolidator().consolidate_batch(batch_id=f"batch_{game_date}", game_date=game_date)
    _stage(acts.platform, "batch_that_waits", acts.today)
    main, ledger = acts.platform.table.table, acts.platform.table.ledger
    rows_a_day = round(_PARTITION_BYTES / acts.bigquery.catalogue.row_width(main.dataset, main.table))
    acts.bigquery.catalogue.sized(main.dataset, main.table, rows_a_day=rows_a_day, days=_DAYS, last_day=acts.today)
    acts.bigquery.sql(
        f"INSERT INTO {main.dataset}.{ledger.table} SELECT L.* REPLACE (batch_id || '_' || n AS batch_id, "
        "day - CAST(n // 165 AS INTEGER) AS day, committed_at - to_seconds(n * 525) AS committed_at, "
        "started_at - to_seconds(n * 525) AS started_at, list_resize(staging_tables, 20, staging_tables[1]) AS "
        f"staging_tables) FROM {main.dataset}.{ledger.table} AS L, range(60000) AS older(n) WHERE day = '{acts.today}'"
    )
    jobs: dict[str, list[Job]] = {name: [] for name in _ASKED}
    records = {}
    for name, parameters in _ASKED.items():
        acts.bigquery.jobs.on_insert.append(jobs[name].append)
        records[name] = execute(find_runbook(name), parameters, environment="production").record
        acts.bigquery.jobs.on_insert.remove(jobs[name].append)
    of_ledger = [job for asked in jobs.values() for job in asked if ledger.table in _sql(job)]
    return Reads(records, jobs, max(len(job.result.rows) for job in of_ledger))


def _stage(platform: Platform, batch_id: str, game_date: date) -> None:
    rows = slate_of(game_date).predict(batch_id, generated_at=datetime.now(UTC))
    platform.staging_writer().write_batch(rows, batch_id=batch_id, workers=2)


def _sql(job: Job) -> str:
    return str(job.configuration["query"]["query"])
