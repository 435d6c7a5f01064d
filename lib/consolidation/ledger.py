"""The ledger: one row for each consolidation that was committed, written in its transaction.

It answers what happened to a batch after its staging tables are gone, and it is why a
second consolidation of a batch changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime

from lib.consolidation.errors import TableNotFound
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column, Row, Value, Warehouse


@dataclass(frozen=True)
class LedgerRun:
    """A committed consolidation.

    Attributes:
        run_id: One attempt that succeeded.
        token: The fencing token that it held.
        job_id: The warehouse's job; empty where there are no jobs.
        holder_id: The lease's holder; empty without a lock.
        staged_rows: Rows in the gathered staging tables: the sum of the next three.
        inserted_rows: Keys that were new.
        updated_rows: Keys that were there.
        deduplicated_rows: Staged rows with the key of a newer staged row.
        duplicates_before: Keys of the date that had several rows before it.
        duplicates_after: The same after it.
        staging_tables: Names of exactly the tables that were merged.
        started_at: The warehouse's time when the staging tables were listed: what was
            written to them later is not in this run.
        committed_at: When its transaction began.
    """

    run_id: str
    batch_id: str
    game_date: date
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


_SQL_TYPES: Mapping[str, str] = {
    "str": "STRING",
    "int": "INT64",
    "date": "DATE",
    "datetime": "TIMESTAMP",
    "tuple[str, ...]": "ARRAY<STRING>",
}
LEDGER_COLUMNS = tuple(Column(field.name, _SQL_TYPES[str(field.type)]) for field in fields(LedgerRun))


def ledger_runs(
    warehouse: Warehouse,
    spec: TableSpec,
    *,
    batch_id: str | None = None,
    game_date: date | None = None,
    since: datetime | None = None,
) -> list[LedgerRun]:
    """Committed consolidations, newest first; none when there is no ledger yet."""
    given: dict[str, Value | None] = {"batch_id": batch_id, "game_date": game_date, "since": since}
    asked = {name: value for name, value in given.items() if value is not None}
    where = " AND ".join("committed_at >= @since" if name == "since" else f"{name} = @{name}" for name in asked)
    names = ", ".join(column.name for column in LEDGER_COLUMNS)
    try:
        rows = warehouse.query(
            f"SELECT {names} FROM {spec.ledger.sql} WHERE {where or 'TRUE'} ORDER BY committed_at DESC, run_id",
            asked,
        )
    except TableNotFound:
        return []
    return [ledger_run(row) for row in rows]


def ledger_run(row: Row) -> LedgerRun:
    """The record of a row that has `LEDGER_COLUMNS`, and may have more."""
    run = {column.name: row[column.name] for column in LEDGER_COLUMNS}
    return LedgerRun(**{**run, "staging_tables": tuple(run["staging_tables"])})
