"""The services' project: BigQuery's double with the main table, and the Firestore emulator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from google.cloud import bigquery

from lib.compat import TABLE, BatchConsolidator, BatchStagingWriter
from lib.consolidation.identifiers import TableName
from lib.consolidation.warehouse import Row
from lib.gcp.bigquery_warehouse import BigqueryWarehouse
from tests.consolidation.world import in_order
from tests.gcp.bigquery.double import BigqueryDouble
from tests.gcp.bigquery.world import create_main_table

LOCATION = "us-west2"
DAY = "2026-01-16"


@dataclass(frozen=True)
class Project:
    """What a service sees of the project: its id and a BigQuery client."""

    project_id: str
    double: BigqueryDouble

    @property
    def client(self) -> bigquery.Client:
        return self.double.client(LOCATION)

    @property
    def consolidator(self) -> BatchConsolidator:
        return BatchConsolidator(self.client, self.project_id)

    @property
    def writer(self) -> BatchStagingWriter:
        return BatchStagingWriter(self.client, self.project_id)

    @property
    def warehouse(self) -> BigqueryWarehouse:
        return BigqueryWarehouse(self.project_id, client=self.client)

    def rows(self, table: TableName = TABLE.table) -> list[Row]:
        """Return all rows of the main table."""
        sql = f"SELECT * FROM {table.sql} WHERE game_date >= DATE '0001-01-01'"
        return in_order(self.warehouse.query(sql))

    def staged(self) -> list[str]:
        """Return the names of all staging tables."""
        return sorted(name for _, name in self.double.catalogue.tables if name.startswith("_staging_"))


@contextmanager
def a_project(project_id: str) -> Iterator[Project]:
    """Return a project with an empty main table, whose locks are in the emulator's project."""
    with BigqueryDouble(project_id, location=LOCATION) as double:
        project = Project(project_id, double)
        project.client.create_dataset(TABLE.table.dataset)
        create_main_table(project.client, TABLE)
        yield project
