"""The rows of one game date, beside those of the dates before it: what the daily check looks at.

What they are held against is data in ``params/quality.yaml``, with the reason of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path

from lib import places
from lib.consolidation.errors import QueryOverLimit
from lib.consolidation.identifiers import plain_identifier
from lib.consolidation.staging import staging_backlog
from lib.consolidation.upkeep.column_rules import ColumnRule
from lib.consolidation.upkeep.day_profiles import (
    Activity,
    Coverage,
    DayProfile,
    DayWritten,
    activity_by_day,
    coverage_by_system,
    last_written,
    profile_days,
)
from lib.consolidation.warehouse import Column
from lib.errors import UserError
from lib.operations.due.answer import Due
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.settings_file import load_settings
from lib.verdict.check import Looking
from lib.verdict.section import Findings
from lib.words.dates import start_of

_MOST_DAYS = 400


@dataclass(frozen=True)
class QualityRules:
    """The rules. Shares are of 1.

    Attributes:
        game_column: Names the game of a row.
        system_column: Names its prediction system.
        fewest_dates: So few earlier dates are no history.
        volume_warn_below: Rows for a game and system, as a share of the usual ones.
        volume_fail_below: The same, for a FAIL.
        usual_system_share: A system is usual that was there on this share of the dates.
        thin_below: A game's rows of a system, as a share of the system's usual ones.
        null_share_rise: Of a column that may be empty.
        unseen_warn_above: Subjects without an active row.
        unseen_fail_above: The same, for a FAIL.
        most_lines: Active lines of one subject.
        usual_days_without_rows: Such a break before a date is usual.
        most_days_without_rows: After a longer break the table counts as frozen.
        written_at_most_hours_before: Hours between a date's rows and its start.
        columns: What the values must be like.
    """

    __pydantic_config__ = {"extra": "forbid", "allow_inf_nan": False}  # noqa: RUF012

    game_column: str
    system_column: str
    fewest_dates: int
    volume_warn_below: float
    volume_fail_below: float
    usual_system_share: float
    thin_below: float
    null_share_rise: float
    unseen_warn_above: float
    unseen_fail_above: float
    most_lines: int
    usual_days_without_rows: int
    most_days_without_rows: int
    written_at_most_hours_before: float
    columns: tuple[ColumnRule, ...]

    def __post_init__(self) -> None:
        for name in (self.game_column, self.system_column):
            plain_identifier(name, "column name")


@dataclass(frozen=True)
class Night:
    """A game date with its recent past. Everything is counted in the warehouse, and once.

    Attributes:
        scope: The run's platform and date.
        days: How many days before the date are its past.
        games: How many games there are, if someone says so; None: the environment's `due` does, if it can.
        rules: What the rows are held against.
    """

    scope: Scope
    days: int
    games: int | None
    rules: QualityRules

    @property
    def platform(self) -> Platform:
        return self.scope.platform

    @property
    def findings(self) -> Findings:
        return self.scope.findings

    @property
    def game_date(self) -> date:
        return self.scope.game_date

    @property
    def since(self) -> date:
        """First date of the past that is compared."""
        return self.game_date - timedelta(days=self.days_compared)

    @property
    def starts_at(self) -> datetime:
        """When the date begins where the operators are (UTC)."""
        return start_of(self.game_date, self.platform.environment.timezone)

    @property
    def ends_at(self) -> datetime:
        """When it is over there (UTC)."""
        return start_of(self.game_date + timedelta(days=1), self.platform.environment.timezone)

    @property
    def is_over(self) -> bool:
        return self.scope.now >= self.ends_at

    @property
    def is_late(self) -> bool:
        """Whether all rows of the date should be there by now."""
        return self.scope.now >= self.scope.due.deadline(self.game_date)

    @property
    def due(self) -> Due:
        """Whether rows of the date are due, and of how many games; what someone says stands over the environment."""
        if self.games is None:
            return self.scope.due.on(self.game_date)
        return Due(self.games > 0, "no games (confirmed)", self.games)

    @property
    def monitoring(self) -> Looking:
        """The command that shows which batches ran, and which wait."""
        return self.platform.commands.run("day1_monitoring", {"game_date": self.game_date})

    @property
    def row_count(self) -> list[Looking]:
        """The command that counts the rows of the date."""
        return [self.platform.commands.count_rows(self.game_date)]

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The table's columns by name."""
        return {column.name: column for column in self.platform.warehouse.columns(self.platform.table.table)}

    @property
    def column_rules(self) -> list[ColumnRule]:
        """Those that the table has columns for; what a key or date column must not be is known without them."""
        table = self.platform.table
        named = {rule.column for rule in self.rules.columns}
        needed = [name for name in table.key_columns if name not in table.nullable_keys and name not in named]
        rules = [*(ColumnRule(name, required=True) for name in needed), *self.rules.columns]
        return [rule for rule in rules if rule.column in self.columns and rule.fits_type(self.columns[rule.column])]

    @property
    def rules_left_out(self) -> list[str]:
        """Columns with a rule that the table lacks, or has with another type."""
        applied = {rule.column for rule in self.column_rules}
        return [rule.column for rule in self.rules.columns if rule.column not in applied]

    @cached_property
    def waiting_batches(self) -> list[str]:
        """Batches whose name holds this date, and whose rows wait in staging."""
        day = self.game_date
        names = (day.isoformat(), f"{day:%Y%m%d}", f"{day:%Y_%m_%d}")
        batches = staging_backlog(self.platform.warehouse, self.platform.table)
        waiting = [batch.name for batch in batches if batch.unmerged_tables]
        return [batch for batch in waiting if any(name in batch for name in names)]

    @property
    def is_under_way(self) -> bool:
        """Whether more rows of the date are to be expected: it is not over, and batches wait."""
        return not self.is_over and bool(self.waiting_batches)

    @cached_property
    def _compared(self) -> tuple[int, dict[date, DayProfile]]:
        """How many days before the date are looked at, and what was found: as many as may be read at once."""
        platform, days = self.platform, self.days
        while True:
            since = self.game_date - timedelta(days=days)
            try:
                found = profile_days(platform.warehouse, platform.table, self.column_rules, since, self.game_date)
                return days, {profile.game_date: profile for profile in found}
            except QueryOverLimit as error:
                fewer = min(days - 1, int((days + 1) * error.allowed_share) - 1)
                if fewer < self.rules.fewest_dates:
                    raise
                days = fewer

    @property
    def profiles(self) -> dict[date, DayProfile]:
        """By date, oldest first; dates without rows are left out."""
        return self._compared[1]

    @property
    def days_compared(self) -> int:
        """`days`, or fewer if those would read more than the environment allows."""
        return self._compared[0]

    @property
    def profile(self) -> DayProfile | None:
        """Of the date; None: it has no rows."""
        return self.profiles.get(self.game_date)

    @cached_property
    def last_written(self) -> DayWritten | None:
        """The newest date with rows, of this one and its past; None: none has any."""
        since = self.game_date - timedelta(days=self.days)
        return last_written(self.platform.warehouse, self.platform.table, since, self.game_date)

    @property
    def past(self) -> list[DayProfile]:
        """The dates before it that have rows."""
        return [profile for day, profile in self.profiles.items() if day < self.game_date]

    @property
    def has_past(self) -> bool:
        return len(self.past) >= self.rules.fewest_dates

    @property
    def no_past(self) -> str:
        """Why nothing can be compared."""
        days, needed = self.days_compared, self.rules.fewest_dates
        return f"only {len(self.past)} of the {days} days before have rows, {needed} are needed"

    @property
    def has_systems(self) -> bool:
        """Whether the table has a column for the game and one for the system."""
        return {self.rules.game_column, self.rules.system_column} <= self.columns.keys()

    @cached_property
    def coverage(self) -> dict[date, list[Coverage]]:
        """The systems of each date; nothing when the table has no column for them."""
        by_date: dict[date, list[Coverage]] = {}
        if self.has_systems:
            platform, rules = self.platform, self.rules
            for system in coverage_by_system(
                platform.warehouse,
                platform.table,
                self.since,
                self.game_date,
                game_column=rules.game_column,
                system_column=rules.system_column,
            ):
                by_date.setdefault(system.game_date, []).append(system)
        return by_date

    @cached_property
    def activity(self) -> dict[date, Activity]:
        """By date; what readers see of it."""
        platform = self.platform
        found = activity_by_day(platform.warehouse, platform.table, self.since, self.game_date)
        return {activity.game_date: activity for activity in found}


def night_of(scope: Scope, *, days: int, games: int | None = None) -> Night:
    """What the daily check looks at.

    Args:
        scope: The run's platform and date.
        days: How many days before the date its rows are compared with.
        games: How many games there are on the date; None: the environment's `due` says so, if it can.

    Raises:
        UserError: An impossible number, or ``params/quality.yaml`` does not fit.
    """
    if not 1 <= days <= _MOST_DAYS:
        raise UserError(f"days={days} can't be looked at; write 1 to {_MOST_DAYS}")
    if games is not None and games < 0:
        raise UserError(f"games={games} must be 0 or more; leave it empty if you do not know")
    return Night(scope, days, games, load_rules())


def load_rules(path: Path | None = None) -> QualityRules:
    """The rules of the file, by default of ``params/quality.yaml``.

    Raises:
        UserError: The file cannot be read, or does not fit.
    """
    return _load_rules(path or places.file("params/quality.yaml"))


@cache
def _load_rules(path: Path) -> QualityRules:
    rules: QualityRules = load_settings(path, QualityRules)
    return rules
