"""The table that batches are consolidated into, and the meaning of its columns."""

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
# Existing runbooks and documents use this table's lock keys without a table name.
_LOCKED_BY_DATE_ALONE = TableName("nba_predictions", "player_prop_predictions")
_DEFAULT_STAGING = StagingNames()
_DEFAULT_RETENTION = Retention()
_LONGEST_TABLE = 250  # its fence table's name is longer


@dataclass(frozen=True)
class TableSpec:
    """A table that batches are consolidated into. Optional settings name no column by default.

    Attributes:
        table: The main table.
        key_columns: The business key, compared exactly, with NULL equal to NULL.
        date_column: The date that a row belongs to; a transaction touches one date.
        date_type: Its type. For a `TIMESTAMP` the date is the day in `timezone`, for a `DATETIME` its own day.
        timezone: The environment's time zone, which decides a timestamp's date; empty means UTC.
        nullable_keys: Key columns that may be NULL.
        row_id_column: Identifies a generation of a row, not its key; may be empty.
        newest_first: Columns that decide which of two rows with one key is newer, most
            significant first, greatest first, NULL last.
        active_column: BOOL column; rows where it is not TRUE do not count. Empty: all rows count.
        never_update: Columns that a MERGE sets on insert and leaves unchanged on update.
        supersedes: Key columns that define a group in which only the newest row stays active; for example the key
            without the line. Empty: rows with different keys never supersede each other. A batch counts as newer than
            existing rows, even if it arrives late.
        stamped: TIMESTAMP columns that a MERGE sets to its own time, whatever is staged.
        rounded_columns: Key columns that the rounded count rounds to an integer.
        staging: How its staging tables are named.
        retention: How long the records of consolidations and changes are kept.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    table: TableName
    key_columns: tuple[str, ...] = field(metadata={"write": "the columns that identify a row, in []"})
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
            raise UserError(f"table.key_columns: name the columns that identify a row of {self.table}, at least one")
        if len({name.lower() for name in self.key_columns}) < len(self.key_columns):
            raise UserError(f"table.key_columns: a column appears twice in {', '.join(self.key_columns)!s:.200}")
        self._check_what_a_merge_sets()
        _ = self.dates
        if len(self.table.table) > _LONGEST_TABLE:
            raise UserError(f"table.name: {self.table!s:.80}... is longer than {_LONGEST_TABLE} characters")
        self._check_columns()
        for table in (self.table, self.fences, self.ledger, self.superseded, self.actions):
            if table.table.startswith(self.staging.prefixes):
                raise UserError(
                    f"staging.name: {self.staging.name!r:.80} must not start like the name of table {table!s:.80}"
                )

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
            raise UserError("table.supersedes: name some of key_columns but not all, and set active_column")
        if own := {*self.stamped} & {*self.key_columns, self.date_column, self.active_column, self.row_id_column}:
            raise UserError(
                f"table.stamped: {', '.join(sorted(own))!s:.200} must not be set to the MERGE's time: it is a key, "
                "date, active or row id column"
            )

    @property
    def dates(self) -> DateColumn:
        """How rows of a date are selected and grouped."""
        return DateColumn(self.date_column, self.date_type, self.timezone)

    @property
    def needed_columns(self) -> tuple[str, ...]:
        """The columns that every row must have: key and date."""
        return tuple(dict.fromkeys((*self.key_columns, self.date_column)))

    @property
    def fences(self) -> TableName:
        """The fence table, one row per date: see `lib.consolidation.fence`."""
        return self.table.sibling(f"{FENCES_PREFIX}{self.table.table}")

    @property
    def ledger(self) -> TableName:
        """The ledger, one row per committed consolidation."""
        return self.table.sibling(f"consolidation_runs__{self.table.table}")

    @property
    def superseded(self) -> TableName:
        """The table of superseded rows; it exists only with `supersedes`."""
        return self.table.sibling(f"consolidation_superseded__{self.table.table}")

    @property
    def actions(self) -> TableName:
        """The audit table of operators' changes: see `lib.consolidation.upkeep.audit`."""
        return self.table.sibling(f"consolidation_actions__{self.table.table}")

    @property
    def identity(self) -> str:
        """The settings on which all consolidations of a table must agree, as one line; the fence table records it.

        Column names are in lower case, because warehouses ignore their case.
        """
        keys = ",".join(sorted(name.lower() for name in self.key_columns))
        one_active = ",".join(sorted(name.lower() for name in self.supersedes))
        supersedes = f" supersedes={one_active}" if one_active else ""
        # In two time zones a timestamp may have two dates.
        zone = f"@{self.dates.zone}" if self.date_type == "TIMESTAMP" else ""
        active = self.active_column.lower() or "-"
        return f"date={self.date_column.lower()}{zone} key={keys} active={active}{supersedes}"

    def lock_key(self, game_date: date) -> str:
        """Return ``consolidation_<dataset>.<table>_<date>``; the first table's keys have no dataset and table."""
        table = "" if self.table == _LOCKED_BY_DATE_ALONE else f"{self.table}_"
        return f"consolidation_{table}{game_date.isoformat()}"
