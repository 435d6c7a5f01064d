"""The size of staged batches: many small tables take longer than many rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lib.consolidation.staging import BatchBacklog, staging_backlog
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, section
from lib.words.nouns import counted
from lib.words.quantities import Quantity, spoken_seconds

SIZE = Question(
    "staging_size",
    "Staging size",
    affects="the consolidation of that batch: it takes longer",
    can_wait="yes: its rows are kept in staging",
)
# A batch has 113 to 175 staging tables on most nights; the one that got stuck had 615.
_MANY_TABLES = 500
_FEW_ROWS_A_TABLE = 2
_MOST_BATCHES = 10


@dataclass(frozen=True)
class StagedSize:
    """The size of a staged batch."""

    batch: BatchBacklog

    @property
    def tables(self) -> int:
        return len(self.batch.tables)

    @property
    def rows(self) -> int:
        return self.batch.rows

    @property
    def one_row_tables(self) -> int:
        """Number of tables with at most one row."""
        return sum(table.rows <= 1 for table in self.batch.tables)

    @property
    def rows_a_table(self) -> float:
        return self.rows / self.tables

    @property
    def is_fragmented(self) -> bool:
        return self.tables > _MANY_TABLES or (self.one_row_tables > 100 and self.rows_a_table < _FEW_ROWS_A_TABLE)


def staged_sizes(platform: Platform) -> list[StagedSize]:
    """Return all batches that have staging tables, the one with the most tables first."""
    sizes = map(StagedSize, staging_backlog(platform.warehouse, platform.table))
    return sorted(sizes, key=lambda size: (-size.tables, size.batch.batches))


@section(SIZE)
def staging_size(scope: Scope) -> Section:
    """Check whether a batch has too many small tables, and show the tables, rows and age of each."""
    sizes = staged_sizes(scope.platform)
    rows = [
        (
            size.batch.name,
            size.tables,
            size.batch.unmerged_tables,
            size.rows,
            round(size.rows_a_table, 1),
            size.one_row_tables,
            _age(size.batch.oldest, scope.now),
            _age(size.batch.newest, scope.now),
        )
        for size in sizes
    ]
    columns = ("Batch", "Tables", "Not merged", "Rows", "Rows per table", "One-row tables", "Oldest", "Newest")
    return Section((_check(scope, sizes),), (Table("Staged batches", columns, rows, shown=20),))


def _check(scope: Scope, sizes: Sequence[StagedSize]) -> Check:
    question = SIZE.on(
        {
            "batches": len(sizes),
            "staging tables": sum(size.tables for size in sizes),
            "rows": sum(size.rows for size in sizes),
            **{size.batch.name: _figures(size) for size in sizes[:_MOST_BATCHES]},
        }
    )
    if not sizes:
        return question.passes("nothing is staged")
    worst = next((size for size in sizes if size.is_fragmented), None)
    if worst is None:
        return question.passes(f"{counted(len(sizes), 'batch')}, largest: {_in_words(sizes[0])}")
    history = scope.platform.commands.run("consolidation_timeout", {"batch": worst.batch.batch_id})
    step = f"Its rows exist nowhere else. Let each worker write all its rows at once; see the batch: {history}"
    return question.warns(f"{worst.batch.name}: {_in_words(worst)}", step)


def _figures(size: StagedSize) -> list[Quantity]:
    return [
        Quantity(size.rows, "rows"),
        Quantity(size.tables, "staging tables"),
        Quantity(size.rows_a_table, "rows per table"),
        Quantity(size.one_row_tables, "one-row tables"),
    ]


def _in_words(size: StagedSize) -> str:
    return (
        f"{counted(size.rows, 'row')} in {counted(size.tables, 'staging table')}, "
        f"{size.rows_a_table:.1f} rows per table, "
        f"{counted(size.one_row_tables, 'one-row table')}"
    )


def _age(moment: datetime | None, now: datetime) -> str:
    return spoken_seconds((now - moment).total_seconds() if moment else None)
