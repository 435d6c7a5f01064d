"""How big the staged batches are: many small tables take longer than many rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from lib.consolidation.ledger import ledger_runs
from lib.consolidation.staging import batch_of, is_merged, merged_names, staging_of
from lib.operations import by_hand
from lib.verdict.check import Check
from lib.verdict.section import Section, section
from lib.verdict.table import Table
from lib.verdict.verdict import Verdict
from lib.words.durations import spoken_seconds

if TYPE_CHECKING:
    from lib.consolidation.warehouse import StagingTable
    from lib.platform import Platform

_NAME = "Staging size"
# A batch has 113 to 175 staging tables on most nights; the one that got stuck had 615.
_MANY_TABLES = 500
_FEW_ROWS_A_TABLE = 2


@dataclass(frozen=True)
class StagedSize:
    """The staging tables of a batch.

    Attributes:
        batch_id: As its writer recorded it, or as its tables' names tell.
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
    def rows_a_table(self) -> float:
        return self.rows / self.tables

    @property
    def is_fragmented(self) -> bool:
        return self.tables > _MANY_TABLES or (self.one_row_tables > 100 and self.rows_a_table < _FEW_ROWS_A_TABLE)


def staged_sizes(platform: Platform) -> list[StagedSize]:
    """All batches that have staging tables, the one with most tables first."""
    warehouse, spec = platform.warehouse, platform.table
    batches: dict[str, list[StagingTable]] = {}
    for table in staging_of(warehouse, spec):
        batches.setdefault(batch_of(table), []).append(table)
    merged = merged_names(ledger_runs(warehouse, spec)) if batches else {}
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


@section(_NAME)
def staging_size(platform: Platform, now: datetime) -> Section:
    """Tables, rows and age of each batch, and whether one is made of too many small tables."""
    sizes = staged_sizes(platform)
    rows = [
        (
            size.batch_id or "not told",
            size.tables,
            size.unmerged_tables,
            size.rows,
            round(size.rows_a_table, 1),
            size.one_row_tables,
            _age(size.oldest, now),
            _age(size.newest, now),
        )
        for size in sizes
    ]
    columns = (
        "Batch",
        "Tables",
        "Not merged",
        "Rows",
        "Rows a table",
        "Tables of one row",
        "Oldest",
        "Newest",
    )
    return Section((_check(platform, sizes),), (Table("Staged batches", columns, rows, shown=20),))


def _check(platform: Platform, sizes: Sequence[StagedSize]) -> Check:
    if not sizes:
        return Check(_NAME, Verdict.PASS, "nothing is staged")
    evidence = {size.batch_id or "not told": _told(size) for size in sizes[:10]}
    fragmented = [size for size in sizes if size.is_fragmented]
    if fragmented:
        worst = fragmented[0]
        history = by_hand.runbook("consolidation_timeout", platform.environment, {"batch": worst.batch_id})
        step = f"Its rows wait in no other place. Let a worker write all its rows at once; see the batch: {history}"
        return Check(_NAME, Verdict.WARN, f"{worst.batch_id or 'a batch'}: {_told(worst)}", evidence, step)
    return Check(_NAME, Verdict.PASS, f"{len(sizes)} batches, the largest: {_told(sizes[0])}", evidence)


def _told(size: StagedSize) -> str:
    return (
        f"{size.rows:,} rows in {size.tables:,} staging tables, {size.rows_a_table:.1f} rows a table, "
        f"{size.one_row_tables:,} of one row"
    )


def _age(moment: datetime | None, now: datetime) -> str:
    return spoken_seconds((now - moment).total_seconds() if moment else None)
