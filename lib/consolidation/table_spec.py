"""Which table is consolidated, and what its columns mean."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from lib.consolidation.dates import DateColumn, DateType
from lib.consolidation.identifiers import TableName, plain_identifier
from lib.consolidation.retention import Retention
from lib.consolidation.staging_names import StagingNames
from lib.errors import UserError

FENCES_PREFIX = "consolidation_fences__"
_DEFAULT_TABLE = TableName("nba_predictions", "player_prop_predictions")
_DEFAULT_STAGING = StagingNames()
_DEFAULT_RETENTION = Retention()
_LONGEST_TABLE = 250  # its fence table's name is longer


@dataclass(frozen=True)
class TableSpec:
    """A table that batches are consolidated into. The guide's table is the default.

    Attributes:
        table: The main table.
        key_columns: The business key, compared exactly, NULL equal to NULL.
        nullable_keys: Key columns that may be NULL: there is no line, say.
        date_column: Says of which date a row is; a transaction touches one date.
        date_type: Its type. Of a `TIMESTAMP` the date is the day in `timezone`, of a `DATETIME` its own day.
        timezone: The environment's, in which a moment is of a date; empty: UTC.
        row_id_column: Identifies a generation of a row, not its key; may be empty.
        newest_first: Columns that tell which of two rows with one key is newer, most
            significant first, greatest first, NULL last.
        active_column: BOOL column without which a row does not count; empty: all count.
        never_update: Columns that a MERGE sets on insert and leaves alone on update.
        supersedes: Key columns within which one row stays active, the newest: without the line, say; empty: no row
            supersedes one of another key. A batch is newer than what is there, also when it comes late.
        stamped: TIMESTAMP columns that a MERGE sets to its own time, whatever is staged.
        rounded_columns: Key columns that the guide's own query casts to an integer.
        staging: How its staging tables are named.
        retention: How long is kept what consolidations and changes leave beside it.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    table: TableName = _DEFAULT_TABLE
    key_columns: tuple[str, ...] = ("game_id", "player_lookup", "system_id", "current_points_line")
    nullable_keys: tuple[str, ...] = ("current_points_line",)
    date_column: str = "game_date"
    date_type: DateType = "DATE"
    timezone: str = ""
    row_id_column: str = "prediction_id"
    newest_first: tuple[str, ...] = ("updated_at", "created_at")
    active_column: str = "is_active"
    never_update: tuple[str, ...] = ("created_at",)
    supersedes: tuple[str, ...] = ()
    stamped: tuple[str, ...] = ()
    rounded_columns: tuple[str, ...] = ("current_points_line",)
    staging: StagingNames = _DEFAULT_STAGING
    retention: Retention = _DEFAULT_RETENTION

    def __post_init__(self) -> None:
        if not self.key_columns:
            raise UserError(f"the table {self.table} has no key columns; name them in the environment's file")
        if len({name.lower() for name in self.key_columns}) < len(self.key_columns):
            raise UserError(f"the table {self.table} has a key column twice: {', '.join(self.key_columns)!s:.200}")
        self._check_what_a_merge_sets()
        _ = self.dates
        if len(self.table.table) > _LONGEST_TABLE:
            raise UserError(f"the table {self.table!s:.80}... has a name of over {_LONGEST_TABLE} characters")
        optional = [name for name in (self.row_id_column, self.active_column) if name]
        for name in (
            *self.key_columns,
            *self.nullable_keys,
            self.date_column,
            *optional,
            *self.newest_first,
            *self.never_update,
            *self.stamped,
            *self.rounded_columns,
        ):
            plain_identifier(name, "column name")
        for table in (self.table, self.fences, self.ledger, self.superseded, self.actions):
            if table.table.startswith(self.staging.prefixes):
                raise UserError(f"staging.name: {self.staging.name!r:.80} starts as the table {table!s:.80} does")

    def _check_what_a_merge_sets(self) -> None:
        if self.supersedes and (not self.active_column or not {*self.supersedes} < {*self.key_columns}):
            raise UserError("supersedes: name some of key_columns, and not all of them; it needs an active_column")
        if own := {*self.stamped} & {*self.key_columns, self.date_column, self.active_column, self.row_id_column}:
            raise UserError(f"stamped: {', '.join(sorted(own))!s:.200} says more than when the row was written")

    @property
    def dates(self) -> DateColumn:
        """How rows of a date are selected and grouped."""
        return DateColumn(self.date_column, self.date_type, self.timezone)

    @property
    def needed_columns(self) -> tuple[str, ...]:
        """What every row has: key and date."""
        return tuple(dict.fromkeys((*self.key_columns, self.date_column)))

    @property
    def fences(self) -> TableName:
        """One row per date, moved to the token of each consolidation: see `lib.consolidation.fence`."""
        return self.table.sibling(f"{FENCES_PREFIX}{self.table.table}")

    @property
    def ledger(self) -> TableName:
        """One row per committed consolidation."""
        return self.table.sibling(f"consolidation_runs__{self.table.table}")

    @property
    def superseded(self) -> TableName:
        """One row for each row that a consolidation has superseded; only where the table has `supersedes`."""
        return self.table.sibling(f"consolidation_superseded__{self.table.table}")

    @property
    def actions(self) -> TableName:
        """What operators changed: see `lib.consolidation.upkeep.audit`."""
        return self.table.sibling(f"consolidation_actions__{self.table.table}")

    @property
    def identity(self) -> str:
        """What decides which rows are one: two consolidations of one table must agree on it.

        The fence table records it. Warehouses do not tell columns apart by case, so neither does this.
        """
        keys = ",".join(sorted(name.lower() for name in self.key_columns))
        one_active = ",".join(sorted(name.lower() for name in self.supersedes))
        supersedes = f" supersedes={one_active}" if one_active else ""
        # In two zones a moment may be of two dates.
        zone = f"@{self.dates.zone}" if self.date_type == "TIMESTAMP" else ""
        active = self.active_column.lower() or "-"
        return f"date={self.date_column.lower()}{zone} key={keys} active={active}{supersedes}"

    def lock_key(self, game_date: date) -> str:
        """``consolidation_<date>``; of any other table than the default one it carries dataset and table."""
        table = "" if self.table == _DEFAULT_TABLE else f"{self.table}_"
        return f"consolidation_{table}{game_date.isoformat()}"
