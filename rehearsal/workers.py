"""The prediction workers: a batch's rows, written into many staging tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lib.consolidation.staging import StagingWrite
from lib.platform import Platform
from rehearsal.stage import embedded_warehouse


def stage_batch(
    platform: Platform, rows: Sequence[Mapping[str, Any]], *, batch_id: str, tables: int
) -> list[StagingWrite]:
    """Write the rows as the workers do, in order and in parts of nearly equal size.

    Args:
        platform: An embedded one.
        rows: The batch (see `rehearsal.slates`).
        batch_id: Its name.
        tables: How many staging tables to write, at most one a row; 15 to 175 are usual.
    """
    parts = min(tables, len(rows))
    bounds = [len(rows) * part // parts for part in range(parts + 1)]
    writer = platform.staging_writer()
    # The file stays open meanwhile: to open and close it anew is most of the time of a small write.
    with embedded_warehouse(platform).session():
        return [
            write
            for part in range(parts)
            for write in writer.write(
                rows[bounds[part] : bounds[part + 1]], batch_id=batch_id, worker_id=f"worker-{part:03}"
            )
        ]
