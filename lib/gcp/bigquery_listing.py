"""Staging tables as one query lists them.

``__TABLES__`` is the only listing that has a table's rows and its last change together and
at once: tables.list has no rows, INFORMATION_SCHEMA.TABLE_STORAGE lags behind, and
INFORMATION_SCHEMA.PARTITIONS refuses beyond 1,000 tables, of which there have been
1,600. Batch and main table stand in the friendly name, because a label can't hold every batch id.

Rows of tabledata.insertAll may be missing from copies for up to 90 minutes, and a table's
row count leaves them out; only tables.get shows that there are any
(https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery#dataavailability).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from google.cloud.bigquery import Table

from lib.consolidation.errors import TableNotFound
from lib.consolidation.identifiers import TableName
from lib.consolidation.warehouse import Row, StagingTable

_REQUESTS_AT_ONCE = 8


def staging_tables_sql(dataset: str) -> str:
    """Tables of the dataset whose name starts with @prefix, with their friendly names."""
    return (
        "SELECT T.table_id, T.row_count, TIMESTAMP_MILLIS(T.last_modified_time) AS changed_at, "
        "TIMESTAMP_MILLIS(T.creation_time) AS created_at, CURRENT_TIMESTAMP() AS listed_at, "
        f"O.option_value AS friendly_name FROM `{dataset}`.__TABLES__ AS T "
        f"LEFT JOIN `{dataset}`.INFORMATION_SCHEMA.TABLE_OPTIONS AS O "
        "ON O.table_name = T.table_id AND O.option_name = 'friendly_name' "
        "WHERE T.type = 1 AND STARTS_WITH(T.table_id, @prefix) ORDER BY T.table_id"
    )


def staging_tables_of(dataset: str, rows: Iterable[Row]) -> list[StagingTable]:
    """The port's records of that query's rows."""
    return [
        StagingTable(
            name=TableName(dataset, row["table_id"]),
            note=_text(row["friendly_name"]),
            rows=row["row_count"],
            changed_at=row["changed_at"],
            version=f"{row['created_at']} {row['changed_at']} {row['row_count']}",
            listed_at=row["listed_at"],
        )
        for row in rows
    ]


def with_streaming_seen(listed: Sequence[StagingTable], get: Callable[[TableName], Table]) -> list[StagingTable]:
    """The tables, those with a streaming buffer marked as such; a table that is gone by now is left out.

    A table of our own writer was made by a load job and needs no look.

    Args:
        listed: As one query lists them.
        get: Asks tables.get; raises `TableNotFound`.
    """

    def looked_at(table: StagingTable) -> StagingTable | None:
        if table.is_loaded:
            return table
        try:
            found = get(table.name)
        except TableNotFound:
            return None
        if found.streaming_buffer is None:
            return table
        return replace(table, is_streaming=True, changed_at=None, version=f"{table.version} streaming")

    with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:
        return [table for table in pool.map(looked_at, listed) if table is not None]


def _text(option_value: str | None) -> str:
    """The option's value is a GoogleSQL literal. Other writers may name tables as they like."""
    try:
        return str(json.loads(option_value or '""'))
    except ValueError:
        return ""
