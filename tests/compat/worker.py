"""A worker after the first step of docs/how-to/upgrade.md, where only its imports have changed."""

from __future__ import annotations

from typing import Any

from google.cloud import bigquery

from lib.compat import BatchStagingWriter, get_worker_id


def write_predictions_to_bigquery(client: bigquery.Client, predictions: list[dict[str, Any]], batch_id: str) -> bool:
    """Return whether it succeeded; after False the request is delivered again."""
    if not predictions:
        return True
    staging_writer = BatchStagingWriter(client, client.project)
    result = staging_writer.write_to_staging(predictions=predictions, batch_id=batch_id, worker_id=get_worker_id())
    if result.success:
        print(f"Staging write complete: {result.rows_written} rows to {result.staging_table_name}")
        return True
    print(f"STAGING WRITE FAILED for {predictions[0].get('player_lookup')}: {result.error_message}")
    return False
