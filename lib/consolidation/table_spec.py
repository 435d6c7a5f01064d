"""Which table is consolidated, and what its columns mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from lib.consolidation.dates import DateColumn, DateType
from lib.consolidation.identifiers import TableName, plain_identifier
from lib.consolidation.retention import Retention
from lib.consolidation.staging_names import StagingNames
from lib.errors import UserError
from lib.words.brief import brief

FENCES_PREFIX = "consolidation_fences__"
# Its lock keys stand in the runbooks and documents of before any other table could be consolidated.
_LOCKED_BY_DATE_ALONE = TableName("nba_predictions", "player_prop_predictions")
_DEFAULT_STAGING = StagingNames()
_DEFAULT_RETENTION = Retention()
_LONGEST_TABLE = 250  # its fence table's name is longer


@dataclass(frozen=True)
class TableSpec:
    """A table that batches are consolidated into. What is left out names no column.

    Attributes:
        table: The main table.
        key_columns: The business key, compared exactly, NULL equal to NULL.
        date_column: Has the date that a row belongs to; a transaction touches one date.
        date_type: Its type. Of a `TIMESTAMP` the date is the day in `timezone`, of a `DATETIME` its own day.
        timezone: The environment's, in which a moment is of a date; empty: UTC.
        nullable_keys: Key columns that may be NULL.
        row_id_column: Identifies a generation of a row, not its key; may be empty.
        newest_first: Columns that tell which of two rows with one key is newer, most
            significant first, greatest first, NULL last.
        active_column: BOOL column without which a row does not count; empty: all count.
        never_update: Columns that a MERGE sets on insert and leaves alone on update.
        supersedes: Key columns within which one row stays active, the newest: without the line, say; empty: no row
            supersedes one of another key. A batch is newer than what is there, also when it comes late.
        stamped: TIMESTAMP columns that a MERGE sets to its own time, whatever is staged.
        rounded_columns: Key columns that the rounded count rounds to an integer.
        staging: How its staging tables are named.
        retention: How long is kept what consolidations and changes leave beside it.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    table: TableName
    key_columns: tuple[str, ...] = field(metadata={"write": "the columns that tell its rows apart, in []"})
    date_column: str = field(metadata={"write": "the column with the date that a row belongs to"})
    date_type: DateType = "DATE"
    timezone: str = ""
    nullable_keys: tuple[str, ...] = ()
    row_id_column: str = ""
    newest_first: tuple[str, ...] = ()
    active_column: str = ""
    never_update: tuple[str, ...] = ()
    supersedes: tuple[str, ...] = ()
    stamped: tuple[str, ...] = ()
    rounded_columns: tuple[str, ...] = ()
    staging: StagingNames = _DEFAULT_STAGING
    retention: Retention = _DEFAULT_RETENTION

    __repr__ = brief("table", "key_columns", "date_column")

    def __post_init__(self) -> None:
        if not self.key_columns:
            raise UserError(f"table.key_columns: name at least one column that tells rows of {self.table} apart")
        if len({name.lower() for name in self.key_columns}) < len(self.key_columns):
            raise UserError(f"table.key_columns: one is there twice in {', '.join(self.key_columns)!s:.200}")
        self._check_what_a_merge_sets()
        _ = self.dates
        if len(self.table.table) > _LONGEST_TABLE:
            raise UserError(f"table.name: {self.table!s:.80}... is longer than {_LONGEST_TABLE} characters")
        self._check_columns()
        for table in (self.table, self.fences, self.ledger, self.superseded, self.actions):
            if table.table.startswith(self.staging.prefixes):
                raise UserError(f"staging.name: {self.staging.name!r:.80} starts as the table {table!s:.80} does")

    def _check_columns(self) -> None:
        plain_identifier(self.date_column, "table.date_column: column name")
        for setting in ("row_id_column", "active_column"):
            if name := getattr(self, setting):
                plain_identifier(name, f"table.{setting}: column name")
        for setting in ("key_columns", "nullable_keys", "newest_first", "never_update", "stamped", "rounded_columns"):
            for name in getattr(self, setting):
                plain_identifier(name, f"table.{setting}: column name")

    def _check_what_a_merge_sets(self) -> None:
        if self.supersedes and (not self.active_column or not {*self.supersedes} < {*self.key_columns}):
            raise UserError(
                "table.supersedes: name some of key_columns, and not all of them; it needs an active_column"
            )
        if own := {*self.stamped} & {*self.key_columns, self.date_column, self.active_column, self.row_id_column}:
            raise UserError(f"table.stamped: {', '.join(sorted(own))!s:.200} says more than when the row was written")

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
        """``consolidation_<dataset>.<table>_<date>``; of the one table that was locked before others, without it."""
        table = "" if self.table == _LOCKED_BY_DATE_ALONE else f"{self.table}_"
        return f"consolidation_{table}{game_date.isoformat()}"
