"""The work for BigQuery, counted with the tests' BigQuery double, and a model of its time.

No figure here is measured on BigQuery. In the model, jobs run one after another and take 0.8 s each, the MERGE takes
another 8 s, and a script takes the sum of its statements. Bytes are those of the columns that a statement reads in the
partitions that remain after pruning by constants.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from bench.result import UNKNOWN, Result
from bench.setting import Setting
from lib.consolidation.backfill import waiting_batches
from tests.consolidation.rivals import consolidated_at_once
from tests.consolidation.world import DAY, PREDICTIONS, later, predictions
from tests.gcp.bigquery.counted_jobs import MERGE_SECONDS, SECONDS_A_JOB, CountedJobs, jobs_of
from tests.gcp.bigquery.double import BigqueryDouble
from tests.gcp.bigquery.world import PROJECT, BigqueryWorld
from tests.gcp.large_table import reads_of_a_large_table
from tests.gcp.project import google_project
from tests.locking.emulator import find_jar

_DATES = 31
_MODEL = f"{SECONDS_A_JOB:g} s per job and {MERGE_SECONDS:g} s for the MERGE itself"
_OLD_SECONDS = 2 * SECONDS_A_JOB + MERGE_SECONDS


def results(setting: Setting) -> Iterator[Result]:
    counted = _of_a_consolidation(setting.folder)
    yield _count("jobs of a consolidation on BigQuery", len(counted.jobs), 12)
    yield _modelled("until the commit", counted.until_commit, 1.55)
    yield _modelled("the whole call", counted, 1.85)
    reads = len(counted.reading(PREDICTIONS.table.sql))
    yield _count("statements of a consolidation that read the main table", reads, 3)
    yield from _dates_at_once(setting.folder)
    yield from _runbooks(setting.folder)


def _of_a_consolidation(folder: Path) -> CountedJobs:
    """Count the jobs for a date with an earlier batch and 15 staging tables with the same columns."""
    with BigqueryDouble(PROJECT) as double:
        world = BigqueryWorld(folder, address=double.address).set_up()
        for batch_id, tables in (("earlier", 1), ("batch_1", 15)):
            world.stage(predictions(30, updated_at=later(tables)), batch_id, tables=tables)
            counted = jobs_of(double, lambda batch_id=batch_id: world.consolidate(batch_id))  # type: ignore[misc]
    return counted


def _dates_at_once(folder: Path) -> Iterator[Result]:
    played = [consolidated_at_once(_DATES, seed=seed) for seed in range(20)]
    early = [consolidated_at_once(_DATES, seed=seed, cancelled_after_seconds=4.0) for seed in range(20)]
    transactions = round(median(one.transactions for one in played))
    gave_up = sum(one.gave_up for one in played)
    yield Result(
        f"{_DATES} dates of 10 s at the same time: transactions, and dates that give up after 600 s",
        "an unbreakable table lock",
        f"{transactions}, {gave_up}",
        f"{_DATES}, 0",
        "at most 220, 0",
        f"{transactions}, {gave_up}; {round(median(one.transactions for one in early))} if a loser fails after 4 s",
        transactions <= 220 and not gave_up,
    )
    one_by_one = _one_after_another(folder)
    yield _count(f"{_DATES} dates by `runbook consolidate --over`: transactions", one_by_one, _DATES)


def _one_after_another(folder: Path) -> int:
    with BigqueryDouble(PROJECT) as double:
        world = BigqueryWorld(folder, address=double.address).set_up()
        days = [DAY - timedelta(days=number) for number in range(_DATES)]
        for day in days:
            world.stage(predictions(2, game_date=day), f"batch_{day}")
        counted = jobs_of(double, lambda: _consolidate_all(world, days))
    return len(counted.scripts)


def _consolidate_all(world: BigqueryWorld, days: list[date]) -> None:
    for waiting in waiting_batches(world.warehouse, world.spec, days):
        world.consolidate(waiting.batch_id, game_date=waiting.day)


def _runbooks(folder: Path) -> Iterator[Result]:
    if find_jar() is None:
        why = "no Firestore emulator here: gcloud components install cloud-firestore-emulator"
        yield Result("bytes that runbooks read from a table of 1 TB", "-", "-", "", "under 2 GB", UNKNOWN, False, why)
        return
    with google_project(folder) as acts:
        reads = reads_of_a_large_table(acts)
    gigabytes = reads.bytes_of("day1_monitoring") / 1e9
    yield Result(
        "bytes that day1_monitoring reads (estimated): table of 1 TB, partitions of 1.5 GB, a pending batch",
        "-",
        f"{gigabytes:.2f} GB",
        "",
        "under 2 GB",
        f"{gigabytes:.2f} GB",
        gigabytes < 2,
    )
    queries = reads.queries_of("duplicate_diagnosis")
    # One of them counts the ledger's runs by revision, because every runbook shows whether the fence guards the table.
    yield _count("queries of duplicate_diagnosis without duplicates", len(queries), 7)
    yield _count("hashes over all columns in duplicate_diagnosis", sum("MD5" in sql for sql in queries), 0)
    yield _count("ledger rows that a runbook fetches for a date with 600 runs", reads.ledger_rows, 500)


def _count(what: str, ours: int, at_most: int) -> Result:
    return Result(what, "-", str(ours), "", f"at most {at_most}", str(ours), ours <= at_most)


def _modelled(until: str, counted: CountedJobs, at_most: float) -> Result:
    ours = counted.modelled_seconds
    return Result(
        f"a consolidation on BigQuery, modelled at {_MODEL}: {until}",
        "the services' old MERGE and check",
        f"{ours:.1f} s",
        f"{_OLD_SECONDS:.1f} s",
        f"within {at_most:g} times",
        f"{ours / _OLD_SECONDS:.2f} times",
        ours <= at_most * _OLD_SECONDS,
    )
