"""What happened to the rows of batches, by any writer.

One query reads the library's ledger for all batches, then come the log lines of any writer. Batches found in neither
are searched for in staging, row by row, and then in the main table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from lib.consolidation.errors import SourceVanished, WarehouseUnavailable
from lib.consolidation.identifiers import is_batch_id
from lib.consolidation.ledger import MOST_RUNS, LedgerRun, ledger_runs
from lib.consolidation.merged_tables import is_merged, merged_in_part, merged_names
from lib.consolidation.staging import batch_tables
from lib.consolidation.upkeep.day_profiles import last_written
from lib.operations.logs.timeline import Progress
from lib.operations.scope import Scope
from lib.ports.batch_states import BatchState
from lib.verdict.section import or_fault
from lib.words.dates import date_in, local_time
from lib.words.nouns import counted

# Each one is a separate query of staging.
_MOST_LOOKED_FOR = 10


@dataclass(frozen=True)
class Outcome:
    """What happened to the rows of a batch. With all fields at their defaults, it is unknown.

    Attributes:
        merged: The evidence that they were consolidated; empty if there is none.
        tables: Number of staging tables that were not consolidated.
        rows: Number of rows in them that exist nowhere else.
        written_at: When the last of those tables was written (UTC); None if unknown.
        is_gone: Nothing is staged, and no row of the batch's date was written since the batch started.
        fault: Why it could not be checked.
    """

    merged: str = ""
    tables: int = 0
    rows: int = 0
    written_at: datetime | None = None
    is_gone: bool = False
    fault: str = ""


@dataclass(frozen=True)
class _Merged:
    """A recorded consolidation: when it ran, and a description."""

    at: datetime
    words: str


def outcomes(scope: Scope, states: Sequence[BatchState]) -> dict[str, Outcome]:
    """Return the outcome of each batch by its id; for an incomplete batch only what the ledger and logs record."""
    platform = scope.platform
    ids = [state.batch_id for state in states if is_batch_id(state.batch_id)]

    def ask() -> list[LedgerRun]:
        return ledger_runs(platform.warehouse, platform.table, batches=ids, most=MOST_RUNS) if ids else []

    runs, fault = or_fault(ask)
    if runs is None:
        return {state.batch_id: Outcome(fault=fault) for state in states}
    merged = {**_logged(scope), **_in_ledger(scope, runs)}
    found = {state.batch_id: _on_record(state, merged.get(state.batch_id)) for state in states}
    unclear = [state for state in states if state.is_done and not found[state.batch_id].merged]
    for state in unclear[:_MOST_LOOKED_FOR]:
        own = [run for run in runs if run.batch_id == state.batch_id]
        looked, fault = or_fault(partial(_looked_for, scope, state, own, merged))
        found[state.batch_id] = looked or Outcome(fault=fault)
    not_looked = Outcome(fault=f"only the newest {_MOST_LOOKED_FOR} are searched for in staging")
    return found | {state.batch_id: not_looked for state in unclear[_MOST_LOOKED_FOR:]}


def date_of(state: BatchState) -> date | None:
    """Return the batch's date, as recorded or from its id; None if neither has one."""
    return state.game_date or date_in(state.batch_id)


def _on_record(state: BatchState, merged: _Merged | None) -> Outcome:
    """A consolidation that began before the batch was complete may have missed its last rows."""
    since = state.ended_at if state.is_done else state.started_at
    return Outcome(merged.words) if merged and since and merged.at >= since else Outcome()


def _in_ledger(scope: Scope, runs: Sequence[LedgerRun]) -> dict[str, _Merged]:
    """The newest run of each date of a batch. A batch with a missing date does not count as merged."""
    by_batch: dict[str, list[LedgerRun]] = {}
    for run in runs:
        by_batch.setdefault(run.batch_id, []).append(run)
    zone = scope.platform.environment.timezone
    return {batch_id: _merged(own, zone) for batch_id, own in by_batch.items() if not merged_in_part(own)}


def _merged(runs: Sequence[LedgerRun], zone: str) -> _Merged:
    """Runs are of one batch, newest first; the newest run of each date counts."""
    of_dates = list({run.day: run for run in reversed(runs)}.values())
    rows = sum(run.staged_rows for run in of_dates)
    dates = f" of {counted(len(of_dates), 'date')}" if len(of_dates) > 1 else ""
    words = f"{counted(rows, 'row')}{dates}, by the ledger, {local_time(runs[0].committed_at, zone)}"
    return _Merged(min(run.started_at for run in of_dates), words)


def _logged(scope: Scope) -> dict[str, _Merged]:
    """By the log lines of any writer; nothing if the logs cannot be read, which another check reports."""
    history, zone = scope.history, scope.platform.environment.timezone
    runs, _ = or_fault(lambda: history.consolidations)
    return {
        run.batch_id: _Merged(
            run.last_at, f"{counted(run.rows, 'row')}, by its log lines, {local_time(run.last_at, zone)}"
        )
        for run in runs or ()
        if run.batch_id and run.rows and history.progress(run) is Progress.COMPLETED
    }


def _looked_for(scope: Scope, state: BatchState, runs: Sequence[LedgerRun], merged: Mapping[str, _Merged]) -> Outcome:
    """Search staging and, if nothing of the batch is left there, the main table."""
    if not is_batch_id(state.batch_id):
        return Outcome(fault="no staging table can have this id")
    warehouse, spec = scope.platform.warehouse, scope.platform.table
    listed = batch_tables(warehouse, spec, state.batch_id)
    in_ledger = merged_names(runs)
    try:
        proven = scope.staging_proofs.of([table for table in listed if not is_merged(table, in_ledger)])
    except SourceVanished as error:
        raise WarehouseUnavailable(f"staging changed while it was read: {error}; run this again") from error
    if waiting := [one for one in proven if not one.proof.is_merged]:
        written_at = max((at for one in waiting if (at := one.table.changed_at)), default=None)
        return Outcome("", len(waiting), sum(one.rows_nowhere_else for one in waiting), written_at)
    if own := merged.get(state.batch_id):
        return Outcome(own.words)
    if listed:
        return Outcome(f"all its rows are in the table; {counted(len(listed), 'staging table', 'is')} left")
    return _in_table(scope, state, merged)


def _in_table(scope: Scope, state: BatchState, merged: Mapping[str, _Merged]) -> Outcome:
    """Rows written since the batch started may belong to it, unless another batch was consolidated since."""
    warehouse, spec = scope.platform.warehouse, scope.platform.table
    game_date, started_at = date_of(state) or scope.game_date, state.started_at
    if started_at is None:
        return Outcome()
    written = last_written(warehouse, spec, game_date, game_date)
    if written is None or (written.newest and written.newest < started_at):
        return Outcome(is_gone=True)
    of_date = [other for name, other in merged.items() if date_in(name) in (None, game_date)]
    if written.newest is None or any(other.at >= started_at for other in of_date):
        return Outcome()
    newest = local_time(written.newest, scope.platform.environment.timezone)
    return Outcome(f"no staging table is left, and rows for {game_date} were written until {newest}")
