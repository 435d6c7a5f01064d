"""`runbook fence sql`: a consolidation as an SQL script, for pipelines that do not use this library."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import click

from lib.errors import UserError

if TYPE_CHECKING:
    from lib.consolidation.table_spec import TableSpec
    from lib.consolidation.warehouse import Column
    from lib.platform import Platform

_LISTED = "COLUMN[,..]"
_BETWEEN_COLUMNS = re.compile(r",(?![^(]*\))")
_COLUMN = re.compile(r"\s*(\w+)\s*:\s*(\w+|ARRAY<\w+>)(?:\s*\([\d, ]+\))?\s*", re.ASCII)
_TYPES = (
    *("STRING", "INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC", "BOOL", "BYTES", "JSON", "GEOGRAPHY"),
    *("DATE", "DATETIME", "TIME", "TIMESTAMP"),
)


@click.command()
@click.option("--table", metavar="DATASET.TABLE", help="The table that rows are merged into.")
@click.option("--key", metavar=_LISTED, help="Columns that identify a row within its date.")
@click.option("--date", metavar="COLUMN", help="Column with a row's date.")
@click.option("--columns", metavar="NAME:TYPE[,..]", help="All columns of the table, in BigQuery's types.")
@click.option("--env", "environment", metavar="NAME", help="Instead of --columns: look them up in this environment.")
@click.option("--staging", metavar="DATASET.TABLE", help="The table with the new rows.  [default: staged_TABLE]")
@click.option("--newest-first", metavar=_LISTED, help="Columns that decide which of two staged rows is newer.")
@click.option("--active", metavar="COLUMN", help="BOOL column that marks rows that count.")
@click.option("--timezone", metavar="ZONE", help="Time zone that gives a TIMESTAMP its date.  [default: UTC]")
@click.option(
    "--dialect", type=click.Choice(["bigquery", "duckdb"]), help="[default: that of --env's warehouse, or bigquery]"
)
def sql(
    table: str | None,
    key: str | None,
    date: str | None,
    columns: str | None,
    environment: str | None,
    staging: str | None,
    newest_first: str | None,
    active: str | None,
    timezone: str | None,
    dialect: str | None,
) -> None:
    """Print a consolidation as one SQL script, with its fence.

    For dbt, SQLMesh, dlt or cron: fence, MERGE, checks and ledger entry. The script and
    `runbook consolidate` are fenced against each other. With --env alone, it is for the
    environment's own table and settings. docs/how-to/fence-sql.md shows how to run it.
    """
    from lib.consolidation.identifiers import TableName
    from lib.consolidation.printed_script import printed_script
    from lib.platform import connect

    if bool(columns) == bool(environment):
        raise UserError("give either --columns order_id:STRING,... or --env ENVIRONMENT, which looks the columns up")
    platform = connect(environment) if environment else None
    given = {
        "table": table and TableName.parse(table),
        "key_columns": _names(key),
        "date_column": date,
        "newest_first": _names(newest_first),
        "active_column": active,
        "timezone": timezone,
    }
    settings = {name: value for name, value in given.items() if value is not None}
    spec, found = _table(settings, platform, columns or "")
    staged = TableName.parse(staging) if staging else spec.table.sibling(f"staged_{spec.table.table}")
    if str(staged).lower() == str(spec.table).lower():  # DuckDB ignores case in names
        raise UserError(f"--staging: {staged} is the table that rows are merged into; give another one")
    script = printed_script(spec, found, staged)
    if (dialect or _dialect_of(platform)) == "duckdb":
        from lib.embedded.printed_script import duckdb_script

        click.echo(duckdb_script(script), nl=False)
    else:
        from lib.gcp.printed_script import bigquery_script

        click.echo(bigquery_script(script), nl=False)


def _names(listed: str | None) -> tuple[str, ...] | None:
    return None if listed is None else tuple(name.strip() for name in listed.split(",") if name.strip())


def _dialect_of(platform: Platform | None) -> str:
    return "duckdb" if platform and platform.environment.platform == "embedded" else "bigquery"


def _table(
    settings: Mapping[str, Any], platform: Platform | None, columns: str
) -> tuple[TableSpec, tuple[Column, ...]]:
    """Return the table's spec and its columns."""
    if platform and settings.get("table") in (None, platform.table.table):
        spec = replace(platform.table, **settings)
        if spec.identity != platform.table.identity:
            raise UserError(
                f"{spec.table} is consolidated with [{platform.table.identity}] in {platform.name}, not with "
                f"[{spec.identity}]: writers that differ in this are not fenced against each other; leave it out"
            )
        return spec, platform.warehouse.columns(spec.table)
    from lib.consolidation.dates import DateType
    from lib.consolidation.table_spec import TableSpec

    options = {"table": "--table", "key_columns": "--key", "date_column": "--date"}
    if missing := [option for name, option in options.items() if not settings.get(name)]:
        raise UserError(f"{' and '.join(missing)}: missing; for the environment's own table, give --env alone")
    found = platform.adapters.metered_warehouse.columns(settings["table"]) if platform else _columns(columns)
    types = {column.name: column.type for column in found}
    date_type = types.get(settings["date_column"])
    # A column of another type is reported later, with the other faults in the settings.
    dated: dict[str, Any] = {"date_type": date_type} if date_type in get_args(DateType) else {}
    return TableSpec(**settings, **dated), found


def _columns(text: str) -> tuple[Column, ...]:
    """Parse ``order_id:STRING,price:NUMERIC(10,2)``."""
    from lib.consolidation.identifiers import plain_identifier
    from lib.consolidation.warehouse import Column

    columns: dict[str, Column] = {}
    for part in _BETWEEN_COLUMNS.split(text):
        found = _COLUMN.fullmatch(part)
        element = found[2].removeprefix("ARRAY<").removesuffix(">") if found else ""
        if not found or element not in _TYPES:
            types = ", ".join([*_TYPES, "ARRAY<TYPE>"])
            raise UserError(f"--columns: {part.strip()!r:.80} is not NAME:TYPE; TYPE is one of {types}")
        name = plain_identifier(found[1], "--columns: column name")
        if name.lower() in columns:
            raise UserError(f"--columns: {name} is listed twice")
        columns[name.lower()] = Column(name, found[2])
    return tuple(columns.values())
