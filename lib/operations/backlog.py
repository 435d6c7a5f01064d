"""Batches whose rows still wait in staging tables."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lib.consolidation.staging import BatchBacklog, staging_backlog
from lib.operations import by_hand
from lib.operations.dates import date_in, spoken_seconds
from lib.operations.section import Section, section
from lib.operations.tables import Table
from lib.operations.verdict import Check, Verdict

if TYPE_CHECKING:
    from lib.environment import Environment
    from lib.platform import Platform

_NAME = "Staging backlog"
_STILL_WANTED = timedelta(hours=24)


@section(_NAME)
def backlog(platform: Platform, now: datetime, *, stuck_after_minutes: float) -> Section:
    """Staging tables, rows and age of each batch, and whether they were merged.

    Args:
        platform: Whose warehouse.
        now: The moment of the run (UTC).
        stuck_after_minutes: A batch that nobody has added to for so long should be merged.
    """
    batches = staging_backlog(platform.warehouse, platform.table)
    check = _backlog_check(platform.environment, batches, now, timedelta(minutes=stuck_after_minutes))
    return Section((check,), (_table(batches, now),))


@section(_NAME)
def staging_state(platform: Platform, now: datetime) -> Section:
    """The same tables; judges nothing."""
    return Section((), (_table(staging_backlog(platform.warehouse, platform.table), now),))


def _table(batches: list[BatchBacklog], now: datetime) -> Table:
    rows = [
        (
            batch.batch_id or "not told",
            batch.unmerged_tables,
            batch.merged_tables,
            batch.rows,
            spoken_seconds(_age_seconds(batch, now)),
        )
        for batch in batches
    ]
    columns = ("Batch", "Tables not merged", "Tables merged, to be dropped", "Rows", "Newest table's age")
    note = "Only tables that the ledger names count as merged; age says nothing about it."
    return Table("Staging tables by batch", columns, rows, note, shown=20)


def _backlog_check(
    environment: Environment, batches: list[BatchBacklog], now: datetime, stuck_after: timedelta
) -> Check:
    waiting = [batch for batch in batches if batch.unmerged_tables]
    tables = sum(batch.unmerged_tables for batch in waiting)
    evidence = {
        batch.batch_id or "not told": f"{batch.unmerged_tables} tables not merged, {batch.rows:,} rows, "
        f"newest {spoken_seconds(_age_seconds(batch, now))} old"
        for batch in waiting[:10]
    }
    stuck = [batch for batch in waiting if _is_older(batch, now, stuck_after)]
    wanted = [batch for batch in stuck if not _is_older(batch, now, _STILL_WANTED)]
    if wanted:
        summary = (
            f"{len(wanted)} batches wait for longer than {spoken_seconds(stuck_after.total_seconds())}, {tables} tables"
        )
        commands = [_consolidate(environment, batch) for batch in wanted[:10]]
        step = f"Their rows are in no other place. See what it will do (--dry-run), then do it: {commands[0]}"
        return Check(_NAME, Verdict.FAIL, summary, evidence, step, commands)
    if stuck:
        summary = f"{len(stuck)} old batches were never merged, {tables} tables"
        step = "Decide on each: consolidate it, or drop it. Their rows are in no other place."
        commands = [_consolidate(environment, batch) for batch in stuck[:10]]
        return Check(_NAME, Verdict.WARN, summary, evidence, step, commands)
    if waiting:
        summary = f"{len(waiting)} batches are being staged, {tables} tables, none for long"
        return Check(_NAME, Verdict.PASS, summary, evidence)
    return Check(_NAME, Verdict.PASS, "no batch waits", evidence)


def _age_seconds(batch: BatchBacklog, now: datetime) -> float | None:
    return (now - batch.newest).total_seconds() if batch.newest else None


def _is_older(batch: BatchBacklog, now: datetime, age: timedelta) -> bool:
    """A table whose age is not recorded counts as old: someone has to look at it."""
    return batch.newest is None or now - batch.newest > age


def _consolidate(environment: Environment, batch: BatchBacklog) -> str:
    return by_hand.consolidate(environment, batch.batch_id, date_in(batch.batch_id))
