"""Incidents of rows that wait in staging, or seem lost there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Any

from lib.consolidation.staging_names import staging_table_name
from lib.consolidation.warehouse import Column
from lib.verdict.verdict import Verdict
from rehearsal.drills.drill import Look, Scene, incident
from rehearsal.drills.stage import Stage
from rehearsal.stage import batch_name, embedded_warehouse

_STUCK_ROWS, _STUCK_TABLES = 18_170, 615
# Fewer than in the incident: more tables take time on the embedded platform, and prove nothing more.
_ONE_ROW_LOADS = 300
_MERGED_TABLES, _UNMERGED_TABLES = 60, 40
_NEW_COLUMNS = (Column("injury_status", "STRING"), Column("minutes_projection", "FLOAT64"))


@incident(4, 'manual run: "no staging tables", mistaken for loss')
def no_staging_tables(stage: Stage) -> Scene:
    """The batch was consolidated and cleaned up; its history shows when, and by which host."""
    stage.past_dates(1)
    result = stage.clean_night()
    says = (
        "already consolidated",
        f"{result.staged:,} rows from {len(result.staging_tables)} staging tables",
        "nothing is lost",
    )
    parameters = {**stage.of_today, "batch": result.batch_id}
    return Scene([Look("day1_monitoring", Verdict.PASS, says, parameters)])


@incident(5, "batch stuck at 95%, 18,170 rows in 615 staging tables on game day")
def stuck_batch(stage: Stage) -> Scene:
    """Workers fail, so the batch is never complete, and nobody consolidates the staged rows."""
    stage.past_dates(1)
    stage.clean_night(kind="linecheck")
    batch = batch_name("batch", stage.today)
    write_generations(stage, batch, _STUCK_ROWS, _STUCK_TABLES)
    for number in range(4):
        stage.log(stage.worker, ["ERROR worker failed: no feature row"], instance=f"worker-{number}", severity="ERROR")
    says = (f"{_STUCK_ROWS:,} rows in {_STUCK_TABLES} tables are not merged", f"runbook consolidate --batch {batch}")
    size = f"{_STUCK_ROWS:,} rows in {_STUCK_TABLES} staging tables"
    return _two_hours_later(stage, says, (*says, size))


@incident(18, "one-row loads use up the quota of 1,500 loads per table and day")
def one_row_loads(stage: Stage) -> Scene:
    """A table for each row: the rows staged before the quota was used up wait."""
    stage.past_dates(1)
    stage.clean_night(kind="linecheck")
    write_generations(stage, batch_name("batch", stage.today), _ONE_ROW_LOADS, _ONE_ROW_LOADS)
    says = f"{_ONE_ROW_LOADS} rows in {_ONE_ROW_LOADS} tables are not merged"
    return _two_hours_later(stage, (says,), (says, f"{_ONE_ROW_LOADS} one-row tables"))


@incident(7, "no predictions: staging and main table differ in their columns")
def schema_drift(stage: Stage) -> Scene:
    """Workers of two new revisions stage one and two columns that the main table lacks."""
    stage.past_dates(1)
    stage.clean_night(kind="linecheck")
    warehouse, spec = stage.platform.warehouse, stage.platform.table
    main = list(warehouse.columns(spec.table))
    batch = batch_name("batch", stage.today)
    for added in (_NEW_COLUMNS[:1], _NEW_COLUMNS):
        name = staging_table_name(spec.table, batch, f"worker-{len(added)}")
        warehouse.create_table(name, [*main, *added])
    additions = ", ".join(f"ADD COLUMN {column.name} {column.type}" for column in _NEW_COLUMNS)
    says = (
        "2 of 2 staging tables cannot be merged",
        _NEW_COLUMNS[0].name,
        f"ALTER TABLE {spec.table} {additions}",
        f"{spec.table.table}: {len(main)} columns",
        f"{len(main) + 2} columns",
    )
    return Scene([Look("day1_monitoring", Verdict.FAIL, says, stage.of_today)])


@incident(9, "1,600 staging tables deleted as orphans, some unmerged")
def orphans(stage: Stage) -> Scene:
    """Two batches of the same age: one was merged and its tables kept, the other was never merged."""
    stage.past_dates(1)
    merged, unmerged = batch_name("batch", stage.today), batch_name("regen", stage.today, reason="late")
    rows = stage.slate().predict(merged, generated_at=datetime.now(UTC))
    stage.platform.staging_writer().write_batch(rows, batch_id=merged, workers=_MERGED_TABLES)
    stage.consolidate(merged, cleanup=False)
    write_generations(stage, unmerged, _UNMERGED_TABLES, _UNMERGED_TABLES)
    says = (
        f"1 old batch was never merged, {_UNMERGED_TABLES} tables; {_MERGED_TABLES} tables are merged",
        f"{unmerged}: {_UNMERGED_TABLES} tables not merged, {_UNMERGED_TABLES} rows nowhere else",
    )
    look = Look("day1_monitoring", Verdict.WARN, says, {**stage.of_today, "hours": "72"})
    cleanup = {**stage.of_today, "hours": "72", "cleanup": merged}
    planned = Look("consolidation_timeout", Verdict.WARN, says[:1], cleanup)
    return Scene([look, planned], now=stage.now + timedelta(hours=50))


def _two_hours_later(stage: Stage, monitoring: tuple[str, ...], timeout: tuple[str, ...]) -> Scene:
    looks = [
        Look("day1_monitoring", Verdict.FAIL, monitoring, stage.of_today),
        Look("consolidation_timeout", Verdict.FAIL, timeout, stage.of_today),
    ]
    return Scene(looks, now=stage.now + timedelta(hours=2))


def write_generations(stage: Stage, batch_id: str, rows: int, tables: int) -> None:
    """Write rows of new keys: the slate's players again and again, each time with another line.

    Args:
        stage: The drill's stage.
        batch_id: The batch.
        rows: Number of rows.
        tables: Number of staging tables.
    """
    slate = stage.slate().predict(batch_id, generated_at=datetime.now(UTC))

    def generations() -> Any:
        for number in count(1):
            yield from ({**row, "current_points_line": 100.0 + number} for row in slate)

    batch = list(islice(generations(), rows))
    # Keep the file open: opening it again for each load takes most of the time.
    with embedded_warehouse(stage.platform).session():
        stage.platform.staging_writer().write_batch(batch, batch_id=batch_id, workers=tables)
