"""Whether the warehouse has the tables that a consolidation needs, with columns that fit."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from lib.consolidation.errors import TableNotFound
from lib.consolidation.fence import FENCE_COLUMNS
from lib.consolidation.identifiers import TableName
from lib.consolidation.ledger import LEDGER_COLUMNS
from lib.consolidation.schema import spec_additions, spec_faults
from lib.consolidation.warehouse import Column
from lib.operations.scope import Scope
from lib.verdict.check import Check, Question
from lib.verdict.commands import Looking
from lib.verdict.section import Section

MAIN_TABLE = Question("main_table", "Main table")
FENCES = Question("fences", "Fences")
LEDGER = Question("ledger", "Ledger")


def main_table(scope: Scope) -> Section:
    """The table that batches are consolidated into: there, with the columns of its settings."""
    platform, spec = scope.platform, scope.platform.table
    try:
        columns = platform.adapters.metered_warehouse.columns(spec.table)
    except TableNotFound as error:
        step = f"Create it as the pipeline declares it, or correct table.name of environment {platform.name}."
        return Section((MAIN_TABLE.on({}, [_show(spec.table)]).fails(str(error), step),))
    faults, additions = spec_faults(spec, columns), spec_additions(spec, columns)
    return Section((_check(MAIN_TABLE, spec.table, columns, faults, additions),))


def fences(scope: Scope) -> Section:
    """The fences, without which no consolidation commits."""
    return _own_table(scope, FENCES, scope.platform.table.fences, FENCE_COLUMNS)


def ledger(scope: Scope) -> Section:
    """The record of what was consolidated."""
    return _own_table(scope, LEDGER, scope.platform.table.ledger, LEDGER_COLUMNS)


def _own_table(scope: Scope, question: Question, table: TableName, wanted: Sequence[Column]) -> Section:
    try:
        found = scope.platform.adapters.metered_warehouse.columns(table)
    except TableNotFound:
        step = "Nothing to do: the first consolidation makes it."
        return Section((question.on({}, [_show(table)]).warns(f"{table} is not there yet", step),))
    types = {column.name: column.type for column in found}
    faults = [
        f"the table lacks {column.name}" if column.name not in types else f"{column.name} must be {column.type}"
        for column in wanted
        if types.get(column.name) != column.type
    ]
    additions = [column for column in wanted if column.name not in types]
    return Section((_check(question, table, found, faults, additions),))


def _check(
    question: Question,
    table: TableName,
    found: Sequence[Column],
    faults: Sequence[str],
    additions: Sequence[Column],
) -> Check:
    question = question.on({"table": str(table), "columns": len(found)}, [_show(table)])
    if not faults:
        return question.passes(f"{table} has the columns that are needed")
    step = "Correct the column, or the table's settings."
    if additions:
        columns = ", ".join(f"ADD COLUMN {column.name} {column.type}" for column in additions)
        statement = shlex.quote(f"ALTER TABLE {table} {columns}")
        step = f"Correct the table's settings, or add them: bq query --use_legacy_sql=false {statement}"
    return question.fails(f"{table}: {'; '.join(faults)}", step)


def _show(table: TableName) -> Looking:
    return Looking(f"bq show --schema --format=prettyjson {table}")
