"""Staging tables that record no batch, held against the batches that the coordinator's documents name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lib.consolidation.identifiers import is_batch_id
from lib.consolidation.staging import BatchBacklog
from lib.consolidation.staging_names import spelled_in_names


def with_known_batches(backlog: Sequence[BatchBacklog], batch_ids: Iterable[str]) -> list[BatchBacklog]:
    """The same tables; those whose names fit a known batch are its own, under its exact id.

    A name alone has lost the id's hyphens, and may fit several ids. Where it fits several known ones, all are named.

    Args:
        backlog: As `staging_backlog` returns it.
        batch_ids: Ids of batches that there are; those that no staging table can have are ignored.
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
