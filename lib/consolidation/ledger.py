"""The ledger: one row for each committed consolidation, written in its transaction.

It shows what happened to a batch after its staging tables are dropped, and it is the reason
why consolidating a batch again changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime

from lib.consolidation.errors import TableNotFound, WarehouseUnavailable
from lib.consolidation.staging_names import spelled_in_names
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column, Partitions, Row, Value, Warehouse
from lib.words.brief import brief

# The most runs that a runbook reads at once; a project has a few thousand a year.
MOST_RUNS = 500


@dataclass(frozen=True)
class LedgerRun:
    """A committed consolidation.

    Attributes:
        run_id: Identifies the attempt that succeeded.
        batch_id: The batch.
        day: The date.
        lock_key: The lock's key, also if the lock was not taken.
        token: The fencing token.
        job_id: The warehouse's job; empty if the warehouse has no jobs.
        holder_id: The lease's holder; empty without a lock.
        host: Machine and process.
        staged_rows: Rows in the gathered staging tables: the sum of the next three.
        inserted_rows: Keys that were new.
        updated_rows: Keys that already existed.
        deduplicated_rows: Staged rows with the key of a newer staged row.
        duplicates_before: Keys of the date with several rows before the run.
        duplicates_after: Keys of the date with several rows after the run.
        staging_tables: Names of the tables that were merged.
        started_at: The warehouse's time when the staging tables were listed: rows written
            to them later are not in this run.
        committed_at: When its transaction began.
        superseded_rows: Rows that it set inactive; 0 if the table does not use `supersedes`.
    """

    run_id: str
    batch_id: str
    day: date
    lock_key: str
    token: int
    job_id: str
    holder_id: str
    host: str
    staged_rows: int
    inserted_rows: int
    updated_rows: int
    deduplicated_rows: int
    duplicates_before: int
    duplicates_after: int
    staging_tables: tuple[str, ...]
    started_at: datetime
    committed_at: datetime
    superseded_rows: int = 0

    __repr__ = brief("batch_id", "day", "committed_at", "staged_rows", "inserted_rows", "updated_rows")


_SQL_TYPES: Mapping[str, str] = {
    "str": "STRING",
    "int": "INT64",
    "date": "DATE",
    "datetime": "TIMESTAMP",
    "tuple[str, ...]": "ARRAY<STRING>",
}
SUPERSEDED_ROWS = Column("superseded_rows", "INT64")
# The columns of every ledger, including those of tables that do not use `supersedes`, or did not at first.
LEDGER_COLUMNS = tuple(
    Column(field.name, _SQL_TYPES[str(field.type)]) for field in fields(LedgerRun) if field.name != SUPERSEDED_ROWS.name
)


def ledger_columns(spec: TableSpec) -> tuple[Column, ...]:
    """Return the columns that consolidations write to the ledger of a table."""
    return (*LEDGER_COLUMNS, SUPERSEDED_ROWS) if spec.supersedes else LEDGER_COLUMNS


def create_ledger(warehouse: Warehouse, spec: TableSpec) -> None:
    """Create the ledger of a table if it does not exist."""
    partitions = Partitions("committed_at", spec.retention.ledger_days)
    warehouse.create_table(spec.ledger, ledger_columns(spec), partitions=partitions)


def ledger_runs(
    warehouse: Warehouse,
    spec: TableSpec,
    *,
    batch_id: str | None = None,
    batches: Collection[str] | None = None,
    game_date: date | None = None,
    since: datetime | None = None,
    most: int | None = None,
) -> list[LedgerRun]:
    """Return committed consolidations, newest first; empty if there is no ledger yet.

    Args:
        warehouse: Where to look.
        spec: The main table.
        batch_id: Only this batch.
        batches: Only these batches, by their ids or as spelled in names of staging tables.
        game_date: Only this date.
        since: Only those committed since then.
        most: Return at most this many, the newest; see `is_cut`. None means all. Without `since`, a first query finds
            when they were committed, so that only those days' partitions are read in full.
    """
    given: dict[str, Value | None] = {
        "batch_id": batch_id,
        "batches": None if batches is None else sorted({spelled_in_names(name) for name in batches}),
        "day": game_date,
        "since": since,
    }
    asked = {name: value for name, value in given.items() if value is not None}
    where = " AND ".join(_CONDITIONS[name] for name in asked)
    # Select "*", because a ledger that is older than the table's `supersedes` lacks a column.
    names = "*" if spec.supersedes else ", ".join(column.name for column in LEDGER_COLUMNS)
    newest = "" if most is None else f" LIMIT {most:d}"
    try:
        if newest and since is None:
            times = f"SELECT committed_at FROM {spec.ledger.sql} WHERE {where or 'TRUE'}"
            of_these = f"{times} ORDER BY committed_at DESC{newest}"
            sql = f"SELECT MIN(committed_at) AS first, MAX(committed_at) AS last FROM ({of_these}) AS newest"
            [span] = warehouse.query(sql, asked)
            if span["first"] is None:
                return []
            asked |= {"since": span["first"], "until": span["last"]}
            where = " AND ".join(_CONDITIONS[name] for name in asked)
        rows = warehouse.query(
            f"SELECT {names} FROM {spec.ledger.sql} WHERE {where or 'TRUE'} ORDER BY committed_at DESC, run_id{newest}",
            asked,
        )
    except TableNotFound:
        return []
    return [ledger_run(row) for row in rows]


def ledger_is_empty(warehouse: Warehouse, spec: TableSpec) -> bool:
    """Return whether this library never committed a consolidation, so that the ledger proves nothing."""
    return count_runs(warehouse, spec, []).first is None


def ledger_run(row: Row) -> LedgerRun:
    """Return the record of a row that has at least `LEDGER_COLUMNS`."""
    run = {column.name: row[column.name] for column in LEDGER_COLUMNS}
    superseded = row.get(SUPERSEDED_ROWS.name) or 0
    return LedgerRun(**{**run, "staging_tables": tuple(run["staging_tables"]), "superseded_rows": superseded})


_CONDITIONS: Mapping[str, str] = {
    "batch_id": "batch_id = @batch_id",
    "batches": "REPLACE(batch_id, '-', '_') IN UNNEST(@batches)",
    "day": "day = @day",
    "since": "committed_at >= @since",
    "until": "committed_at <= @until",
}


def known_batches(warehouse: Warehouse, spec: TableSpec, spelled: Collection[str]) -> dict[str, set[str]]:
    """Return the ids of the ledger's batches with these spellings in table names, by spelling.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        spelled: The spellings.
    """
    if not spelled:
        return {}
    sql = f"SELECT DISTINCT batch_id FROM {spec.ledger.sql} WHERE {_CONDITIONS['batches']}"
    try:
        rows = warehouse.query(sql, {"batches": sorted(spelled)})
    except TableNotFound:
        return {}
    known: dict[str, set[str]] = {}
    for row in rows:
        known.setdefault(spelled_in_names(row["batch_id"]), set()).add(row["batch_id"])
    return known


def is_cut(runs: Sequence[LedgerRun]) -> bool:
    """Return whether older runs may be missing, because only the `MOST_RUNS` newest were read."""
    return len(runs) >= MOST_RUNS


def whole_ledger(
    warehouse: Warehouse, spec: TableSpec, batches: Collection[str], *, since: datetime | None = None
) -> list[LedgerRun]:
    """Return all runs of these batches, for questions that a missing run would answer wrongly.

    Args:
        warehouse: Where to look.
        spec: The main table.
        batches: The batches, by their ids or as spelled in names of staging tables.
        since: Only runs committed since then.

    Raises:
        WarehouseUnavailable: There are `MOST_RUNS` or more.
    """
    runs = ledger_runs(warehouse, spec, batches=batches, since=since, most=MOST_RUNS) if batches else []
    if is_cut(runs):
        raise WarehouseUnavailable(
            f"the ledger has {MOST_RUNS} or more consolidations of the batches that have staging tables, locks or "
            "jobs, which is too many to read; drop merged staging tables: "
            "runbook run consolidation_timeout -p cleanup=BATCH"
        )
    return runs


@dataclass(frozen=True)
class RunCounts:
    """How many consolidations were committed.

    Attributes:
        first: When the very first one was committed; None if there is none.
        within: The number in each requested period.
    """

    first: datetime | None
    within: tuple[int, ...]


@dataclass(frozen=True)
class Period:
    """A period from `start` to before `end`. `host` is a prefix of the runs' hosts; empty means any host."""

    start: datetime
    end: datetime
    host: str = ""


def count_runs(warehouse: Warehouse, spec: TableSpec, periods: Sequence[Period]) -> RunCounts:
    """Count the runs of each period, in the warehouse.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        periods: The periods.
    """
    counts = [
        f"COUNTIF(committed_at >= @start_{number} AND committed_at < @end_{number} "
        f"AND STARTS_WITH(host, @host_{number})) AS within_{number}"
        for number in range(len(periods))
    ]
    bound: dict[str, Value] = {}
    for number, period in enumerate(periods):
        bound |= {f"start_{number}": period.start, f"end_{number}": period.end, f"host_{number}": period.host}
    try:
        sql = f"SELECT {', '.join(['MIN(committed_at) AS first_run', *counts])} FROM {spec.ledger.sql}"
        [row] = warehouse.query(sql, bound)
    except TableNotFound:
        return RunCounts(None, (0,) * len(periods))
    return RunCounts(row["first_run"], tuple(row[f"within_{number}"] for number in range(len(periods))))
