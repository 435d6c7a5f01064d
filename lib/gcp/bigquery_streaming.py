"""Staging tables whose last rows no copy job sees yet.

Rows of tabledata.insertAll may be missing from copies for up to 90 minutes, and a table's
row count leaves them out; only tables.get shows that there are any
(https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery#dataavailability).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from google.cloud.bigquery import Table

from lib.consolidation.errors import TableNotFound
from lib.consolidation.identifiers import TableName
from lib.consolidation.staging_note import is_loaded_note
from lib.consolidation.warehouse import StagingTable

_REQUESTS_AT_ONCE = 8


def with_streaming_seen(listed: Sequence[StagingTable], get: Callable[[TableName], Table]) -> list[StagingTable]:
    """The tables, those with a streaming buffer marked as such; a table that is gone by now is left out.

    A table of our own writer was made by a load job and needs no look.

    Args:
        listed: As one query lists them.
        get: Asks tables.get; raises `TableNotFound`.
    """

    def looked_at(table: StagingTable) -> StagingTable | None:
        if is_loaded_note(table.note):
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
