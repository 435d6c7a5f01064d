"""The incident: two of the old coordinator's consolidations overlap, and leave duplicates.

One player's rows come late, and two consolidations of the batch overlap: every row is there twice, with the same
`prediction_id`. Two more players are predicted by two batches 0.4 s apart, which race: the same keys with different
ids.

The coordinator is the one from before the fix, with all its faults: no lock, no fence, no ledger. Its MERGE is the old
one too: the line is cast to an integer, the columns are those of the first staging table, and nothing is validated.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from time import perf_counter
from typing import TYPE_CHECKING

from lib.consolidation.identifiers import TableName
from lib.consolidation.staging import batch_tables
from lib.platform import Platform
from rehearsal.slates import Slate, slate_of
from rehearsal.stage import batch_name, embedded_warehouse, stage_batch

if TYPE_CHECKING:
    import duckdb

# Below `lib`, so that the embedded platform logs it as a service would.
logger = logging.getLogger("lib.rehearsal")

GENERATIONS_APART = timedelta(milliseconds=400)
_LATE_PLAYERS = 1
_CONTESTED_PLAYERS = 2


@dataclass(frozen=True)
class RacePlan:
    """The plan of a race: which players are late or contested, and the duplicates that must result.

    Attributes:
        game_date: The date.
        slate: Its slate.
        batch_id: The batch whose last rows come late; consolidated twice.
        rival_ids: Two batches with the same players; the second is the newer one.
    """

    game_date: date
    slate: Slate
    batch_id: str
    rival_ids: tuple[str, str]

    @property
    def batch_ids(self) -> tuple[str, ...]:
        return (self.batch_id, *self.rival_ids)

    @property
    def same_id_twice(self) -> int:
        """Keys that will have two rows with one id."""
        return _LATE_PLAYERS * len(self.slate.systems)

    @property
    def same_key_different_ids(self) -> int:
        """Keys that will have two rows with different ids."""
        return _CONTESTED_PLAYERS * len(self.slate.systems)

    @property
    def duplicate_keys(self) -> int:
        return self.same_id_twice + self.same_key_different_ids


def plan_race(game_date: date, *, seed: int = 0) -> RacePlan:
    """Return the race of a date; a seed and date always give the same one."""
    return RacePlan(
        game_date,
        slate_of(game_date, seed=seed),
        batch_name("batch", game_date),
        (batch_name("linecheck", game_date), batch_name("regen", game_date, reason="lineups")),
    )


def stage_race(platform: Platform, plan: RacePlan) -> None:
    """Stage everything for the race; the rows that are on time are consolidated first."""
    now = datetime.now(UTC)
    slate, batch = plan.slate, plan.batch_id
    # A player with one line has one row per system, so the old MERGE cannot lose any of them.
    ours = [player for player in slate.players if player.has_one_line]
    late, contested = ours[:_LATE_PLAYERS], ours[_LATE_PLAYERS : _LATE_PLAYERS + _CONTESTED_PLAYERS]
    punctual = [player for player in slate.players if player not in (*late, *contested)]
    stage_batch(platform, slate.predict(batch, generated_at=now, players=punctual), batch_id=batch, tables=15)
    _consolidate(platform, batch)
    stage_batch(platform, slate.predict(batch, generated_at=now, players=late), batch_id=batch, tables=1)
    for rival, generated_at in zip(plan.rival_ids, (now, now + GENERATIONS_APART), strict=True):
        rows = slate.predict(rival, generated_at=generated_at, players=contested)
        stage_batch(platform, rows, batch_id=rival, tables=len(contested))


def run_race(platform: Platform, plan: RacePlan) -> None:
    """Run both races with the old code."""
    _consolidate_at_once(platform, [plan.batch_id, plan.batch_id])
    _consolidate_at_once(platform, plan.rival_ids)


def _consolidate(platform: Platform, batch_id: str) -> None:
    tables = _tables(platform, batch_id)
    _consolidate_at_once(platform, [batch_id])
    platform.warehouse.drop(tables)


def _consolidate_at_once(platform: Platform, batch_ids: Sequence[str]) -> None:
    """Consolidate in overlapping transactions; the staging tables are kept.

    Each MERGE is done before any other is committed, so none sees another's rows.

    Args:
        platform: An embedded platform.
        batch_ids: One for each consolidation; a batch may appear twice.
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
    """24.5 and 25.0 are the same key here, as they were then."""
    spec = platform.table
    return [
        f"CAST(COALESCE({prefix}{name}, -1) AS INT64)" if name in spec.rounded_columns else f"{prefix}{name}"
        for name in spec.key_columns
    ]
