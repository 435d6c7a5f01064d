"""How long the records of consolidations and repairs are kept, and the consequences."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lib.consolidation.errors import StagedDataError
from lib.consolidation.retention import Retention
from lib.environment.table import table_spec
from lib.errors import UserError
from tests.consolidation.changes import file_in_an_older_trail
from tests.consolidation.world import World, predictions, quoted
from tests.environments import local


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"backups_days": 0}, "retention.backups_days: must be 1 to 36,500 days, or null for no limit, got 0"),
        ({"ledger_days": 29}, "retention.ledger_days: must be 30 to 36,500 days, or null for no limit, got 29"),
        ({"actions_days": 40_000}, "retention.actions_days: must be 1 to 36,500 days, or null for no limit, got 40000"),
    ],
)
def test_an_invalid_period_is_refused(settings: dict[str, int], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Retention(**settings)


def test_a_table_has_its_environments_zone_and_retention() -> None:
    kept = Retention(backups_days=None, ledger_days=400)
    made = local(timezone="Asia/Tokyo", retention=kept)
    assert (made.table_spec.timezone, made.table_spec.retention) == ("Asia/Tokyo", kept)
    assert replace(made, timezone="Europe/Paris").table_spec.timezone == "Europe/Paris"
    for setting in ("timezone", "retention"):
        with pytest.raises(
            UserError,
            match=f"x.yaml: table.{setting} is not a setting; write {setting}: at the top level, not below table:",
        ):
            table_spec(Path("x.yaml"), {"name": "a.b", setting: "Asia/Tokyo"})


@pytest.mark.parametrize(("days", "is_known"), [(398.9, True), (399.1, False)])
def test_staging_older_than_the_ledgers_retention_is_not_merged(world: World, days: float, is_known: bool) -> None:
    """The table may have been merged by a run that has expired."""
    keeping = replace(world, spec=replace(world.spec, retention=Retention(ledger_days=400)))
    [table] = keeping.stage(predictions(2))
    written = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    with keeping.warehouse.connection() as connection:
        [[comment]] = connection.execute(
            "SELECT comment FROM duckdb_tables() WHERE table_name = ?", [table.table]
        ).fetchall()
        older = json.dumps({**json.loads(comment), "created_at": written})
        connection.execute(f"COMMENT ON TABLE {quoted(table)} IS '{older}'")
    for dry_run in (True, False):
        if is_known:
            keeping.consolidate(dry_run=dry_run)
            continue
        with pytest.raises(
            StagedDataError, match="the ledger keeps only 400 days, so it may have been merged before; nothing"
        ):
            keeping.consolidate(dry_run=dry_run)
    assert len(world.table()) == 2 * is_known


def test_a_trail_from_before_approvals_is_read_and_written(world: World) -> None:
    file_in_an_older_trail(world.warehouse, world.spec)
