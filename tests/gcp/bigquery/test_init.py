"""`runbook init --from-table`: a BigQuery table is measured on its newest date, read-only."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lib.cli import cli
from lib.consolidation.warehouse import Column, Execute
from lib.environment import load_environment
from tests.consolidation.world import DAY, predictions
from tests.gcp.bigquery.double import BigqueryDouble
from tests.gcp.bigquery.world import PROJECT, BigqueryWorld


def test_a_table_becomes_an_environment(
    world: BigqueryWorld, double: BigqueryDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", double.address)
    monkeypatch.setenv("RUNBOOK_PROJECT", "")  # restored after the test, as the command sets it
    monkeypatch.delenv("RUNBOOK_ENVIRONMENTS", raising=False)
    table = f"{PROJECT}.{world.spec.table}"

    def init(*words: str) -> Result:
        return CliRunner().invoke(cli, ["init", str(tmp_path / "project"), "--from-table", *words, "--yes"])

    empty = init(table)
    assert (empty.exit_code, empty.stderr.count("\n")) == (2, 1)
    assert "has no rows" in empty.stderr
    world.insert(predictions(5))
    for wrong, said in ((table.replace(".", ":", 1), "is not PROJECT.DATASET.TABLE"), (f"{table}_not", "_not")):
        refused = init(wrong)
        assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1), refused.stderr
        assert said in refused.stderr
    assert not (tmp_path / "project").exists()

    done = init(table, "--timezone", "America/New_York")
    assert done.exit_code == 0, done.stderr
    assert f"{world.spec.table}, {DAY}: 5 rows" in done.stdout
    assert "runbook doctor --env production" in done.stdout
    environment = load_environment("production")
    assert (environment.platform, environment.project_id) == ("google", PROJECT)
    assert environment.table_spec.table == world.spec.table
    assert environment.table_spec.date_column == "game_date"
    assert environment.due is None

    events = world.spec.table.sibling("events")
    world.warehouse.create_table(events, [Column("event_id", "INT64"), Column("seen_at", "TIMESTAMP")])
    moments = "(1, TIMESTAMP '2026-01-17 14:59:59'), (2, TIMESTAMP '2026-01-17 15:00:00')"
    world.warehouse.transact([Execute("rows", f"INSERT INTO {events.sql} (event_id, seen_at) VALUES {moments}")], {})
    done = init(f"{PROJECT}.{events}", "--timezone", "Asia/Tokyo", "--env", "events")
    assert done.exit_code == 0, done.stderr
    assert f"{events}, 2026-01-18: 1 row, 2 columns" in done.stdout
    dates = load_environment("events").table_spec.dates
    assert (dates.name, dates.type, dates.zone) == ("seen_at", "TIMESTAMP", "Asia/Tokyo")
