"""What was consolidated, when, and by whom: the ledger's answer to "where did it go?"."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from lib.consolidation.ledger import ledger_runs
from lib.operations.dates import local_time
from lib.operations.section import Section, section
from lib.operations.tables import Table

if TYPE_CHECKING:
    from lib.operations.history import LogHistory
    from lib.platform import Platform


@section("Ledger")
def committed_consolidations(platform: Platform, game_date: date) -> Section:
    """The consolidations of the date that were committed. Shows; judges nothing."""
    zone = platform.environment.timezone
    rows = [
        (
            local_time(run.committed_at, zone),
            run.batch_id,
            run.host,
            len(run.staging_tables),
            run.staged_rows,
            run.inserted_rows,
            run.updated_rows,
            run.deduplicated_rows,
            f"{run.duplicates_before} → {run.duplicates_after}",
        )
        for run in ledger_runs(platform.warehouse, platform.table, game_date=game_date)
    ]
    columns = (
        "Committed",
        "Batch",
        "By",
        "Tables",
        "Staged",
        "Inserted",
        "Updated",
        "Deduplicated",
        "Duplicate keys before → after",
    )
    note = "A MERGE that is in the timeline and not here was none of this library's: it had no fence."
    return Section((), (Table(f"Ledger of {game_date}", columns, rows, note),))


@section("Timeline")
def timeline_of_date(history: LogHistory, game_date: date) -> Section:
    """The consolidations of the date as they were logged, all instances together. Judges nothing."""
    return Section((), (history.table(f"Logged consolidations of {game_date}", history.of_date(game_date)),))
