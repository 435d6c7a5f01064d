"""Growing tables have daily partitions that expire as configured; backups expire, too."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from google.cloud import bigquery

from lib.consolidation.identifiers import TableName
from lib.consolidation.retention import Retention
from lib.consolidation.upkeep.audit import AuditTrail
from lib.consolidation.upkeep.repair import apply_repair, plan_repair
from tests.consolidation.changes import file_in_an_older_trail, record_of
from tests.consolidation.world import DAY, LINES_MOVE, prediction
from tests.gcp.bigquery.world import BigqueryWorld

_DAY_MS = 86_400_000


def test_tables_that_grow_are_partitioned_and_expire(world: BigqueryWorld) -> None:
    retention = Retention(backups_days=30, ledger_days=400, actions_days=500)
    world = replace(world, spec=replace(LINES_MOVE, retention=retention))
    world.insert([prediction(prediction_id=name) for name in "ab"])
    world.stage([prediction(player_lookup="another")])
    world.consolidate()
    AuditTrail(world.warehouse, world.spec).file(record_of("test"))
    made = apply_repair(world.warehouse, world.locks, world.spec, plan_repair(world.warehouse, world.spec, DAY))
    for table, column, days in (
        (world.spec.ledger, "committed_at", 400),
        (world.spec.superseded, "superseded_at", 400),
        (world.spec.actions, "filed_at", 500),
    ):
        parts = described(world, table).time_partitioning
        assert (parts.type_, parts.field, parts.expiration_ms) == ("DAY", column, days * _DAY_MS)
    backup = described(world, made.backup_table)
    assert backup.time_partitioning is None
    assert abs(backup.expires - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=5)


def test_a_trail_from_before_approvals_is_read_and_written(world: BigqueryWorld) -> None:
    file_in_an_older_trail(world.warehouse, world.spec)


def described(world: BigqueryWorld, table: TableName) -> bigquery.Table:
    return world.client.get_table(str(table))
