"""Dates of every type on BigQuery: each statement filters partitions by constants, whatever their length."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.consolidation import BatchConsolidator
from lib.consolidation.dates import DateType
from lib.consolidation.ledger import ledger_runs
from lib.gcp.bigquery_types import schema_fields
from tests.consolidation.orders import AUTUMN, SPRING, check_a_date, ends_of, order, order_columns, orders_spec
from tests.gcp.bigquery.double import BigqueryDouble
from tests.gcp.bigquery.world import BigqueryWorld, create_main_table


@pytest.mark.parametrize(
    ("date_type", "cut"), [("TIMESTAMP", "DAY"), ("TIMESTAMP", "HOUR"), ("DATETIME", "MONTH"), ("DATE", "MONTH")]
)
def test_a_date_is_its_first_to_its_last_value(
    double: BigqueryDouble, tmp_path: Path, date_type: DateType, cut: str
) -> None:
    """Statements without a partition filter are refused."""
    world = shop(double, tmp_path, date_type, cut)
    check_a_date(world, SPRING)


def shop(double: BigqueryDouble, folder: Path, date_type: DateType, cut: str = "DAY") -> BigqueryWorld:
    world = BigqueryWorld(folder, orders_spec(date_type), columns=order_columns(date_type), address=double.address)
    world.client.create_dataset(world.spec.table.dataset)
    create_main_table(world.client, world.spec, schema_fields(world.columns), cut=cut)
    return world


def test_a_batch_of_several_dates_is_merged_date_by_date(double: BigqueryDouble, tmp_path: Path) -> None:
    world = shop(double, tmp_path, "TIMESTAMP")
    rows = [
        order(f"{day}_{number}", end) for day in (SPRING, AUTUMN) for number, end in enumerate(ends_of(world.spec, day))
    ]
    world.stage(rows, "b", tables=2)
    world.stage([order("alone", rows[0]["ordered_at"])], "b")
    consolidator = BatchConsolidator(world.warehouse, world.locks, world.spec)
    planned = consolidator.consolidate_batch(batch_id="b", dry_run=True)
    result = consolidator.consolidate_batch(batch_id="b")
    for found in (planned, result):
        assert [(one.game_date, one.staged, one.inserted) for one in found.dates] == [(SPRING, 3, 3), (AUTUMN, 2, 2)]
    assert result.staging_dropped == 3
    assert [(run.day, run.staged_rows) for run in ledger_runs(world.warehouse, world.spec)] == [
        (AUTUMN, 2),
        (SPRING, 3),
    ]
    assert len(world.table()) == 5
