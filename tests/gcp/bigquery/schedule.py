"""The schedule of games on BigQuery's double."""

from __future__ import annotations

from google.cloud import bigquery

from lib.gcp.bigquery_types import schema_fields
from tests.gcp.bigquery.double import BigqueryDouble
from tests.operations.due.schedule import COLUMNS, SCHEDULE, Games


def schedule_games(double: BigqueryDouble, games: Games) -> None:
    """Create the schedule of games, given the status of each game by date."""
    client = double.client()
    client.create_dataset(SCHEDULE.dataset)
    client.create_table(bigquery.Table(f"{double.project}.{SCHEDULE}", schema_fields(COLUMNS)))
    for day, played in games.items():
        for number, status in enumerate(played):
            double.sql(f"INSERT INTO {SCHEDULE} VALUES ('{day}_{number}', '{day}', {status})")
