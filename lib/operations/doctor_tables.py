"""Whether the warehouse has the tables that a consolidation needs, with columns that fit."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lib.consolidation.errors import TableNotFound
from lib.consolidation.fence import FENCE_COLUMNS
from lib.consolidation.identifiers import TableName
from lib.consolidation.ledger import LEDGER_COLUMNS
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Column
from lib.operations.section import Section
from lib.operations.verdict import Check, Verdict

if TYPE_CHECKING:
    from lib.platform import Platform

_NUMBERS = ("FLOAT64", "NUMERIC", "BIGNUMERIC", "INT64")
_MOMENTS = ("TIMESTAMP", "DATETIME")


def main_table(platform: Platform) -> Section:
    """The table that batches are consolidated into: there, with the columns of its settings."""
    spec = platform.table
    try:
        columns = platform.warehouse.columns(spec.table)
    except TableNotFound as error:
        step = f"Create it as the pipeline declares it, or correct table.name of environment {platform.name}."
        return Section((Check("Main table", Verdict.FAIL, str(error), {}, step, [_show(spec.table)]),))
    return Section((_schema_check("Main table", spec.table, columns, _wanted(spec)),))


def fences(platform: Platform) -> Section:
    """The fences, without which no consolidation commits."""
    return _own_table(platform, "Fences", platform.table.fences, FENCE_COLUMNS)


def ledger(platform: Platform) -> Section:
    """The record of what was consolidated."""
    return _own_table(platform, "Ledger", platform.table.ledger, LEDGER_COLUMNS)


def _own_table(platform: Platform, name: str, table: TableName, wanted: Sequence[Column]) -> Section:
    try:
        found = platform.warehouse.columns(table)
    except TableNotFound:
        step = "Nothing to do: the first consolidation makes it."
        return Section((Check(name, Verdict.WARN, f"{table} is not there yet", {}, step, [_show(table)]),))
    return Section((_schema_check(name, table, found, {column.name: (column.type,) for column in wanted}),))


def _wanted(spec: TableSpec) -> dict[str, tuple[str, ...]]:
    """Types that fit, by column; none: any type does."""
    wanted: dict[str, tuple[str, ...]] = dict.fromkeys((*spec.key_columns, *spec.never_update), ())
    wanted |= dict.fromkeys(spec.newest_first, _MOMENTS) | dict.fromkeys(spec.rounded_columns, _NUMBERS)
    wanted |= {spec.date_column: ("DATE",), spec.row_id_column: ("STRING",), spec.active_column: ("BOOL",)}
    wanted.pop("", None)
    return wanted


def _schema_check(name: str, table: TableName, found: Sequence[Column], wanted: dict[str, tuple[str, ...]]) -> Check:
    types = {column.name: column.type for column in found}
    missing = [column for column in wanted if column not in types]
    unfit = [
        f"{column} is {types[column]}, not {' or '.join(fitting)}"
        for column, fitting in wanted.items()
        if column in types and fitting and types[column] not in fitting
    ]
    evidence = {"table": table, "columns": len(found)}
    if not missing and not unfit:
        summary = f"{table} has the {len(wanted)} columns that are needed, among {len(found)}"
        return Check(name, Verdict.PASS, summary, evidence, commands=[_show(table)])
    lacking = [f"it lacks {', '.join(missing)}"] if missing else []
    step = _addition(table, missing, wanted) if missing else "Correct the column, or the table's settings."
    return Check(name, Verdict.FAIL, f"{table}: {'; '.join([*lacking, *unfit])}", evidence, step, [_show(table)])


def _addition(table: TableName, missing: Sequence[str], wanted: dict[str, tuple[str, ...]]) -> str:
    columns = ", ".join(f"ADD COLUMN {column} {(wanted[column] or ('STRING',))[0]}" for column in missing)
    statement = shlex.quote(f"ALTER TABLE {table} {columns}")
    return f"Correct the table's settings, or add them: bq query --use_legacy_sql=false {statement}"


def _show(table: TableName) -> str:
    return f"bq show --schema --format=prettyjson {table}"
