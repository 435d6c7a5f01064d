"""Batches whose rows still wait in staging tables.

The ledger names the tables that this library merged. For the others, an anti-join with the main table proves it row by
row; age proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lib.consolidation.errors import SourceVanished, WarehouseUnavailable
from lib.consolidation.staging import BatchBacklog, staging_backlog
from lib.consolidation.upkeep.cleanup import Proof, ProvenTable
from lib.consolidation.warehouse import StagingTable, staging_note
from lib.operations.scope import Scope
from lib.operations.staging.known_batches import with_known_batches
from lib.platform import Platform
from lib.ports.commands import Commands
from lib.verdict.check import Changing, Check, Looking, Question
from lib.verdict.section import Section, Table, or_fault, section
from lib.words.dates import date_in
from lib.words.nouns import agreeing, counted
from lib.words.quantities import Quantity, seconds, spoken_seconds

BACKLOG = Question(
    "staging_backlog",
    "Staging backlog",
    affects="readers: rows that wait in staging are not in the table",
    can_wait="until readers need them; keep the tables: the rows exist nowhere else",
)
_STILL_WANTED = timedelta(hours=24)
_MOST_BATCHES = 10
_MOST_TABLES = 10
_ONLY_HERE = "Their rows exist nowhere else."


@dataclass(frozen=True)
class Waiting:
    """A batch's staging tables, compared with the main table.

    Attributes:
        batch: The batch with all its tables.
        proofs: The tables that the ledger does not name, each with its proof.
    """

    batch: BatchBacklog
    proofs: tuple[ProvenTable, ...]

    @property
    def unmerged(self) -> list[ProvenTable]:
        return [proven for proven in self.proofs if not proven.proof.is_merged]

    @property
    def of_other_writer(self) -> list[ProvenTable]:
        """Tables whose rows another writer merged, and replaced or deactivated later."""
        return [proven for proven in self.proofs if proven.proof is Proof.OTHER_WRITER]

    @property
    def rows_nowhere_else(self) -> int:
        """Rows that the main table does not have, or has with other values."""
        return sum(proven.rows_nowhere_else for proven in self.unmerged)


@section(BACKLOG)
def backlog(scope: Scope, *, stuck_after_minutes: float) -> Section:
    """Check whether the staging tables of each batch were merged, and show their rows and age.

    A batch that was idle for `stuck_after_minutes` should be merged.
    """
    stuck_after = timedelta(minutes=stuck_after_minutes)
    batches = look_at_staging(scope, lambda table: _is_fresh(table, scope.now, stuck_after))
    return Section((_check(scope, batches, stuck_after),), (_table(batches, scope.now),))


def _is_fresh(table: StagingTable, now: datetime, stuck_after: timedelta) -> bool:
    return table.changed_at is not None and abs(now - table.changed_at) < stuck_after


@section(BACKLOG)
def staging_state(scope: Scope) -> Section:
    """List the same tables without judging them; rows are compared only if the date has duplicates."""
    platform = scope.platform
    if scope.duplicates.on(scope.game_date).duplicate_keys:
        return Section((), (_table(look_at_staging(scope), scope.now),))
    rows = [
        (
            batch.name,
            _date(batch),
            batch.unmerged_tables,
            batch.merged_tables,
            batch.rows,
            spoken_seconds(_age_seconds(batch, scope.now)),
        )
        for batch in staging_backlog(platform.warehouse, platform.table)
    ]
    columns = (
        "Batch",
        "Date",
        "Tables not in the ledger",
        "Tables merged, by the ledger",
        "Rows",
        "Newest table's age",
    )
    note = "The date has no duplicates, so rows were not compared: day1_monitoring shows whether these are merged."
    return Section((), (Table("Staging tables by batch", columns, rows, note, shown=20),))


def look_at_staging(scope: Scope, is_fresh: Callable[[StagingTable], bool] = lambda _: False) -> list[Waiting]:
    """Return all batches with staging tables, longest waiting first; fresh tables as in `prove_waiting`.

    Raises:
        WarehouseUnavailable: It cannot be read, or consolidations drop tables faster than they can be read.
    """
    warehouse = scope.platform.warehouse
    try:
        with warehouse.session():
            return _held_against_the_table(scope, is_fresh)
    except SourceVanished:
        # A consolidation dropped its tables after they were listed; try once more.
        pass
    try:
        with warehouse.session():
            return _held_against_the_table(scope, is_fresh)
    except SourceVanished as error:
        raise WarehouseUnavailable(f"staging changed while it was read: {error}; run this again") from error


def _held_against_the_table(scope: Scope, is_fresh: Callable[[StagingTable], bool]) -> list[Waiting]:
    platform = scope.platform
    batches = staging_backlog(platform.warehouse, platform.table)
    if any(not table.batch_id for batch in batches for table in batch.tables):
        # If the documents cannot be read, only names count; another step reports that.
        recorded, _ = or_fault(lambda: scope.batches)
        batches = with_known_batches(batches, [state.batch_id for state in recorded or ()])
    waiting = [table for batch in batches for table in batch.waiting]
    fresh = [table for table in waiting if is_fresh(table)]
    proven = {one.table: one for one in scope.staging_proofs.of(waiting, fresh)}
    return [Waiting(batch, tuple(proven[table] for table in batch.waiting)) for batch in batches]


def _table(batches: Sequence[Waiting], now: datetime) -> Table:
    rows = [
        (
            waiting.batch.name,
            _date(waiting.batch),
            len(waiting.unmerged),
            waiting.rows_nowhere_else,
            len(waiting.proofs) - len(waiting.unmerged) - len(waiting.of_other_writer),
            len(waiting.of_other_writer),
            waiting.batch.merged_tables,
            waiting.batch.rows,
            spoken_seconds(_age_seconds(waiting.batch, now)),
        )
        for waiting in batches
    ]
    columns = (
        "Batch",
        "Date",
        "Tables not merged",
        "Rows nowhere else",
        "Tables merged, by their rows",
        "Tables merged by another writer",
        "Tables merged, by the ledger",
        "Rows",
        "Newest table's age",
    )
    note = (
        "Merged by their rows: each row is in the table, value for value. By another writer: the table has a newer or "
        "inactive row in its place. Age proves nothing."
    )
    return Table("Staging tables by batch", columns, rows, note, shown=20)


def _check(scope: Scope, batches: Sequence[Waiting], stuck_after: timedelta) -> Check:
    waiting = [found for found in batches if found.unmerged]
    tables = sum(len(found.unmerged) for found in waiting)
    leftovers = sum(len(found.batch.tables) for found in batches) - tables
    stuck = [found for found in waiting if _is_older(found.batch, scope.now, stuck_after)]
    wanted = [found for found in stuck if not _is_older(found.batch, scope.now, _STILL_WANTED)]
    asked = [found for found in wanted or stuck if found.batch.batch_id]
    looks, changes = _commands(scope.platform.commands, asked)
    unclear = [found for found in waiting if not found.batch.batch_id]
    mark = _mark(scope.platform, [found for found in wanted or stuck if not found.batch.batch_id])
    question = BACKLOG.on(
        {
            "batches that wait": len(waiting),
            "tables not merged": tables,
            "rows nowhere else": sum(found.rows_nowhere_else for found in waiting),
            "merged, can be dropped": Quantity(leftovers, "tables"),
            **_merged_by_others(batches),
            **({"tables without a clear batch": _names(unclear)} if unclear else {}),
            **{found.batch.name: _figures(found, scope.now) for found in waiting[:_MOST_BATCHES]},
        },
        looks,
    )
    if wanted:
        rows = sum(found.rows_nowhere_else for found in wanted)
        unmerged = sum(len(found.unmerged) for found in wanted)
        summary = (
            f"{counted(len(wanted), 'batch', 'has')} waited longer than {spoken_seconds(stuck_after.total_seconds())}: "
            f"{counted(rows, 'row')} in {counted(unmerged, 'table')} {agreeing(rows, 'is')} not merged"
        )
        see = f"Preview the consolidation: {looks[0]}; then run it: {changes[0]}" if asked else ""
        step = " ".join(filter(None, (_ONLY_HERE, see, mark)))
        return question.fails(summary, step, changes, since=_last_written(wanted))
    if stuck:
        summary = (
            f"{counted(len(stuck), 'old batch', 'was')} never merged, {counted(tables, 'table')}; "
            f"{counted(leftovers, 'table', 'is')} merged"
        )
        step = f"Decide whether to consolidate or drop each of them. {_ONLY_HERE}"
        step = " ".join(filter(None, (step, mark)))
        return question.warns(summary, step, changes, since=_last_written(stuck))
    if waiting:
        return question.passes(
            f"{counted(len(waiting), 'batch', 'is')} being staged, {counted(tables, 'table')}, none for long"
        )
    others = sum(len(found.of_other_writer) for found in batches)
    more = f"; {counted(others, 'table', 'was')} merged by another writer" if others else ""
    return question.passes(f"no batch waits{more}")


def _merged_by_others(batches: Sequence[Waiting]) -> dict[str, list[Quantity | None]]:
    """The proof for each batch with such tables."""
    return {
        f"{found.batch.name}, merged by another writer": [
            Quantity(len(tables), "tables"),
            Quantity(sum(one.newer for one in tables), "rows newer in the table"),
            Quantity(sum(one.inactive for one in tables), "rows inactive in the table"),
        ]
        for found in batches[:_MOST_BATCHES]
        if (tables := found.of_other_writer)
    }


def _figures(found: Waiting, now: datetime) -> list[Quantity | None]:
    return [
        Quantity(len(found.unmerged), "tables not merged"),
        Quantity(found.rows_nowhere_else, "rows nowhere else"),
        seconds(_age_seconds(found.batch, now)),
    ]


def _age_seconds(batch: BatchBacklog, now: datetime) -> float | None:
    return (now - batch.newest).total_seconds() if batch.newest else None


def _last_written(waiting: Sequence[Waiting]) -> datetime | None:
    """When the longest waiting batch was last written."""
    return min((found.batch.newest for found in waiting if found.batch.newest), default=None)


def _is_older(batch: BatchBacklog, now: datetime, age: timedelta) -> bool:
    """A table without a recorded age counts as old, so that someone looks at it."""
    return batch.newest is None or now - batch.newest > age


def _date(batch: BatchBacklog) -> str:
    """The date in its id, or the dates in all ids that it may have."""
    return " or ".join(dict.fromkeys(str(day) for name in batch.batches if (day := date_in(name)))) or "-"


def _names(batches: Sequence[Waiting]) -> list[str]:
    names = [proven.table.name.table for found in batches for proven in found.unmerged]
    return names[:_MOST_TABLES]


def _mark(platform: Platform, unclear: Sequence[Waiting]) -> str:
    """What to do about tables without a clear batch; empty if there are none."""
    if not unclear:
        return ""
    note = staging_note("BATCH", platform.table.table)
    return (
        f"{_names(unclear)[0]} does not record its batch ({unclear[0].batch.name}, by its name): set the friendly name "
        f"(BigQuery) or comment (DuckDB) of these tables to: {note}"
    )


def _commands(commands: Commands, waiting: Sequence[Waiting]) -> tuple[list[Looking], list[Changing]]:
    """The commands that preview and run the consolidation of each of the first ten batches."""
    batches = [(found.batch.batch_id, date_in(found.batch.batch_id)) for found in waiting[:_MOST_BATCHES]]
    looks = [commands.consolidate_dry_run(*batch) for batch in batches]
    return looks, [commands.consolidate(*batch) for batch in batches]
