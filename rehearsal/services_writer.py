"""The services' own consolidation: a plain MERGE and an UPDATE, without fence, ledger or check.

The MERGE sets `updated_at`, which workers stage as NULL. The UPDATE leaves one active row for each game, player and
system, and makes the other lines inactive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lib.consolidation.key import same_key
from lib.consolidation.staging import batch_tables
from lib.platform import Platform
from rehearsal.stage import embedded_warehouse, stage_batch


def stage_as_services(platform: Platform, rows: Sequence[Mapping[str, Any]], *, batch_id: str, tables: int) -> None:
    """Write a batch as their workers do."""
    stage_batch(platform, [{**row, "updated_at": None} for row in rows], batch_id=batch_id, tables=tables)


def merge_as_services(platform: Platform, batch_id: str) -> None:
    """Consolidate the batch and leave its staging tables."""
    from lib.embedded.googlesql import translate

    warehouse, spec = embedded_warehouse(platform), platform.table
    main = spec.table.sql
    names = [column.name for column in warehouse.columns(spec.table) if column.name != "updated_at"]
    changed = [name for name in names if name not in (*spec.key_columns, *spec.never_update, spec.date_column)]
    updates = ", ".join(f"{name} = S.{name}" for name in changed)
    staged = ", ".join(f"S.{name}" for name in names)
    same = f"T.game_date = S.game_date AND {same_key(spec, 'S', 'T')}"
    merges = [
        f"MERGE INTO {main} AS T USING {table.name.sql} AS S ON {same} "  # noqa: S608 - own names
        f"WHEN MATCHED THEN UPDATE SET {updates}, updated_at = CURRENT_TIMESTAMP() "
        f"WHEN NOT MATCHED THEN INSERT ({', '.join(names)}, updated_at) VALUES ({staged}, CURRENT_TIMESTAMP())"
        for table in batch_tables(warehouse, spec, batch_id)
    ]
    older = " AND ".join(f"T.{name} = N.{name}" for name in ("game_date", "game_id", "player_lookup", "system_id"))
    deactivate = (
        f"UPDATE {main} AS T SET is_active = FALSE, updated_at = CURRENT_TIMESTAMP() WHERE T.is_active AND EXISTS ("  # noqa: S608 - own names
        f"SELECT 1 FROM {main} AS N WHERE {older} AND N.is_active AND N.created_at > T.created_at)"
    )
    with warehouse.connection() as connection:
        for statement in (*merges, deactivate):
            connection.execute(translate(statement)[0])
