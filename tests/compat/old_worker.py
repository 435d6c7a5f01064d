"""A worker from before the migration: its staging table has every column of the main table, and another name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.cloud import bigquery

DATASET = "nba_predictions"


def write_to_staging(
    client: bigquery.Client,
    predictions: Sequence[Mapping[str, Any]],
    batch_id: str,
    worker_id: str,
    schema: Sequence[bigquery.SchemaField],
) -> None:
    """Load the records unchanged. A revision keeps using the schema that the table had when it started."""
    name = f"_staging_{batch_id}_{worker_id}".replace("-", "_")
    config = bigquery.LoadJobConfig(
        schema=schema,
        write_disposition=bigquery.WriteDisposition.WRITE_APPEND,
        create_disposition=bigquery.CreateDisposition.CREATE_IF_NEEDED,
    )
    client.load_table_from_json(predictions, f"{client.project}.{DATASET}.{name}", job_config=config).result()
