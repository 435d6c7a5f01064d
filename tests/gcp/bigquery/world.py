"""The world of the consolidation tests, with a BigQuery double as its warehouse."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from google.cloud import bigquery

from lib.consolidation.identifiers import TableName
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Parameters, Row, Step, TransactionOutcome
from lib.embedded.adapters import MAIN_TABLE
from lib.gcp.bigquery_types import parquet, schema_fields
from lib.gcp.bigquery_warehouse import BigqueryWarehouse
from tests.consolidation.real_schema import declared
from tests.consolidation.unfenced import unmoved
from tests.consolidation.world import World, converted, in_order
from tests.gcp.bigquery.double.server import client

PROJECT = "test"


class UnfencedWarehouse(BigqueryWarehouse):
    """A warehouse that does not move the fence."""

    def transact(self, steps: Sequence[Step], parameters: Parameters, **options: Any) -> TransactionOutcome:
        return super().transact(unmoved(steps), parameters, **options)


@dataclass(frozen=True)
class BigqueryWorld(World):
    """A world whose warehouse is at an address, so that another process can use it, too.

    Attributes:
        address: Address of the double.
        is_fenced: Whether consolidations move the fence.
        patience_seconds: See `BigqueryWarehouse`.
    """

    address: str = ""
    is_fenced: bool = True
    patience_seconds: float = 30.0
    options: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def client(self) -> bigquery.Client:
        return client(PROJECT, self.address)

    @cached_property
    def warehouse(self) -> BigqueryWarehouse:  # type: ignore[override]
        make = BigqueryWarehouse if self.is_fenced else UnfencedWarehouse
        return make(PROJECT, client=self.client, patience_seconds=self.patience_seconds, **self.options)

    def set_up(self) -> BigqueryWorld:
        """Create the dataset and the main table."""
        self.client.create_dataset(self.spec.table.dataset)
        create_main_table(self.client, self.spec, schema_fields(self.columns))
        return self

    def table(self, name: TableName | None = None) -> list[Row]:
        if name is not None:
            return super().table(name)
        every_date = f"`{self.spec.date_column}` >= {self.spec.date_type} '0001-01-01'"
        return in_order(self.warehouse.query(f"SELECT * FROM {self.spec.table.sql} WHERE {every_date}"))

    def insert(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        columns = self.warehouse.columns(self.spec.table)
        content = io.BytesIO(parquet(converted(rows, columns)))
        config = bigquery.LoadJobConfig(source_format="PARQUET", write_disposition="WRITE_APPEND")
        self.client.load_table_from_file(content, str(self.spec.table), job_config=config).result()


def with_the_real_schema(client: bigquery.Client, spec: TableSpec) -> None:
    """Recreate the main table with its real schema."""
    fields = [
        bigquery.SchemaField(
            column.name,
            column.type.removeprefix("ARRAY<").removesuffix(">"),
            mode="REPEATED" if column.type.startswith("ARRAY<") else "NULLABLE",
            **dict(zip(("precision", "scale"), column.parameters or (), strict=False)),
        )
        for column in declared()
    ]
    client.delete_table(str(spec.table))
    create_main_table(client, spec, fields)


def create_main_table(
    client: bigquery.Client, spec: TableSpec, fields: Sequence[bigquery.SchemaField] | None = None, *, cut: str = "DAY"
) -> None:
    """Create the main table, partitioned by its date and with a required partition filter."""
    table = bigquery.Table(f"{client.project}.{spec.table}", fields or schema_fields(MAIN_TABLE))
    table.time_partitioning = bigquery.TimePartitioning(cut, field=spec.date_column)
    table.require_partition_filter = True
    client.create_table(table)
