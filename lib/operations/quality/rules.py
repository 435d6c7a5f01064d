"""What the daily check holds rows against: a quality file of ``params``, or what holds for a table without one."""

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
        scatters: A change counts from so many times the usual scatter.
        steady: Dates are never taken to differ by less, however steady they were.
        warn: A change by less is not a change.
        fail: The same, for a FAIL.
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
    """One number less another, whose mean is compared with that of recent dates.

    Attributes:
        name: What people call it, such as ``bias``.
        value: The column of the first number.
        less: That of the second.
        limits: In their unit.
    """

    __pydantic_config__ = _STRICT

    name: str
    value: str
    less: str
    limits: Limits

    __repr__ = brief("name", "value")

    @property
    def measure(self) -> str:
        """Name of its figures."""
        return f"{self.value}__minus__{self.less}"

    def __post_init__(self) -> None:
        for name in (self.value, self.less):
            plain_identifier(name, "column name")


@dataclass(frozen=True)
class ValueRules:
    """How the values of each source are compared with its recent dates.

    Attributes:
        fewest_dates: With fewer good dates nothing is compared.
        fewest_rows: Fewer rows may be all the same by chance.
        share: Of 1.
        mean: In standard deviations of the column.
        spread: As a share of the usual standard deviation.
        differences: Means of one column less another.
        category: The column whose words are counted, those of its rule's `one_of`; empty: none.
        apart: Words that are shares of all rows; the others are shares of the rows without these.
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
        per: Columns of `groups`: what is compared are the rows for each of their values, whatever the weekday;
            empty: the rows of a date, with those of its weekday.
        fewest_dates: With fewer earlier dates nothing is compared.
        warn_below: A share.
        fail_below: The same, for a FAIL.
        warn_above: So many times the usual; None: more rows are always in order.
        scatters: A date counts as unusual only beyond so many times the scatter of the recent dates.
        steady: Dates are never taken to differ by a smaller share, however steady they were.
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
    """The rules; without a file the defaults hold. Shares are of 1.

    Attributes:
        groups: The columns that completeness is judged by.
        volume: How the number of rows is compared.
        fewest_dates: With fewer earlier dates nothing is usual.
        usual_share: What was there on this share of the dates since its first is usual.
        thin_below: Rows of a unit by a source, as a share of the usual ones.
        null_share_rise: Of a column that may be empty.
        unseen_warn_above: Keys without a row that readers see.
        unseen_fail_above: The same, for a FAIL.
        most_active_rows: Active rows of one key, without its rounded columns; None: not asked.
        usual_days_without_rows: Such a break before a date is usual.
        most_days_without_rows: After a longer break the table counts as frozen.
        written_at_most_hours_before: Hours between a date's rows and its start.
        columns: What the values must be like.
        directions: Words that have to fit the numbers of their row.
        values: How far from the usual the values of a source may be.
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
            raise UserError(f"volume.per: {', '.join(sorted(unknown))!s:.80} is not a column of groups:")


@cache
def load_rules(path: Path) -> QualityRules:
    """The rules of the file.

    Raises:
        UserError: The file cannot be read, or does not fit.
    """
    rules: QualityRules = load_settings(path, QualityRules)
    return rules


def rules_of(environment: Environment) -> QualityRules:
    """The rules of the file that the environment names, or those of any table.

    Raises:
        UserError: The file cannot be read, or does not fit.
    """
    path = environment.params_file("quality")
    return load_rules(path) if path else QualityRules()
