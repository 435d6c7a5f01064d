"""The coordinator as it was before the fix, faults and all: no lock, no fence, no ledger.

Its MERGE, too, is the old one: the line is cast to an integer, the columns are those of
the first staging table, and nothing is checked afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from time import perf_counter
from typing import TYPE_CHECKING

from lib.consolidation.identifiers import TableName
from lib.consolidation.staging import batch_tables
from lib.platform import Platform
from rehearsal.stage import embedded_warehouse

if TYPE_CHECKING:
    import duckdb

# Below `lib`, so that the embedded platform logs it as a service would.
logger = logging.getLogger("lib.rehearsal")


def consolidate(platform: Platform, batch_id: str) -> None:
    """Consolidate one batch and drop its staging tables."""
    tables = _tables(platform, batch_id)
    consolidate_at_once(platform, [batch_id])
    platform.warehouse.drop(tables)


def consolidate_at_once(platform: Platform, batch_ids: Sequence[str]) -> None:
    """Consolidate in transactions that overlap; the staging tables are kept.

    Each MERGE is done before any other is committed, so none sees another's rows.

    Args:
        platform: An embedded one.
        batch_ids: One for each consolidation; the same batch may be named twice.
    """
    merges = [(batch_id, _tables(platform, batch_id)) for batch_id in batch_ids]
    columns = [column.name for column in platform.warehouse.columns(merges[0][1][0])]
    warehouse = embedded_warehouse(platform)
    with ExitStack() as stack:
        connections = [stack.enter_context(warehouse.connection()) for _ in merges]
        for connection, (batch_id, tables) in zip(connections, merges, strict=True):
            connection.begin()
            logger.info("🔄 Executing MERGE for batch=%s with %d staging tables", batch_id, len(tables))
        started = perf_counter()
        statements = [_merge_sql(platform, tables, columns) for _, tables in merges]
        affected = [_merge(*each) for each in zip(connections, statements, strict=True)]
        for connection, (batch_id, _), rows in zip(connections, merges, affected, strict=True):
            connection.commit()
            elapsed_ms = (perf_counter() - started) * 1000
            logger.info("✅ MERGE complete: %d rows affected in %.1fms (batch=%s)", rows, elapsed_ms, batch_id)


def _tables(platform: Platform, batch_id: str) -> list[TableName]:
    return [table.name for table in batch_tables(platform.warehouse, platform.table, batch_id)]


def _merge(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    """The number of rows that were affected."""
    counted = connection.execute(sql).fetchone()
    assert counted is not None
    return int(counted[0])


def _merge_sql(platform: Platform, tables: Sequence[TableName], columns: Sequence[str]) -> str:
    from lib.embedded.googlesql import translate

    spec = platform.table
    union = " UNION ALL ".join(f"SELECT {', '.join(columns)} FROM {table.sql}" for table in tables)  # noqa: S608
    newest = f"ROW_NUMBER() OVER (PARTITION BY {', '.join(_key(platform))} ORDER BY created_at DESC) = 1"
    same_key = " AND ".join(
        f"{ours} = {theirs}" for ours, theirs in zip(_key(platform, "T."), _key(platform, "S."), strict=True)
    )
    updates = ", ".join(f"{name} = S.{name}" for name in columns if name not in spec.key_columns)
    sql = (
        f"MERGE INTO {spec.table.sql} AS T USING (SELECT * FROM ({union}) AS staged QUALIFY {newest}) AS S "  # noqa: S608
        f"ON {same_key} WHEN MATCHED THEN UPDATE SET {updates} "
        f"WHEN NOT MATCHED THEN INSERT ({', '.join(columns)}) VALUES ({', '.join(f'S.{name}' for name in columns)})"
    )
    return translate(sql)[0]


def _key(platform: Platform, prefix: str = "") -> list[str]:
    """24.5 and 25.0 are one key here, as they were then."""
    spec = platform.table
    return [
        f"CAST(COALESCE({prefix}{name}, -1) AS INT64)" if name in spec.rounded_columns else f"{prefix}{name}"
        for name in spec.key_columns
    ]
