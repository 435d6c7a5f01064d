"""Whether the warehouse has the tables that a consolidation needs, with columns that fit."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lib.consolidation.errors import TableNotFound
from lib.consolidation.fence import FENCE_COLUMNS
from lib.consolidation.identifiers import TableName
from lib.consolidation.ledger import LEDGER_COLUMNS
from lib.consolidation.schema import spec_additions, spec_faults
from lib.consolidation.warehouse import Column
from lib.verdict.check import Check
from lib.verdict.commands import Looking
from lib.verdict.section import Section
from lib.verdict.verdict import Verdict

if TYPE_CHECKING:
    from lib.platform import Platform


def main_table(platform: Platform) -> Section:
    """The table that batches are consolidated into: there, with the columns of its settings."""
    spec = platform.table
    try:
        columns = platform.adapters.metered_warehouse.columns(spec.table)
    except TableNotFound as error:
        step = f"Create it as the pipeline declares it, or correct table.name of environment {platform.name}."
        return Section((Check("Main table", Verdict.FAIL, str(error), {}, step, [_show(spec.table)]),))
    faults, additions = spec_faults(spec, columns), spec_additions(spec, columns)
    return Section((_check("Main table", spec.table, columns, faults, additions),))


def fences(platform: Platform) -> Section:
    """The fences, without which no consolidation commits."""
    return _own_table(platform, "Fences", platform.table.fences, FENCE_COLUMNS)


def ledger(platform: Platform) -> Section:
    """The record of what was consolidated."""
    return _own_table(platform, "Ledger", platform.table.ledger, LEDGER_COLUMNS)


def _own_table(platform: Platform, name: str, table: TableName, wanted: Sequence[Column]) -> Section:
    try:
        found = platform.adapters.metered_warehouse.columns(table)
    except TableNotFound:
        step = "Nothing to do: the first consolidation makes it."
        return Section((Check(name, Verdict.WARN, f"{table} is not there yet", {}, step, [_show(table)]),))
    types = {column.name: column.type for column in found}
    faults = [
        f"the table lacks {column.name}" if column.name not in types else f"{column.name} must be {column.type}"
        for column in wanted
        if types.get(column.name) != column.type
    ]
    additions = [column for column in wanted if column.name not in types]
    return Section((_check(name, table, found, faults, additions),))


def _check(
    name: str, table: TableName, found: Sequence[Column], faults: Sequence[str], additions: Sequence[Column]
) -> Check:
    evidence = {"table": table, "columns": len(found)}
    if not faults:
        return Check(name, Verdict.PASS, f"{table} has the columns that are needed", evidence, commands=[_show(table)])
    step = "Correct the column, or the table's settings."
    if additions:
        columns = ", ".join(f"ADD COLUMN {column.name} {column.type}" for column in additions)
        statement = shlex.quote(f"ALTER TABLE {table} {columns}")
        step = f"Correct the table's settings, or add them: bq query --use_legacy_sql=false {statement}"
    return Check(name, Verdict.FAIL, f"{table}: {'; '.join(faults)}", evidence, step, [_show(table)])


def _show(table: TableName) -> Looking:
    return Looking(f"bq show --schema --format=prettyjson {table}")
