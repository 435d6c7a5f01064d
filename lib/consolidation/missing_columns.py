"""Add missing columns to the library's own tables that an earlier version created."""

from __future__ import annotations

from collections.abc import Sequence

from lib.consolidation.identifiers import TableName
from lib.consolidation.key import quoted
from lib.consolidation.warehouse import Column, Execute, Warehouse


def add_missing_columns(warehouse: Warehouse, table: TableName, columns: Sequence[Column]) -> None:
    """Add the columns that the table lacks; existing rows get NULL. Several writers may do this at once.

    Args:
        warehouse: Where the tables are.
        table: The table.
        columns: The columns that it should have.
    """
    present = {column.name for column in warehouse.columns(table)}
    for column in columns:
        if column.name not in present:
            add = f"ALTER TABLE {table.sql} ADD COLUMN IF NOT EXISTS {quoted(column.name)} {column.type}"
            warehouse.transact([Execute("add column", add)], {})
