"""The thresholds of the daily check: a quality file of ``params``, or defaults for a table without one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lib.consolidation.identifiers import plain_identifier
from lib.consolidation.upkeep.column_rules import ColumnRule, DirectionRule
from lib.consolidation.upkeep.day_profiles import Groups
from lib.environment import Environment
from lib.errors import UserError
from lib.settings_file import load_settings
from lib.words.brief import brief

_STRICT = {"extra": "forbid", "allow_inf_nan": False}
_NO_GROUPS = Groups()


@dataclass(frozen=True)
class Limits:
    """How far a figure may be from the usual.

    Attributes:
        scatters: Only a change of more than this many times the usual scatter counts.
        steady: The scatter between dates is taken to be at least this.
        warn: A smaller change is a PASS.
        fail: A change of at least this is a FAIL.
    """

    __pydantic_config__ = _STRICT

    scatters: float
    steady: float
    warn: float
    fail: float

    def __post_init__(self) -> None:
        if not (0 < self.steady <= self.warn <= self.fail and self.scatters > 0):
            raise UserError(f"limits must be above 0 and rise from steady to warn to fail, got {self}")


@dataclass(frozen=True)
class DifferenceRule:
    """The difference of two columns, whose mean is compared with recent dates.

    Attributes:
        name: Its name for people, such as ``bias``.
        value: The column of the first number.
        less: The column that is subtracted.
        limits: In the columns' unit.
    """

    __pydantic_config__ = _STRICT

    name: str
    value: str
    less: str
    limits: Limits

    __repr__ = brief("name", "value")

    @property
    def measure(self) -> str:
        """The name of its figures."""
        return f"{self.value}__minus__{self.less}"

    def __post_init__(self) -> None:
        for name in (self.value, self.less):
            plain_identifier(name, "column name")


@dataclass(frozen=True)
class ValueRules:
    """How the values of each source are compared with its recent dates.

    Attributes:
        fewest_dates: With fewer good dates nothing is compared.
        fewest_rows: Fewer rows may all be equal by chance.
        share: Limits for the share of a word, 0 to 1.
        mean: Limits for a mean, in standard deviations of the column.
        spread: Limits for a standard deviation, as a share of the usual one.
        differences: Differences of columns whose means are compared.
        category: The column whose words (`one_of` in its rule) are counted; empty for none.
        apart: Words counted as shares of all rows; other words are shares of the rows without these.
    """

    __pydantic_config__ = _STRICT

    fewest_dates: int = 7
    fewest_rows: int = 20
    share: Limits = Limits(scatters=4.5, steady=0.02, warn=0.2, fail=0.3)
    mean: Limits = Limits(scatters=5, steady=0.1, warn=0.6, fail=1.2)
    spread: Limits = Limits(scatters=5, steady=0.1, warn=0.5, fail=0.8)
    differences: tuple[DifferenceRule, ...] = ()
    category: str = ""
    apart: tuple[str, ...] = ()

    __repr__ = brief()

    def __post_init__(self) -> None:
        if self.category:
            plain_identifier(self.category, "column name")


@dataclass(frozen=True)
class VolumeRules:
    """How the number of rows is compared with recent dates. Shares are of the usual number.

    Attributes:
        per: Columns of `groups` to divide the rows by, whatever the weekday; empty to compare all rows of a date
            with dates of its weekday.
        fewest_dates: With fewer earlier dates nothing is compared.
        warn_below: A smaller share is a WARN.
        fail_below: A smaller share is a FAIL.
        warn_above: More than this many times the usual is a WARN; None if more rows are always fine.
        scatters: Only a date off by more than this many times the scatter of recent dates is unusual.
        steady: The scatter between dates is taken to be at least this share.
    """

    __pydantic_config__ = _STRICT

    per: tuple[str, ...] = ()
    fewest_dates: int = 7
    warn_below: float = 0.8
    fail_below: float = 0.5
    warn_above: float | None = 3.0
    scatters: float = 3.5
    steady: float = 0.05

    __repr__ = brief()

    def __post_init__(self) -> None:
        if not 0 < self.fail_below <= self.warn_below <= 1:
            raise UserError("volume: fail_below and warn_below must rise from above 0 to at most 1")
        if self.warn_above is not None and self.warn_above <= 1:
            raise UserError(f"volume.warn_above: must be above 1, got {self.warn_above:g}")
        if self.fewest_dates < 1 or self.scatters <= 0 or self.steady <= 0:
            raise UserError("volume: fewest_dates, scatters and steady must be above 0")


@dataclass(frozen=True)
class QualityRules:
    """The rules of the daily check; a table without a file has the defaults. Shares are 0 to 1.

    Attributes:
        groups: The columns that completeness counts by.
        volume: How the number of rows is compared.
        fewest_dates: With fewer earlier dates there is nothing to compare with.
        usual_share: A source or unit is usual if it was there on this share of the dates since its first.
        thin_below: A unit and source with a smaller share of its usual rows has few.
        null_share_rise: Rise of the share of NULLs that is a WARN, in a column that may be NULL.
        unseen_warn_above: A larger share of subjects without an active row is a WARN.
        unseen_fail_above: A larger share of them is a FAIL.
        most_active_rows: More active rows of one subject are a WARN; None to skip this check.
        usual_days_without_rows: A break of up to this many days before a date is usual.
        most_days_without_rows: After a longer break the table counts as stale.
        written_at_most_hours_before: Rows written earlier than this many hours before their date begins are stale.
        columns: Rules for the values of columns.
        directions: Words that must fit the numbers of their row.
        values: How far the values of a source may be from the usual.
    """

    __pydantic_config__ = _STRICT

    groups: Groups = _NO_GROUPS
    volume: VolumeRules = VolumeRules()
    fewest_dates: int = 7
    usual_share: float = 0.8
    thin_below: float = 0.5
    null_share_rise: float = 0.25
    unseen_warn_above: float = 0.1
    unseen_fail_above: float = 0.3
    most_active_rows: int | None = None
    usual_days_without_rows: int = 1
    most_days_without_rows: int = 7
    written_at_most_hours_before: float = 24
    columns: tuple[ColumnRule, ...] = ()
    directions: tuple[DirectionRule, ...] = ()
    values: ValueRules = ValueRules()

    __repr__ = brief()

    def __post_init__(self) -> None:
        if unknown := {*self.volume.per} - {*self.groups.columns}:
            raise UserError(f"volume.per: {', '.join(sorted(unknown))!s:.80} must be a column of groups:")


@cache
def load_rules(path: Path) -> QualityRules:
    """Return the rules of a file.

    Raises:
        UserError: The file cannot be read, or is not valid.
    """
    rules: QualityRules = load_settings(path, QualityRules)
    return rules


def rules_of(environment: Environment) -> QualityRules:
    """Return the rules of the file that the environment names, or the defaults.

    Raises:
        UserError: The file cannot be read, or is not valid.
    """
    path = environment.params_file("quality")
    return load_rules(path) if path else QualityRules()
