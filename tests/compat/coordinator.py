"""A coordinator after the first step of docs/how-to/upgrade.md, where only its imports have changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from google.cloud import bigquery

from lib.compat import BatchConsolidator


@dataclass
class Coordinator:
    """Counts the players of a batch, and consolidates it whenever an event finds them complete.

    Attributes:
        players: The number of players.
        summaries: The published summaries, one for each such event.
    """

    client: bigquery.Client
    batch_id: str
    game_date: str
    players: int
    completed: set[str] = field(default_factory=set)
    summaries: list[dict[str, Any]] = field(default_factory=list)

    def complete(self, event: dict[str, Any]) -> None:
        """``/complete``: the event may be late, and may be delivered again."""
        self.completed.add(event["player_lookup"])
        if len(self.completed) == self.players:
            print(f"Batch {self.batch_id} complete! Triggering consolidation...")
            self.summaries.append(self._consolidate())

    def _consolidate(self) -> dict[str, Any]:
        consolidator = BatchConsolidator(self.client, self.client.project)
        try:
            result = consolidator.consolidate_batch(batch_id=self.batch_id, game_date=self.game_date, cleanup=True)
        except Exception as error:
            print(f"Consolidation EXCEPTION: {error}")
            return {"success": False, "error": str(error)}
        if not result.success:
            print(f"Consolidation FAILED: {result.error_message}")
            return {"success": False, "error": result.error_message}
        print(
            f"Consolidation SUCCESS: {result.rows_affected} rows merged from {result.staging_tables_merged} staging "
            f"tables, cleaned={result.staging_tables_cleaned}"
        )
        return {
            "success": True,
            "rows_affected": result.rows_affected,
            "staging_tables_merged": result.staging_tables_merged,
            "staging_tables_cleaned": result.staging_tables_cleaned,
        }
