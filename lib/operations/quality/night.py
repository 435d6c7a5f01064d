"""The data of the daily check: the rows of one date, and of the dates before it.

The thresholds are data too, in the file that the environment names, each with its reason.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from statistics import median

from lib.consolidation.errors import QueryOverLimit
from lib.consolidation.schema import NUMBERS
from lib.consolidation.staging import staging_backlog
from lib.consolidation.upkeep.column_rules import ColumnRule, DirectionRule, Measure, contradictions_of, measures_of
from lib.consolidation.upkeep.day_profiles import (
    Cell,
    DayProfile,
    DayWritten,
    Groups,
    SourceProfile,
    cells_of,
    is_active,
    last_written,
    profile_days,
)
from lib.consolidation.upkeep.subjects import Activity, activity_by_day, subject_columns
from lib.consolidation.upkeep.value_figures import figures_of, number, word_counts_of
from lib.consolidation.warehouse import Column
from lib.errors import UserError
from lib.operations.due.answer import Due
from lib.operations.quality.rules import DifferenceRule, QualityRules, rules_of
from lib.operations.quality.words import Words
from lib.operations.scope import Scope
from lib.platform import Platform
from lib.verdict.check import Looking
from lib.verdict.findings import Findings
from lib.words.dates import start_of
from lib.words.nouns import agreeing, plural

_MOST_DAYS = 400


@dataclass(frozen=True)
class Night:
    """A date with its recent past. Everything is counted in the warehouse, and only once.

    Attributes:
        scope: The run's platform and date.
        days: Number of days before the date that are its past.
        units: Number of units that are due, as given by a person; None to ask the environment's `due`.
        rules: The thresholds.
    """

    scope: Scope = field(repr=False)
    days: int
    units: int | None
    rules: QualityRules = field(repr=False)

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
        """The first date of the past that is compared."""
        return self.game_date - timedelta(days=self.days_compared)

    @property
    def starts_at(self) -> datetime:
        """When the date begins in the environment's zone (UTC)."""
        return start_of(self.game_date, self.platform.environment.timezone)

    @property
    def ends_at(self) -> datetime:
        """When it ends there (UTC)."""
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
        """Whether rows of the date are due, and of how many units; `units` overrides the environment."""
        if self.units is None:
            return self.scope.due.on(self.game_date)
        units = plural(self.words.unit or "unit")
        return Due(self.units > 0, f"no {units} (confirmed)", self.units, units)

    @property
    def monitoring(self) -> Looking:
        """The command that shows which batches ran, and which still wait."""
        return self.platform.commands.run("day1_monitoring", {"date": self.game_date})

    @property
    def row_count(self) -> list[Looking]:
        """The command that counts the rows of the date."""
        return [self.platform.commands.count_rows(self.game_date)]

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The table's columns by name."""
        return {column.name: column for column in self.platform.warehouse.columns(self.platform.table.table)}

    @cached_property
    def column_rules(self) -> list[ColumnRule]:
        """The rules whose columns the table has, and one for each key column that must not be NULL."""
        table = self.platform.table
        named = {rule.column for rule in self.rules.columns}
        needed = [name for name in table.key_columns if name not in table.nullable_keys and name not in named]
        rules = [*(ColumnRule(name, required=True) for name in needed), *self.rules.columns]
        return [rule for rule in rules if rule.column in self.columns and rule.fits_type(self.columns[rule.column])]

    @property
    def rules_left_out(self) -> list[str]:
        """Columns of rules that the table does not have, or has with another type."""
        applied = {rule.column for rule in self.column_rules}
        return [rule.column for rule in self.rules.columns if rule.column not in applied]

    @property
    def number_columns(self) -> list[str]:
        """Columns whose values are compared by source: numbers with limits, which an id does not have."""
        limited = {rule.column for rule in self.rules.columns if rule.is_of_numbers}
        return [name for name in self.columns if name in limited and self._is_number(name)]

    @property
    def differences(self) -> list[DifferenceRule]:
        """The differences whose columns the table has, as numbers."""
        rules = self.rules.values.differences
        return [rule for rule in rules if self._is_number(rule.value) and self._is_number(rule.less)]

    @property
    def directions(self) -> list[DirectionRule]:
        """The directions whose columns the table has."""
        return [rule for rule in self.rules.directions if rule.fits(self.columns)]

    def _is_number(self, name: str) -> bool:
        return (column := self.columns.get(name)) is not None and column.type in NUMBERS

    @property
    def category_words(self) -> tuple[str, ...]:
        """The words that the category column may have; none if the table does not have it."""
        category = self.rules.values.category
        return next((rule.one_of for rule in self.column_rules if rule.column == category), ())

    @property
    def _measures(self) -> list[Measure]:
        """Everything that the single scan measures for each date and source."""
        counted, values = is_active(self.platform.table), self.rules.values
        measures = [measure for rule in self.column_rules for measure in measures_of(rule, counted)]
        measures += [contradictions_of(rule, counted) for rule in self.directions]
        for column in self.number_columns:
            measures += figures_of(column, number(column), counted)
        for rule in self.differences:
            measures += figures_of(rule.measure, f"({number(rule.value)} - {number(rule.less)})", counted)
        return [*measures, *word_counts_of(values.category, self.category_words, counted)]

    @cached_property
    def waiting_batches(self) -> list[str]:
        """Batches with this date in their name whose rows wait in staging."""
        day = self.game_date
        names = (day.isoformat(), f"{day:%Y%m%d}", f"{day:%Y_%m_%d}")
        batches = staging_backlog(self.platform.warehouse, self.platform.table)
        waiting = [batch.name for batch in batches if batch.unmerged_tables]
        return [batch for batch in waiting if any(name in batch for name in names)]

    @property
    def is_under_way(self) -> bool:
        """Whether more rows of the date may come: it has not ended, and batches wait."""
        return not self.is_over and bool(self.waiting_batches)

    @cached_property
    def _compared(self) -> tuple[int, dict[date, DayProfile]]:
        """The number of earlier days read, at most as many as the query limit allows, and their profiles."""
        platform, days = self.platform, self.days
        while True:
            since = self.game_date - timedelta(days=days)
            try:
                found = profile_days(
                    platform.warehouse, platform.table, self._measures, since, self.game_date, self.groups
                )
                return days, {profile.game_date: profile for profile in found}
            except QueryOverLimit as error:
                fewer = min(days - 1, int((days + 1) * error.allowed_share) - 1)
                if fewer < self.rules.fewest_dates:
                    raise
                days = fewer

    @property
    def profiles(self) -> dict[date, DayProfile]:
        """Profiles by date, oldest first; dates without rows are left out."""
        return self._compared[1]

    @property
    def days_compared(self) -> int:
        """`days`, or fewer if that would read more than the environment allows."""
        return self._compared[0]

    @property
    def profile(self) -> DayProfile | None:
        """The date's profile; None if it has no rows."""
        return self.profiles.get(self.game_date)

    @cached_property
    def last_written(self) -> DayWritten | None:
        """The newest date with rows, of this one and its past; None if there are none."""
        since, warehouse = self.game_date - timedelta(days=self.days), self.platform.warehouse
        with warehouse.session():
            return last_written(warehouse, self.platform.table, since, self.game_date)

    @cached_property
    def past(self) -> list[DayProfile]:
        """Profiles of the earlier dates that have rows."""
        return [profile for day, profile in self.profiles.items() if day < self.game_date]

    @property
    def has_past(self) -> bool:
        return len(self.past) >= self.rules.fewest_dates

    @property
    def no_past(self) -> str:
        """Why there is nothing to compare with."""
        days, needed = self.days_compared, self.rules.fewest_dates
        return (
            f"only {len(self.past)} of the {days} days before {agreeing(len(self.past), 'has')} "
            f"rows; {needed} are needed"
        )

    def usual_share(self, measure: str) -> float | None:
        """Return the median share of a measure on earlier dates, of the active rows; None if too few have rows."""
        if self.has_past and measure not in self._usual_shares:
            self._usual_shares[measure] = median(profile.share(measure) for profile in self.past)
        return self._usual_shares.get(measure)

    @cached_property
    def _usual_shares(self) -> dict[str, float]:
        return {}

    @property
    def groups(self) -> Groups:
        """The columns to count by that the table has."""
        groups = self.rules.groups
        return Groups(**{name: column for name, column in asdict(groups).items() if column in self.columns})

    @property
    def words(self) -> Words:
        """The nouns that reports use for this table."""
        return Words(self.platform.environment.nouns, self.groups, subject_columns(self.platform.table))

    @cached_property
    def coverage(self) -> dict[date, list[SourceProfile]]:
        """The sources with active rows, by date."""
        seen = {day: [of for of in profile.sources if of.active_rows] for day, profile in self.profiles.items()}
        return {day: sources for day, sources in seen.items() if sources}

    @cached_property
    def cells(self) -> list[Cell]:
        """The units and sources of the date, and those that recur; empty if the table has no such columns."""
        warehouse, table, fewest = self.platform.warehouse, self.platform.table, self.rules.fewest_dates
        return cells_of(warehouse, table, self.groups, self.since, self.game_date, fewest_dates=fewest)

    @cached_property
    def activity(self) -> dict[date, Activity]:
        """What readers see, by date."""
        platform = self.platform
        found = activity_by_day(platform.warehouse, platform.table, self.since, self.game_date)
        return {activity.game_date: activity for activity in found}


def night_of(scope: Scope, *, days: int, units: int | None = None) -> Night:
    """Return the data of the daily check.

    Args:
        scope: The run's platform and date.
        days: Number of earlier days to compare with.
        units: Number of units that are due on the date; None to ask the environment's `due`.

    Raises:
        UserError: A number is out of range, or the file that ``quality:`` names is not valid.
    """
    if not 1 <= days <= _MOST_DAYS:
        raise UserError(f"days must be between 1 and {_MOST_DAYS}, got {days}")
    if units is not None and units < 0:
        raise UserError(f"units must be 0 or more, got {units}; leave it empty if you do not know")
    return Night(scope, days, units, rules_of(scope.platform.environment))
