"""Do the schemas of waiting staging tables match the main table? If not, their batches cannot be consolidated."""

from __future__ import annotations

from collections.abc import Sequence

from lib.consolidation.errors import StagedDataError
from lib.consolidation.identifiers import TableName
from lib.consolidation.schema import check_staged_columns, tables_by_columns
from lib.consolidation.staging import staging_backlog
from lib.consolidation.warehouse import Column
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, section
from lib.words.nouns import agreeing, counted
from lib.words.quantities import Quantity, Value

COLUMNS = Question(
    "staging_columns",
    "Columns of staging tables",
    affects="the batches of these tables: they cannot be merged",
    can_wait="until readers need the rows; they are kept in staging",
)


@section(COLUMNS)
def schema_drift(scope: Scope) -> Section:
    """Check for columns that staging tables have and the main table lacks, with the statement that adds them."""
    platform = scope.platform
    warehouse = platform.warehouse
    with warehouse.session():
        batches = staging_backlog(warehouse, platform.table)
        waiting = [table.name for batch in batches for table in batch.waiting]
        if not waiting:
            return Section((COLUMNS.passes("no staging table waits"),))
        main = warehouse.columns(platform.table.table)
        alike = tables_by_columns(warehouse.columns_of(waiting))
    faults = {found: _fault(platform, main, found) for found in alike}
    rows = [
        (len(tables), len(found), len(main), faults[found] or "matches", tables[0]) for found, tables in alike.items()
    ]
    columns = ("Tables", "Columns", "Columns of the main table", "Schema", "Such as")
    table = Table("Columns of the waiting tables", columns, rows)
    return Section((_check(platform, main, alike, faults),), (table,))


def _fault(platform: Platform, main: Sequence[Column], staged: Sequence[Column]) -> str:
    try:
        check_staged_columns(platform.table, main, staged, source="one of them")
    except StagedDataError as error:
        return str(error)
    return ""


def _check(
    platform: Platform,
    main: Sequence[Column],
    alike: dict[tuple[Column, ...], list[TableName]],
    faults: dict[tuple[Column, ...], str],
) -> Check:
    tables = sum(len(members) for members in alike.values())
    evidence: dict[str, Value] = {platform.table.table.table: Quantity(len(main), "columns")}
    for found, members in alike.items():
        evidence[f"{counted(len(members), 'table')}, such as {members[0].table}"] = Quantity(len(found), "columns")
    question = COLUMNS.on(evidence)
    unfit = [found for found in alike if faults[found]]
    if not unfit:
        fewer = sum(len(members) for found, members in alike.items() if len(found) < len(main))
        some = (
            f"; {fewer} {agreeing(fewer, 'stages')} only some columns, which leaves the others unchanged"
            if fewer
            else ""
        )
        schemas = "schema matches" if tables == 1 else "schemas match"
        return question.passes(f"{tables:,} {schemas}{some}")
    blocked = sum(len(alike[found]) for found in unfit)
    fault = faults[unfit[0]].partition("; if they are new")[0]
    statement = "; ".join(dict.fromkeys(filter(None, (_remedy(faults[found]) for found in unfit))))
    step = f"If the columns are new: {statement}" if statement else "Deploy workers that write the table's types."
    return question.fails(f"{blocked} of {counted(tables, 'staging table')} cannot be merged: {fault}", step)


def _remedy(fault: str) -> str:
    """The ALTER TABLE at the end of the error; empty if no columns are missing."""
    return fault.partition("if they are new: ")[2]
