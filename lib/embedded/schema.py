"""The main table of a new embedded warehouse: the guide's columns that matter.

The live table has about a hundred columns and its schema is read, never assumed;
these are what an empty local warehouse starts with.
"""

from __future__ import annotations

from lib.consolidation.warehouse import Column

MAIN_TABLE = (
    Column("prediction_id", "STRING"),
    Column("game_id", "STRING"),
    Column("player_lookup", "STRING"),
    Column("system_id", "STRING"),
    Column("current_points_line", "FLOAT64"),
    Column("predicted_points", "FLOAT64"),
    Column("confidence_score", "FLOAT64"),
    Column("recommendation", "STRING"),
    Column("game_date", "DATE"),
    Column("is_active", "BOOL"),
    Column("created_at", "TIMESTAMP"),
    Column("updated_at", "TIMESTAMP"),
)
