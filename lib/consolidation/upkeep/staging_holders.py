"""The staging tables that still hold duplicate keys, which shows where their rows came from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from lib.consolidation.identifiers import TableName
from lib.consolidation.key import column_list, duplicated_rows, same_key
from lib.consolidation.staging import staging_of
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import StagingTable, Warehouse

_TABLES_A_QUERY = 200

Holders = dict[tuple[Any, ...], list[StagingTable]]


def staging_holders(warehouse: Warehouse, spec: TableSpec, game_date: date) -> Holders:
    """Return the staging tables that still hold each duplicate key of the date; keys as spelled in the main table.

    Args:
        warehouse: Where the tables are.
        spec: The main table.
        game_date: The date.
    """
    tables = {table.name: table for table in staging_of(warehouse, spec)}
    columns = warehouse.columns_of(list(tables)) if tables else {}
    needed = {*spec.key_columns, spec.date_column}
    readable = [name for name, found in columns.items() if needed <= {column.name for column in found}]
    holders: Holders = {}
    for start in range(0, len(readable), _TABLES_A_QUERY):
        part = readable[start : start + _TABLES_A_QUERY]
        for row in warehouse.query(_holders_sql(spec, part), spec.dates.bound(day=game_date)):
            key = tuple(row[name] for name in spec.key_columns)
            holders.setdefault(key, []).append(tables[spec.table.sibling(row["staging_table"])])
    return holders


def _holders_sql(spec: TableSpec, tables: Sequence[TableName]) -> str:
    keys = column_list(spec.key_columns)
    found = column_list(spec.key_columns, "D")
    union = " UNION ALL ".join(
        f"SELECT '{table.table}' AS staging_table, {keys} FROM {table.sql} WHERE {spec.dates.of_day()}"
        for table in tables
    )
    duplicated = duplicated_rows(spec, column_list(spec.key_columns, "T"))
    return (
        f"SELECT DISTINCT S.staging_table, {found} FROM ({union}) AS S JOIN ({duplicated}) AS D "
        f"ON {same_key(spec, 'S', 'D')} ORDER BY S.staging_table"
    )
