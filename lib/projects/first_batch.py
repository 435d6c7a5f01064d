"""Write a new project's rows: earlier dates as they are in the file, and the newest date through the library."""

from __future__ import annotations

from dataclasses import dataclass

from lib.consolidation.result import ConsolidationResult
from lib.consolidation.upkeep.past_rows import insert_as_they_are
from lib.platform import Platform
from lib.projects.sample import Sample


@dataclass(frozen=True)
class FirstBatch:
    """What was written.

    Attributes:
        past_rows: Number of rows of earlier dates, inserted as they are.
        result: Result of consolidating the newest date.
    """

    past_rows: int
    result: ConsolidationResult


def write_first_batch(platform: Platform, sample: Sample) -> FirstBatch:
    """Create the main table, insert the rows of earlier dates, then stage and consolidate those of the newest date.

    Duplicates of earlier dates are kept, for a runbook to find.

    Raises:
        StagedDataError: A row is invalid; the message names it. The table then exists and is empty.
    """
    warehouse, spec = platform.adapters.warehouse, platform.table
    days = [day for day in sample.days(spec.date_column) if day]  # every row has one
    newest = max(days)
    writer = platform.staging_writer()
    warehouse.create_table(spec.table, sample.columns)
    past = sample.rows.at([number for number, day in enumerate(days) if day < newest])
    if len(past):
        insert_as_they_are(warehouse, spec, past, source=sample.origin)
    batch = f"first_{newest:%Y%m%d}"
    rows = sample.rows.at([number for number, day in enumerate(days) if day == newest])
    writer.write_batch(rows, batch_id=batch, workers=1, source=sample.origin)
    return FirstBatch(len(past), platform.consolidator().consolidate_batch(batch_id=batch, game_date=newest))
