"""The world of the consolidation's tests, with BigQuery's double for a warehouse."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pandas
from google.cloud import bigquery

from lib.consolidation.identifiers import TableName
from lib.consolidation.rows import convert
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.warehouse import Execute, Parameters, Row, Step, TransactionOutcome
from lib.embedded.adapters import MAIN_TABLE
from lib.gcp.bigquery_types import parquet, schema_fields
from lib.gcp.bigquery_warehouse import BigqueryWarehouse
from tests.consolidation.world import World, in_order
from tests.gcp.bigquery.double.server import client

PROJECT = "test"
FENCE = frozenset({"fence", "fence_missing", "stale_token"})


class LeakyWarehouse(BigqueryWarehouse):
    """Leaves out steps of a consolidation, to see what they are good for."""

    def __init__(self, *args: Any, left_out: frozenset[str], **options: Any) -> None:
        super().__init__(*args, **options)
        self._left_out = left_out

    def transact(self, steps: Sequence[Step], parameters: Parameters, **options: Any) -> TransactionOutcome:
        kept = [step for step in steps if (step.name if isinstance(step, Execute) else step.code) not in self._left_out]
        return super().transact(kept, parameters, **options)


@dataclass(frozen=True)
class BigqueryWorld(World):
    """Its warehouse is at an address, so another process can have the same world.

    Attributes:
        address: Of the double.
        left_out: Steps of every transaction that are not run.
        patience_seconds: See `BigqueryWarehouse`.
    """

    address: str = ""
    left_out: frozenset[str] = frozenset()
    patience_seconds: float = 30.0
    options: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def client(self) -> bigquery.Client:
        return client(PROJECT, self.address)

    @cached_property
    def warehouse(self) -> BigqueryWarehouse:  # type: ignore[override]
        return LeakyWarehouse(
            PROJECT,
            client=self.client,
            patience_seconds=self.patience_seconds,
            left_out=self.left_out,
            **self.options,
        )

    def set_up(self) -> BigqueryWorld:
        """Dataset and main table."""
        self.client.create_dataset(self.spec.table.dataset)
        create_main_table(self.client, self.spec)
        return self

    def again(self) -> BigqueryWorld:
        return replace(self)

    def table(self, name: TableName | None = None) -> list[Row]:
        if name is not None:
            return super().table(name)
        every_date = f"`{self.spec.date_column}` >= DATE '0001-01-01'"
        return in_order(self.warehouse.query(f"SELECT * FROM {self.spec.table.sql} WHERE {every_date}"))

    def insert(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        columns = self.warehouse.columns(self.spec.table)
        frame = pandas.DataFrame(list(rows), columns=[column.name for column in columns], dtype=object)
        content = io.BytesIO(parquet(convert(frame, columns, source="the test")))
        config = bigquery.LoadJobConfig(source_format="PARQUET", write_disposition="WRITE_APPEND")
        self.client.load_table_from_file(content, str(self.spec.table), job_config=config).result()


def create_main_table(client: bigquery.Client, spec: TableSpec) -> None:
    """Partitioned by its date, and no statement may read it without a filter of the date."""
    table = bigquery.Table(f"{client.project}.{spec.table}", schema_fields(MAIN_TABLE))
    table.time_partitioning = bigquery.TimePartitioning(field=spec.date_column)
    table.require_partition_filter = True
    client.create_table(table)
