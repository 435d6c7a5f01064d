"""Which table is consolidated, and what its columns mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from lib.consolidation.identifiers import TableName, plain_identifier
from lib.errors import UserError

DEFAULT_DATASET = "nba_predictions"
STAGING_PREFIX = "_staging_"


@dataclass(frozen=True)
class TableSpec:
    """A table that batches are consolidated into. The guide's table is the default.

    Attributes:
        table: The main table.
        key_columns: The business key, compared exactly, NULL equal to NULL.
        nullable_keys: Key columns that may be NULL: there is no line, say.
        date_column: The DATE column; a consolidation touches one date.
        row_id_column: Identifies a generation of a row, not its key; may be empty.
        newest_first: Columns that tell which of two rows with one key is newer, most
            significant first, greatest first, NULL last.
        active_column: BOOL column without which a row does not count; empty: all count.
        never_update: Columns that a MERGE sets on insert and leaves alone on update.
        rounded_columns: Key columns that the guide's own query casts to an integer.
        lock_scope: ``date`` locks a date, ``table`` the whole table (for backfills).
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    table: TableName = field(default_factory=lambda: TableName(DEFAULT_DATASET, "player_prop_predictions"))
    key_columns: tuple[str, ...] = ("game_id", "player_lookup", "system_id", "current_points_line")
    nullable_keys: tuple[str, ...] = ("current_points_line",)
    date_column: str = "game_date"
    row_id_column: str = "prediction_id"
    newest_first: tuple[str, ...] = ("updated_at", "created_at")
    active_column: str = "is_active"
    never_update: tuple[str, ...] = ("created_at",)
    rounded_columns: tuple[str, ...] = ("current_points_line",)
    lock_scope: Literal["date", "table"] = "date"

    def __post_init__(self) -> None:
        if not self.key_columns:
            raise UserError(f"the table {self.table} has no key columns; name them in the environment's file")
        if len(set(self.key_columns)) < len(self.key_columns):
            raise UserError(f"the table {self.table} has a key column twice: {', '.join(self.key_columns)!s:.200}")
        optional = [name for name in (self.row_id_column, self.active_column) if name]
        for name in (
            *self.key_columns,
            *self.nullable_keys,
            self.date_column,
            *optional,
            *self.newest_first,
            *self.never_update,
            *self.rounded_columns,
        ):
            plain_identifier(name, "column name")

    @property
    def fences(self) -> TableName:
        """One row per lock key, moved to the token of each consolidation."""
        return self.table.sibling("consolidation_fences")

    @property
    def ledger(self) -> TableName:
        """One row per committed consolidation."""
        return self.table.sibling("consolidation_runs")

    @property
    def actions(self) -> TableName:
        """What operators changed: see `lib.consolidation.audit`."""
        return self.table.sibling("consolidation_actions")

    def lock_key(self, game_date: date) -> str:
        """``consolidation_<date>``; other datasets than the default carry their name."""
        dataset = "" if self.table.dataset == DEFAULT_DATASET else f"{self.table.dataset}_"
        scope = game_date.isoformat() if self.lock_scope == "date" else self.table.table
        return f"consolidation_{dataset}{scope}"
