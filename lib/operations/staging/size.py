"""How big the staged batches are: many small tables take longer than many rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lib.consolidation.staging import batch_of, is_merged, named_in_ledger, staging_of
from lib.consolidation.warehouse import StagingTable
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, section
from lib.words.quantities import Quantity, spoken_seconds

SIZE = Question("staging_size", "Staging size")
# A batch has 113 to 175 staging tables on most nights; the one that got stuck had 615.
_MANY_TABLES = 500
_FEW_ROWS_A_TABLE = 2
_MOST_BATCHES = 10


@dataclass(frozen=True)
class StagedSize:
    """The staging tables of a batch.

    Attributes:
        batch_id: As its writer recorded it, or as its tables' names say.
        tables: How many there are.
        unmerged_tables: How many of them the ledger does not name as merged.
        rows: Rows in all of them.
        one_row_tables: Tables of at most one row.
        oldest: When the first was written (UTC); None: not known.
        newest: When the last was written (UTC); None: not known.
    """

    batch_id: str
    tables: int
    unmerged_tables: int
    rows: int
    one_row_tables: int
    oldest: datetime | None
    newest: datetime | None

    @property
    def name(self) -> str:
        return self.batch_id or "not told"

    @property
    def rows_a_table(self) -> float:
        return self.rows / self.tables

    @property
    def is_fragmented(self) -> bool:
        return self.tables > _MANY_TABLES or (self.one_row_tables > 100 and self.rows_a_table < _FEW_ROWS_A_TABLE)


def staged_sizes(platform: Platform) -> list[StagedSize]:
    """All batches that have staging tables, the one with most tables first."""
    warehouse, spec = platform.warehouse, platform.table
    batches: dict[str, list[StagingTable]] = {}
    listed = staging_of(warehouse, spec)
    for table in listed:
        batches.setdefault(batch_of(table), []).append(table)
    merged = named_in_ledger(warehouse, spec, listed)
    sizes = [
        _size(batch_id, tables, sum(not is_merged(table, merged) for table in tables))
        for batch_id, tables in batches.items()
    ]
    return sorted(sizes, key=lambda size: (-size.tables, size.batch_id))


def _size(batch_id: str, tables: Sequence[StagingTable], unmerged_tables: int) -> StagedSize:
    times = [table.changed_at for table in tables if table.changed_at]
    return StagedSize(
        batch_id,
        len(tables),
        unmerged_tables,
        rows=sum(table.rows for table in tables),
        one_row_tables=sum(table.rows <= 1 for table in tables),
        oldest=min(times, default=None),
        newest=max(times, default=None),
    )


@section(SIZE)
def staging_size(scope: Scope) -> Section:
    """Tables, rows and age of each batch, and whether one is made of too many small tables."""
    sizes = staged_sizes(scope.platform)
    rows = [
        (
            size.name,
            size.tables,
            size.unmerged_tables,
            size.rows,
            round(size.rows_a_table, 1),
            size.one_row_tables,
            _age(size.oldest, scope.now),
            _age(size.newest, scope.now),
        )
        for size in sizes
    ]
    columns = ("Batch", "Tables", "Not merged", "Rows", "Rows a table", "Tables of one row", "Oldest", "Newest")
    return Section((_check(scope, sizes),), (Table("Staged batches", columns, rows, shown=20),))


def _check(scope: Scope, sizes: Sequence[StagedSize]) -> Check:
    question = SIZE.on(
        {
            "batches": len(sizes),
            "staging tables": sum(size.tables for size in sizes),
            "rows": sum(size.rows for size in sizes),
            **{size.name: _figures(size) for size in sizes[:_MOST_BATCHES]},
        }
    )
    if not sizes:
        return question.passes("nothing is staged")
    worst = next((size for size in sizes if size.is_fragmented), None)
    if worst is None:
        return question.passes(f"{len(sizes)} batches, the largest: {_in_words(sizes[0])}")
    history = scope.platform.commands.run("consolidation_timeout", {"batch": worst.batch_id})
    step = f"Its rows wait in no other place. Let a worker write all its rows at once; see the batch: {history}"
    return question.warns(f"{worst.batch_id or 'a batch'}: {_in_words(worst)}", step)


def _figures(size: StagedSize) -> list[Quantity]:
    return [
        Quantity(size.rows, "rows"),
        Quantity(size.tables, "staging tables"),
        Quantity(size.rows_a_table, "rows a table"),
        Quantity(size.one_row_tables, "of one row"),
    ]


def _in_words(size: StagedSize) -> str:
    return (
        f"{size.rows:,} rows in {size.tables:,} staging tables, {size.rows_a_table:.1f} rows a table, "
        f"{size.one_row_tables:,} of one row"
    )


def _age(moment: datetime | None, now: datetime) -> str:
    return spoken_seconds((now - moment).total_seconds() if moment else None)
