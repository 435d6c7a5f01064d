"""Where the rows of one key came from: staging, the ledger and the log lines, or why they could not be read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lib.consolidation.ledger import MOST_RUNS, LedgerRun, ledger_runs
from lib.consolidation.merged_tables import is_merged, merged_on
from lib.consolidation.staging import batches_of
from lib.consolidation.staging_names import spelled_in_names
from lib.consolidation.upkeep.one_key import StagedKey, staged_of_key
from lib.consolidation.warehouse import Row
from lib.operations.logs.events import Event, EventKind
from lib.operations.logs.timeline import Consolidation, overlapping_merges
from lib.operations.scope import Scope
from lib.verdict.section import or_fault
from lib.words.brief import brief

BATCH_COLUMN = "batch_id"
_MOST_LINES = 200


@dataclass(frozen=True)
class Copy:
    """A staging table that still holds the key.

    Attributes:
        table: Its name.
        batch_id: Its batch, or the batches that it may belong to; empty: its name shows none.
        rows: Rows of the key in it.
        row_ids: Their ids; empty: the table has no ids.
        is_merged: Whether, by the ledger, its rows of the date were merged; None: the ledger was not read.
    """

    table: str
    batch_id: str
    rows: int
    row_ids: frozenset[str]
    is_merged: bool | None

    __repr__ = brief("table", "batch_id", "rows")


@dataclass(frozen=True)
class Writer:
    """A batch that wrote rows of the key, or may have.

    Attributes:
        batch_id: The batch.
        rows: Rows of the key that it is known to have written; None: not known.
        known_by: How that is known.
        is_certain: Whether it certainly wrote one of them.
    """

    batch_id: str
    rows: int | None
    known_by: str
    is_certain: bool = True

    __repr__ = brief("batch_id", "rows", "known_by")


@dataclass(frozen=True)
class Sources:
    """Everything that is known about where the rows of a key came from.

    Attributes:
        copies: What is left of the key in staging.
        ledger: The committed consolidations of its batches, newest first; of the date if no batch is known.
        lines: Their log lines, oldest first; only the newest 200.
        overlap: The first pair of these consolidations whose MERGEs overlapped; None: none is logged.
        writers: The batches.
        not_read: Why a source could not be read, by `staging`, `ledger` and `logs`.
    """

    copies: tuple[Copy, ...] = ()
    ledger: tuple[LedgerRun, ...] = ()
    lines: tuple[Event, ...] = ()
    overlap: tuple[Consolidation, Consolidation] | None = None
    writers: tuple[Writer, ...] = ()
    not_read: Mapping[str, str] = field(default_factory=dict)

    __repr__ = brief("writers", "ledger", "lines", "copies")


def sources_of(scope: Scope, key: Mapping[str, Any], rows: Sequence[Row]) -> Sources:
    """Read the key and its batches from each source.

    Args:
        scope: The run.
        key: Values of all key columns.
        rows: The stored rows of the key; may be empty.
    """
    platform, day = scope.platform, scope.game_date
    warehouse, spec = platform.warehouse, platform.table
    staged, no_staging = or_fault(lambda: staged_of_key(warehouse, spec, day, key))
    runs, no_ledger = or_fault(lambda: ledger_runs(warehouse, spec, game_date=day, most=MOST_RUNS))
    logged, no_logs = or_fault(lambda: scope.history_of_date.of_date(day))
    copies = [_copy(scope, one, runs) for one in staged or ()]
    writers = _writers(scope, rows, copies) or (_of_date(runs or (), logged or ()) if rows else [])
    batches = {writer.batch_id for writer in writers}
    of_batches = [run for run in logged or () if run.batch_id in batches]
    faults = {"staging": no_staging, "ledger": no_ledger, "logs": no_logs}
    return Sources(
        tuple(copies),
        tuple(run for run in runs or () if run.batch_id in batches),
        _lines(scope, of_batches, batches, copies) if logged is not None else (),
        next(iter(overlapping_merges(of_batches)), None),
        tuple(writers),
        {name: why for name, why in faults.items() if why},
    )


def _copy(scope: Scope, one: StagedKey, runs: Sequence[LedgerRun] | None) -> Copy:
    known: dict[str, set[str]] = {}
    for run in runs or ():
        known.setdefault(spelled_in_names(run.batch_id), set()).add(run.batch_id)
    batch = " or ".join(batches_of(scope.platform.table, one.table, known))
    merged = None if runs is None else is_merged(one.table, merged_on(runs, scope.game_date))
    return Copy(one.table.name.table, batch, one.rows, one.row_ids, merged)


def _writers(scope: Scope, rows: Sequence[Row], copies: Sequence[Copy]) -> list[Writer]:
    """Return the batches that the rows name, else those whose staging tables contain the rows."""
    named = [str(row[BATCH_COLUMN]) for row in rows if row.get(BATCH_COLUMN)]
    if named:
        return [Writer(name, named.count(name), "the row names it") for name in dict.fromkeys(named)]
    ids = [str(row.get(scope.platform.table.row_id_column) or "") for row in rows]
    if not any(ids):
        return _holders(copies)
    held: dict[str, set[str]] = {}
    for copy in copies:
        held.setdefault(copy.batch_id, set()).update(copy.row_ids.intersection(ids))
    return [
        Writer(batch, sum(row_id in found for row_id in ids), "its staging table still holds the row")
        for batch, found in held.items()
        if batch and found
    ]


def _holders(copies: Sequence[Copy]) -> list[Writer]:
    """Return the batches whose staging tables contain the key: without ids, the rows cannot be matched."""
    batches = dict.fromkeys(copy.batch_id for copy in copies if copy.batch_id)
    return [Writer(batch, None, "its staging table still holds the key") for batch in batches]


def _of_date(runs: Sequence[LedgerRun], logged: Sequence[Consolidation]) -> list[Writer]:
    """Return all batches that were consolidated for the date: one of them may have written the rows."""
    ledger = dict.fromkeys(run.batch_id for run in reversed(runs))
    merged = dict.fromkeys(run.batch_id for run in logged if run.batch_id and run.has_merge)
    return [
        *(Writer(batch, None, "possible: the ledger has it for the date", is_certain=False) for batch in ledger),
        *(
            Writer(batch, None, "possible: a MERGE of the date is logged", is_certain=False)
            for batch in merged
            if batch not in ledger
        ),
    ]


def _lines(
    scope: Scope, runs: Sequence[Consolidation], batches: Collection[str], copies: Sequence[Copy]
) -> tuple[Event, ...]:
    """Return the lines that name one of the batches, and lines of their consolidations that name none.

    Lines about staging are included only for tables that contain the key.
    """
    tables = [copy.table for copy in copies]
    events = [event for run in runs for event in run.events.values()]
    events += [event for event in scope.history_of_date.events if event.batch_id in batches]
    unique = {
        (event.at, event.entry.instance, event.entry.message): event
        for event in events
        if event.kind is not EventKind.STAGED or any(name in event.entry.message for name in tables)
    }
    return tuple(sorted(unique.values(), key=lambda event: event.at)[-_MOST_LINES:])
