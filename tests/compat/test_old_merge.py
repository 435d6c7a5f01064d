"""What a roll-out must avoid: without the lock, no fence stops the services' own MERGE."""

from __future__ import annotations

from datetime import date

from lib.compat import TABLE
from lib.consolidation.upkeep.duplicates import DuplicateKind, count_duplicates, explain_duplicates
from lib.embedded.adapters import MAIN_TABLE
from tests.compat import old_worker
from tests.compat.project import DAY, Project
from tests.consolidation.world import later, prediction
from tests.gcp.bigquery.double import Gate

BATCH = "batch_2026-01-16_1768529790"
OLD_BATCH = "regen_2026-01-16_late_1768530000"
OLD_TABLE = "_staging_regen_2026_01_16_late_1768530000_worker_1"
COLUMNS = ", ".join(column.name for column in MAIN_TABLE)
AT_WORK = "SELECT 'the old MERGE is at work'"
# The double cannot pause within a statement, so a transaction represents a long statement.
OLD_MERGE = f"""
BEGIN TRANSACTION;
MERGE INTO {TABLE.table.sql} T USING (SELECT * FROM {TABLE.table.sibling(OLD_TABLE).sql}) S
ON T.game_id = S.game_id AND T.player_lookup = S.player_lookup AND T.system_id = S.system_id
  AND T.game_date = DATE '{DAY}'
WHEN MATCHED THEN UPDATE SET predicted_points = S.predicted_points
WHEN NOT MATCHED THEN INSERT ({COLUMNS}) VALUES ({COLUMNS});
{AT_WORK};
COMMIT TRANSACTION;
"""


def test_an_old_merge_that_outlives_its_lock_leaves_duplicates_that_are_found(project: Project) -> None:
    """Its client gave up and its lock is gone, but it continues. Appends do not conflict: both insert the key."""
    schema = project.client.get_table(str(TABLE.table)).schema
    record = {**prediction(prediction_id="ours"), "game_date": DAY, "created_at": later(0).isoformat()}
    record["updated_at"] = None
    assert project.writer.write_to_staging([record], BATCH, "w").success
    old_worker.write_to_staging(project.client, [{**record, "prediction_id": "theirs"}], OLD_BATCH, "worker_1", schema)
    gate = Gate(AT_WORK)
    project.double.jobs.gates.append(gate)
    old = project.client.query(OLD_MERGE)
    assert gate.reached.wait(20), old.result(timeout=20)
    assert project.consolidator.consolidate_batch(BATCH, DAY).success
    gate.open()
    old.result(timeout=60)
    day = date.fromisoformat(DAY)
    [counted] = count_duplicates(project.warehouse, TABLE, day, day)
    assert (counted.duplicate_keys, counted.excess_rows) == (1, 1)
    [group] = explain_duplicates(project.warehouse, TABLE, day).groups
    assert group.kind is DuplicateKind.DIFFERENT_IDS
