"""Staging tables that do not record their batch, matched with the batches in the coordinator's documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lib.consolidation.identifiers import is_batch_id
from lib.consolidation.staging import BatchBacklog
from lib.consolidation.staging_names import spelled_in_names


def with_known_batches(backlog: Sequence[BatchBacklog], batch_ids: Iterable[str]) -> list[BatchBacklog]:
    """Return the same tables, with those whose names fit a known batch under that batch's exact id.

    A table's name has lost the id's hyphens, and may fit several ids. If it fits several known ones, all are named.

    Args:
        backlog: The batches as `staging_backlog` returns them.
        batch_ids: Ids of existing batches; ids that no staging table can have are ignored.
    """
    known: dict[str, list[str]] = {}
    for batch_id in sorted(filter(is_batch_id, batch_ids)):
        known.setdefault(spelled_in_names(batch_id), []).append(batch_id)
    groups: dict[tuple[str, ...], list[BatchBacklog]] = {}
    for batch in backlog:
        certain = [name for spelled in map(spelled_in_names, batch.batches) for name in known.get(spelled, ())]
        is_recorded = any(table.batch_id for table in batch.tables)
        groups.setdefault(batch.batches if is_recorded or not certain else tuple(certain), []).append(batch)
    return [_together(batches, parts) for batches, parts in groups.items()]


def _together(batches: tuple[str, ...], parts: Sequence[BatchBacklog]) -> BatchBacklog:
    return replace(
        parts[0],
        batches=batches,
        tables=tuple(table for part in parts for table in part.tables),
        oldest=min((part.oldest for part in parts if part.oldest), default=None),
        newest=max((part.newest for part in parts if part.newest), default=None),
        merged_tables=sum(part.merged_tables for part in parts),
        waiting=tuple(table for part in parts for table in part.waiting),
    )
